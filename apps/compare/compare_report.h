// What `compare` measured, and its tables and page.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vision/eval/evaluate.h"

namespace parallax {

// One scene rendered by one model in each form.
struct Comparison {
  std::string model;
  std::string variant;
  int64_t training_steps = 0;                // as the model's card says; 0: unknown
  std::vector<FormEvaluation> forms;         // with medians of the repeated timings
  std::optional<FormDifference> difference;  // between the first two forms
};

struct SceneComparison {
  PreparedScene scene;
  std::vector<Comparison> models;
};

struct CompareReport {
  std::vector<SceneComparison> scenes;
  std::vector<std::string> notes;  // variants without weights, pictures of speed, and the like
  std::string machine;
};

// How far each model is from the baseline (variant 0) trained for as many steps, beside the same
// difference in the paper; no rows but the header where there is no such pair.
std::vector<std::vector<std::string>> difference_rows(const CompareReport& report);

// Scene, model, variant and form first; the header is the first row.
std::vector<std::vector<std::string>> comparison_rows(const CompareReport& report);

nlohmann::json comparison_json(const CompareReport& report);

// One self-contained page: table, bars of PSNR and speed, PSNR per view, pictures.
std::string comparison_page(const CompareReport& report);

}  // namespace parallax
