// The comparison as tables, CSV and JSON.
#pragma once

#include <string>
#include <vector>

#include "apps/compare/compare_rows.h"

namespace parallax {

// Everything that a run of `compare` measured, and how it is shown.
struct CompareReport {
  std::vector<ComparisonRow> rows;  // of one scene after another
  std::vector<std::string> notes;   // on variants without weights, scenes left out and the like
  std::string baseline;             // the model that differences are taken to; empty: the default
  bool beside_paper = false;        // differences beside the paper's
  nlohmann::json provenance;        // of the run
};

// What "in the paper" may not be read as.
inline constexpr const char* kPaperCaveat =
    "In the paper: PSNR over variant 0's on RealEstate10K, 128x128, 2 inputs, models of 24 layers "
    "trained there; other scenes, sizes and weights need not order the variants alike.";

// The model that differences are taken to: the wanted one, else the first of variant 0, else the
// first.
std::string choose_baseline(const CompareReport& report);

// For the terminal: a row per model and scene, both forms in it, with standard errors.
std::vector<std::vector<std::string>> comparison_table(const CompareReport& report);

// Each model's PSNR over the baseline's, paired by view, with its interval; the header alone if
// there is no other model.
std::vector<std::vector<std::string>> difference_table(const CompareReport& report);

// In full precision: a row per scene, model and form; one per view besides. The first is the
// header, fields in snake_case, empty where nothing was measured.
std::vector<std::vector<std::string>> comparison_csv(const CompareReport& report);
std::vector<std::vector<std::string>> views_csv(const CompareReport& report);

// `for_page`: with the pictures and the variants' summaries.
nlohmann::json comparison_json(const CompareReport& report, bool for_page);

}  // namespace parallax
