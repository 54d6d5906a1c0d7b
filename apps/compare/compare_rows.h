// What `compare` measures of one model on one scene, as a line of JSON that a later run reads back.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "vision/eval/evaluate.h"

namespace parallax {

// One form of a model: metrics of every held-out view, and times of every round.
struct ComparedForm {
  std::string form;
  ViewMetrics mean;
  double pooled_psnr = kNotMeasured;
  std::vector<ViewMetrics> views;           // one per target
  std::vector<double> reconstruct_seconds;  // of all inputs; one per round, the forms in turns
  std::vector<double> view_seconds;         // of one view; likewise
  int64_t input_tokens = 0;

  double reconstruct_median() const;  // seconds; kNotMeasured without rounds
  double view_median() const;
};

// A held-out view as PNG files in base64: the truth and what the forms rendered.
struct ComparedPicture {
  int view = 0;
  std::string truth;
  // By form. Only the first form, where the others' pictures look the same.
  std::vector<std::pair<std::string, std::string>> images;
};

// One model on one scene.
struct ComparisonRow {
  std::string scene_path;  // absolute
  nlohmann::json scene;    // scene_json()
  std::string word;        // the model, as the command line names it
  std::string model;       // its name in tables
  std::string variant;
  std::string reading;         // of the input views: batch or streamed
  int64_t training_steps = 0;  // from the model's card; 0: unknown
  int64_t model_time = 0;      // of the weights' last change, seconds
  std::vector<ComparedForm> forms;
  std::optional<FormDifference> difference;  // between the first two forms
  std::vector<ComparedPicture> pictures;

  // Null if the model has no such form.
  const ComparedForm* find_form(const std::string& form) const;
  std::string scene_name() const { return scene.at("name").get<std::string>(); }
};

// The row as a line of JSON, with its end; what is read back from one, or nothing if the line is
// something else.
std::string comparison_row_line(const ComparisonRow& row);
std::optional<ComparisonRow> parse_comparison_row(const std::string& line);

// A form's measures in full precision, its own and each view's.
nlohmann::json compared_form_json(const ComparedForm& form);

// The pictures, as parse_comparison_row() and the page read them.
nlohmann::json pictures_json(const std::vector<ComparedPicture>& pictures);

// Which form reads faster, if the rounds say that one does ("parallel 1.14×"), else "equal"; empty
// for a single form.
std::string faster_form(const ComparisonRow& row);

// A column of the views' metrics: of every view.
std::vector<double> column_of(const ComparedForm& form, double ViewMetrics::*metric);

}  // namespace parallax
