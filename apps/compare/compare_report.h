// The measurements of `compare`, with their tables and page.
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
  int64_t training_steps = 0;                // from the model's card; 0: unknown
  std::vector<FormEvaluation> forms;         // with medians of the repeated timings
  std::optional<FormDifference> difference;  // between the first two forms
};

// One scene rendered by several models.
struct SceneComparison {
  PreparedScene scene;
  std::vector<Comparison> models;
};

// Everything that a run of `compare` measured.
struct CompareReport {
  std::vector<SceneComparison> scenes;
  std::vector<std::string> notes;  // on variants without weights, speed-only results, and the like
  std::string machine;
};

// Each model's difference from the baseline (variant 0) trained for the same number of steps, next
// to the same difference in the paper; only the header if there is no such pair.
std::vector<std::vector<std::string>> difference_rows(const CompareReport& report);

// One row per evaluation, beginning with scene, model, variant and form; the first row is the
// header.
std::vector<std::vector<std::string>> comparison_rows(const CompareReport& report);

nlohmann::json comparison_json(const CompareReport& report);

// One self-contained page: table, bars of PSNR and speed, PSNR per view, images.
std::string comparison_page(const CompareReport& report);

}  // namespace parallax
