// What one probe found on one model, as a line of JSON that a later run reads back.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "vision/lab/lab_result.h"

namespace parallax {

// A result with where it came from.
struct LabRow {
  std::string probe;
  std::string word;  // the model, as the command line names it
  std::string model;
  std::string variant;
  bool classifies = false;     // a classifier, else a model of novel views
  int64_t training_steps = 0;  // from the model's card; 0: unknown
  int64_t model_time = 0;      // of the weights' last change, seconds
  double seconds = 0;          // that the probe took
  nlohmann::json result;       // probe_result_json()
};

// Findings, plots, tables, notes and measures; pictures as PNG in base64.
nlohmann::json probe_result_json(const lab::ProbeResult& result);

// The row as JSON, and what is read back from its text; nothing if the text is something else.
nlohmann::json lab_row_json(const LabRow& row);
std::optional<LabRow> parse_lab_row(const std::string& line);

// A measure of the row's; empty if it has none of that name.
std::vector<double> measure_of(const LabRow& row, const std::string& name);

}  // namespace parallax
