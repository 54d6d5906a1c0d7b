// What becomes of a trained model when its inner loop is changed: more steps, ascent, the query
// replaced by the key (the paper's §4.1, §4.2 and §4.4).
#pragma once

#include <functional>

#include "vision/lab/lab_result.h"
#include "vision/lab/nvs_subject.h"
#include "vision/metrics/statistics.h"

namespace parallax::lab {

// Inner steps that are tried, as multiples of the model's own.
inline constexpr int kInnerSteps[] = {1, 2, 4, 8, 16, 32, 64};

// A difference of PSNR within ±this, in dB, counts as none.
inline constexpr double kSameQuality = 0.1;

// Each calls `advance` after every evaluation of the scenes, kEvaluations of them.
inline constexpr int kMoreStepsEvaluations = static_cast<int>(std::size(kInnerSteps));
inline constexpr int kAscentEvaluations = 3;
inline constexpr int kQueryEvaluations = 2;

ProbeResult probe_more_steps(const NvsSubject& subject, const std::function<void()>& advance);
ProbeResult probe_ascent(const NvsSubject& subject, const std::function<void()>& advance);
ProbeResult probe_query(const NvsSubject& subject, const std::function<void()>& advance);

// The findings of more inner steps, from measures at kInnerSteps; for models of any kind.
std::vector<Finding> more_steps_findings(
    const std::vector<double>& losses,                  // mean inner loss per number of steps
    const std::vector<std::vector<double>>& qualities,  // per number of steps and item
    const std::string& quality,                         // "PSNR", with its unit and decimals
    const std::string& unit,
    double same,  // a change within ±this counts as none
    const std::string& on);

// The direction that a model was not trained with, and what it and the model's own are called.
struct TurnedDirection {
  Direction direction = Direction::kAscent;
  const char* trained = "descent";
  const char* other = "ascent";
};
TurnedDirection turn(Direction trained);

// What ascent in place of descent, or the reverse, does to a trained model of any kind: `change` of
// its quality, in `unit`; within ±`same` counts as none.
Finding turned_finding(const TurnedDirection& turned,
                       const Estimate& change,
                       double same,
                       const std::string& unit,
                       const std::string& sentence);

// What the key in the query's place does, likewise.
Finding query_finding(const Estimate& change,
                      double same,
                      const std::string& unit,
                      const std::string& sentence);

inline constexpr const char* kAbsorbedClaim =
    "Gradient ascent serves as well as descent: a change of sign that the weights absorb";
inline constexpr const char* kQueryClaim =
    "Replacing the query by the key hardly changes the output";

// What the measure of quality is called.
struct MoreStepsWords {
  const char* name;       // on axes: "top-1"
  const char* quality;    // in sentences: "accuracy"
  const char* axis_unit;  // "%"
  const char* unit;       // of differences: "points"
  const char* title;      // of its plot
};

// Findings, plots and table of the same measures.
ProbeResult more_steps_result(const std::vector<double>& losses,
                              const std::vector<std::vector<double>>& qualities,
                              const MoreStepsWords& words,
                              double same,
                              const std::string& on);

}  // namespace parallax::lab
