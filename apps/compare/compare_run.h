// Measures every model on every scene, keeping rows as they come.
#pragma once

#include <string>
#include <vector>

#include "apps/compare/compare_options.h"
#include "apps/compare/compare_rows.h"

namespace parallax {

// Files as they tell two runs apart, absolute.
std::vector<std::string> absolute_paths(const std::vector<std::string>& files);

// What came of a run, or of it and those that it resumed.
struct ComparisonResult {
  std::vector<ComparisonRow> rows;    // by scene, then by model, as they were asked for
  std::vector<std::string> failures;  // of scenes, or of models on scenes, as sentences
};

// Evaluates each of `words`, models as the user names them, on each scene, and appends a row per
// pair to results.jsonl in the output folder, which is made for the first of them. Failures are
// also told on stderr as they happen. Throws UsageError before the work if there is no such model
// or baseline, or if what is to be resumed had other settings.
ComparisonResult run_comparison(const CompareOptions& options,
                                const std::vector<std::string>& words,
                                const EvaluateOptions& evaluate);

}  // namespace parallax
