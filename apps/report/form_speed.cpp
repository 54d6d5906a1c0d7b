// Alternating rounds of reading and rendering.
#include "apps/report/form_speed.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/report/timing.h"
#include "core/base/device.h"
#include "vision/metrics/statistics.h"

namespace parallax {
namespace {

// What timing may take: this, or half of what the evaluations took where that is more.
constexpr double kBudgetSeconds = 0.4;
constexpr double kBudgetShare = 0.5;
constexpr int kFewestRounds = 3;
constexpr int kMostRounds = 5;
constexpr double kLeastSeconds = 0.005;  // of a case in a round

double quantile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(at);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

// Rounds that fit the budget, going by the evaluations' own times, the first of which may be long.
int affordable_rounds(const std::vector<FormEvaluation>& evaluations) {
  double round = 0;
  double spent = 0;
  for (const FormEvaluation& evaluation : evaluations) {
    const double view = evaluation.views.empty() ? 0 : evaluation.seconds_per_view();
    round +=
        std::max(evaluation.reconstruct_seconds, kLeastSeconds) + std::max(view, kLeastSeconds);
    spent += evaluation.reconstruct_seconds + evaluation.render_seconds;
  }
  const double budget = std::max(kBudgetSeconds, kBudgetShare * spent);
  const double rounds = budget / round - 1;  // one is not counted
  return rounds < kFewestRounds ? 0 : static_cast<int>(std::min<double>(rounds, kMostRounds));
}

nlohmann::json spread_json(const std::vector<double>& seconds) {
  const Spread spread = spread_of(seconds);
  return {{"median", spread.median},
          {"first_quartile", spread.low},
          {"third_quartile", spread.high},
          {"rounds", seconds.size()}};
}

}  // namespace

Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {quantile(values, 0.5), quantile(values, 0.25), quantile(values, 0.75)};
}

std::string format_spread(const Spread& s, double unit) {
  const double median = s.median / unit;
  const double half = (s.high - s.low) / 2 / unit;
  return median < 10 ? fmt::format("{:.2f} ± {:.2f}", median, half)
                     : fmt::format("{:.1f} ± {:.1f}", median, half);
}

std::vector<FormSpeed> time_forms(const NvsModel& model,
                                  const PreparedScene& scene,
                                  const std::vector<FormEvaluation>& evaluations,
                                  const EvaluateOptions& options,
                                  int rounds) {
  rounds = rounds > 0 ? rounds : affordable_rounds(evaluations);
  if (rounds == 0) {
    return {};
  }
  const torch::InferenceMode inference;
  const torch::Device device = options.device;
  const Tensor images = scene.inputs.images.to(device);
  const CameraBatch inputs = scene.inputs.batch.to(device);
  const bool has_views = !scene.targets.indices.empty();
  const CameraBatch view = has_views ? scene.targets.batch.slice(0, 1).to(device) : inputs;
  std::vector<std::function<void()>> cases;
  for (const FormEvaluation& evaluation : evaluations) {
    cases.emplace_back([&, form = evaluation.form] {
      read_inputs(model, images, inputs, form, options.streamed);
      wait_for(device);
    });
  }
  for (const FormEvaluation& evaluation : evaluations) {
    if (has_views) {
      cases.emplace_back([&] {
        model.module->render(evaluation.state, view);
        wait_for(device);
      });
    }
  }
  const auto seconds = paired_seconds(cases, {.repeats = rounds, .min_seconds = kLeastSeconds});
  std::vector<FormSpeed> speeds;
  for (size_t i = 0; i < evaluations.size(); ++i) {
    FormSpeed speed{.form = evaluations[i].form, .reconstruct_seconds = seconds[i]};
    if (has_views) {
      speed.view_seconds = seconds[evaluations.size() + i];
    }
    speeds.push_back(std::move(speed));
  }
  return speeds;
}

void adopt_medians(const std::vector<FormSpeed>& speeds, std::vector<FormEvaluation>& evaluations) {
  for (size_t i = 0; i < speeds.size(); ++i) {
    FormEvaluation& evaluation = evaluations[i];
    evaluation.reconstruct_seconds = median(speeds[i].reconstruct_seconds);
    if (!speeds[i].view_seconds.empty()) {
      evaluation.render_seconds =
          median(speeds[i].view_seconds) * static_cast<double>(evaluation.views.size());
    }
  }
}

double certain_ratio(const std::vector<double>& first_seconds,
                     const std::vector<double>& second_seconds) {
  const auto logarithms = [](std::vector<double> seconds) {
    for (double& value : seconds) {
      value = std::log(value);
    }
    return seconds;
  };
  const Estimate ratio = estimate_difference(logarithms(first_seconds), logarithms(second_seconds));
  const bool certain = ratio.count >= kFewestRounds && (ratio.low > 0 || ratio.high < 0);
  return certain ? std::exp(ratio.mean) : 1;
}

std::string compare_rounds(const std::vector<double>& first_seconds,
                           const std::vector<double>& second_seconds,
                           const std::string& first_name,
                           const std::string& second_name) {
  const double ratio = certain_ratio(first_seconds, second_seconds);
  if (ratio == 1) {
    return fmt::format("equal within the scatter of {} rounds", first_seconds.size());
  }
  return fmt::format("{} {:.2f} times as fast, {} rounds",
                     ratio > 1 ? second_name : first_name,
                     ratio > 1 ? ratio : 1 / ratio,
                     first_seconds.size());
}

nlohmann::json form_speed_json(const FormSpeed& speed) {
  nlohmann::json json = {{"reconstruct_seconds", spread_json(speed.reconstruct_seconds)}};
  if (!speed.view_seconds.empty()) {
    json["view_seconds"] = spread_json(speed.view_seconds);
  }
  return json;
}

}  // namespace parallax
