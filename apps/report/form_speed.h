// How fast each form of a model reads a scene and renders from it, with the scatter.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vision/eval/evaluate.h"

namespace parallax {

// The middle of repeated measurements and the middle half of them.
struct Spread {
  double median = 0;
  double low = 0;   // first quartile
  double high = 0;  // third quartile
};
Spread spread_of(std::vector<double> values);             // at least one
std::string format_spread(const Spread& s, double unit);  // "80.9 ± 1.2": half of the middle half

// One form's speeds, in rounds that ran all forms.
struct FormSpeed {
  Form form = Form::kRecurrent;
  std::vector<double> reconstruct_seconds;  // of all inputs; per round
  std::vector<double> view_seconds;         // of one view; empty without views
};

// Times the forms of `evaluations` in turns, so that neither warm-up nor other work favours one.
// `rounds` 0: as many as fit into half of the time that the evaluations took; none if that is less
// than three, and the result is empty.
std::vector<FormSpeed> time_forms(const NvsModel& model,
                                  const PreparedScene& scene,
                                  const std::vector<FormEvaluation>& evaluations,
                                  const EvaluateOptions& options,
                                  int rounds = 0);

// Replaces the evaluations' own times, which are those of one run, by the medians.
void adopt_medians(const std::vector<FormSpeed>& speeds, std::vector<FormEvaluation>& evaluations);

// How many times as fast the second side was as the first, round by round: their mean ratio if its
// 95 % interval leaves out 1, else 1.
double certain_ratio(const std::vector<double>& first_seconds,
                     const std::vector<double>& second_seconds);

// The same in words: "parallel 1.14 times as fast, …", else "equal within the scatter of 7 rounds".
std::string compare_rounds(const std::vector<double>& first_seconds,
                           const std::vector<double>& second_seconds,
                           const std::string& first_name,
                           const std::string& second_name);

nlohmann::json form_speed_json(const FormSpeed& speed);

}  // namespace parallax
