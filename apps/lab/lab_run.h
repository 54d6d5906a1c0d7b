// Runs every probe on every model, keeping rows as they come.
#pragma once

#include <string>
#include <vector>

#include "apps/lab/lab_options.h"
#include "apps/lab/lab_rows.h"

namespace parallax {

// What came of a run, or of it and those that it resumed.
struct LabReport {
  std::vector<LabRow> rows;           // by model, then by probe; then comparisons of all models
  std::vector<std::string> failures;  // of data, or of probes on models, as sentences
  std::vector<std::string> data;      // what was examined: scenes and folders
  nlohmann::json provenance;
};

inline constexpr const char* kLabRows = "results.jsonl";  // in the output folder, a row per line

// Whether a run with these options may use its output folder without moving anything away: it holds
// no results, or those of a run with the same settings.
bool fits_lab_folder(const LabOptions& options);

// Appends a row per probe and model to results.jsonl in the output folder, which is made for the
// first of them. Before each probe its cost is told on stderr, and failures as they happen. Throws
// UsageError before the work if there is no such model or probe, or if what is to be resumed had
// other settings.
LabReport run_laboratory(const LabOptions& options);

}  // namespace parallax
