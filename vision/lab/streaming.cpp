// The same views in ranges of different length.
#include "vision/lab/streaming.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/clock.h"
#include "core/base/device.h"
#include "vision/lab/lab_text.h"
#include "vision/lab/rule_changes.h"
#include "vision/metrics/image_metrics.h"

namespace parallax::lab {
namespace {

constexpr int64_t kChunkViews = 2;
constexpr double kSamePictures = 60;  // dB between two pictures that look the same

int64_t fast_weight_bytes(const SceneState& state) {
  int64_t bytes = 0;
  for (const InnerState& block : state.blocks) {
    for (Tensor FastWeights::*matrix : kFastWeightMatrices) {
      for (FastWeights InnerState::*member : kInnerStateMembers) {
        if (member == &InnerState::main) {
          continue;  // the weights themselves, but under pre-norm
        }
        const Tensor& w = block.*member.*matrix;
        bytes += w.defined() ? w.numel() * w.element_size() : 0;
      }
    }
  }
  return bytes;
}

// One scene, its inputs read in several ways.
class Reader {
 public:
  explicit Reader(const NvsSubject& subject)
      : model_(*subject.model), scene_(subject.scenes.front()) {}

  SceneState batch(int64_t views, Form form) const {
    return model_.module->reconstruct(images(0, views), cameras(0, views), form);
  }
  SceneState streamed(int64_t views, Form form) const {
    return model_.module->reconstruct_streamed(images(0, views), cameras(0, views), form);
  }
  SceneState chunked(int64_t views) const {
    SceneState state = batch(std::min(kChunkViews, views), Form::kRecurrent);
    for (int64_t begin = kChunkViews; begin < views; begin += kChunkViews) {
      const int64_t end = std::min(begin + kChunkViews, views);
      state = model_.module->extend(state, images(begin, end), cameras(begin, end));
    }
    return state;
  }
  // Seconds to add one view to the state of those before.
  double seconds_to_extend(const SceneState& state, int64_t view) const {
    constexpr int kRounds = 5;
    std::vector<double> seconds;
    for (int round = 0; round < kRounds; ++round) {
      const auto start = Clock::now();
      model_.module->extend(state, images(view, view + 1), cameras(view, view + 1));
      seconds.push_back(seconds_since(start));
    }
    std::nth_element(seconds.begin(), seconds.begin() + kRounds / 2, seconds.end());
    return seconds[kRounds / 2];
  }
  Tensor render(const SceneState& state) const {
    return render_cameras(model_, state, scene_.targets.cameras, {});
  }
  std::vector<double> psnrs(const Tensor& rendered) const {
    const Tensor values = psnr_per_image(rendered, scene_.targets.images.squeeze(0));
    return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
  }

 private:
  Tensor images(int64_t begin, int64_t end) const {
    return scene_.inputs.images.slice(1, begin, end);
  }
  CameraBatch cameras(int64_t begin, int64_t end) const {
    return scene_.inputs.batch.slice(begin, end);
  }

  const NvsModel& model_;
  const PreparedScene& scene_;
};

std::string same_to(double between) {
  return std::isinf(between) ? "to the bit" : fmt::format("to {:.0f} dB", between);
}

Finding forms_finding(const std::string& claim, double between, const std::string& sentence) {
  return {.claim = claim,
          .section = "",
          .verdict = between > kSamePictures ? Verdict::kHolds : Verdict::kDoesNotHold,
          .number = "the same pictures " + same_to(between),
          .sentence = sentence};
}

// How the two forms agree, in the schedule where they are one step, and in one where they are not.
std::vector<Finding> compare_the_forms(const Reader& reader, const NvsModel& model, int64_t views) {
  std::vector<Finding> findings;
  const Tensor batch = reader.render(reader.batch(views, Form::kRecurrent));
  findings.push_back(forms_finding(
      "In the default schedule both forms are one gradient step",
      psnr(reader.render(reader.batch(views, Form::kParallel)), batch),
      "All views are read in one update range: the recurrent form sums the step view by view, the "
      "parallel form in one product, so they differ by rounding alone, for every rule. They are "
      "two "
      "computations only where there are several ranges, as when views are streamed."));
  const std::string claim = "Streamed, the parallel form renders what the recurrent form renders";
  if (const auto reason = why_no_parallel_form(model.module->rule().switches)) {
    findings.push_back(
        not_tested(claim,
                   "§5, Appendix I",
                   "Over several ranges this model's rule has no parallel form: " + *reason + "."));
  } else {
    const Tensor streamed = reader.render(reader.streamed(views, Form::kRecurrent));
    findings.push_back(
        forms_finding(claim,
                      psnr(reader.render(reader.streamed(views, Form::kParallel)), streamed),
                      "Every view a range of its own: a prefix scan against a loop over views."));
    findings.back().section = "§5, Appendix I";
  }
  return findings;
}

}  // namespace

std::vector<int64_t> view_counts(int64_t views) {
  std::vector<int64_t> counts;
  for (int64_t count = 1; count < views; count *= 2) {
    counts.push_back(count);
  }
  counts.push_back(views);
  return counts;
}

ProbeResult probe_streaming(const NvsSubject& subject, const std::function<void()>& advance) {
  const torch::InferenceMode inference;
  ProbeResult result;
  const Reader reader(subject);
  const int64_t views = subject.scenes.front().inputs.batch.views();
  LabPlot quality{.title = "Quality over views read",
                  .x_label = "views read",
                  .y_label = "PSNR, dB",
                  .series = {{"all at once", {}},
                             {fmt::format("in chunks of {}", kChunkViews), {}},
                             {"streamed, one by one", {}}}};
  LabTable table{.title = "Views read",
                 .rows = {{"views",
                           "PSNR at once, dB",
                           fmt::format("in chunks of {}", kChunkViews),
                           "streamed",
                           "state",
                           "seconds to add a view"}}};
  std::vector<double> at_once;
  std::vector<double> streamed;
  int64_t smallest = 0;
  int64_t largest = 0;
  double least_seconds = INFINITY;
  double most_seconds = 0;
  for (const int64_t count : view_counts(views)) {
    const SceneState state = reader.streamed(count, Form::kRecurrent);
    at_once = reader.psnrs(reader.render(reader.batch(count, Form::kRecurrent)));
    streamed = reader.psnrs(reader.render(state));
    const double psnr_values[] = {
        estimate_mean(at_once).mean,
        estimate_mean(reader.psnrs(reader.render(reader.chunked(count)))).mean,
        estimate_mean(streamed).mean};
    for (size_t s = 0; s < std::size(psnr_values); ++s) {
      quality.series[s].points.emplace_back(static_cast<double>(count), psnr_values[s]);
    }
    const int64_t bytes = fast_weight_bytes(state);
    smallest = smallest == 0 ? bytes : std::min(smallest, bytes);
    largest = std::max(largest, bytes);
    std::string seconds = "–";
    if (count < views) {
      const double one = reader.seconds_to_extend(state, count);
      least_seconds = std::min(least_seconds, one);
      most_seconds = std::max(most_seconds, one);
      seconds = fmt::format("{:.4f}", one);
    }
    table.rows.push_back({std::to_string(count),
                          fmt::format("{:.2f}", psnr_values[0]),
                          fmt::format("{:.2f}", psnr_values[1]),
                          fmt::format("{:.2f}", psnr_values[2]),
                          format_bytes(bytes),
                          seconds});
    advance();
  }
  result.findings = compare_the_forms(reader, *subject.model, views);
  result.findings.push_back(
      {.claim = "The state does not grow with the views read",
       .verdict = smallest == largest ? Verdict::kHolds : Verdict::kDoesNotHold,
       .number = format_bytes(largest),
       .sentence =
           std::isinf(least_seconds)
               ? "The fast weights' size; a single view was read."
               : fmt::format("The fast weights' size after 1 to {} views. Adding a view took "
                             "{:.4f} to {:.4f} s, however many were read before.",
                             views,
                             least_seconds,
                             most_seconds)});
  const Estimate cost = estimate_difference(streamed, at_once);
  result.findings.push_back(
      {.claim =
           "Streaming is another computation than reading at once, and costs quality in a model "
           "trained to read at once",
       .verdict = views < 2 ? Verdict::kNotTested : is_below(cost, -kSameQuality),
       .number = views < 2 ? std::string() : interval_text(cost, 2, "dB"),
       .sentence = fmt::format("{} views one by one against all at once, {} held-out views of the "
                               "first scene, paired by view (±{:g} dB counts as none): later "
                               "layers see what earlier views wrote.",
                               views,
                               streamed.size(),
                               kSameQuality)});
  result.plots.push_back(std::move(quality));
  result.tables.push_back(std::move(table));
  return result;
}

}  // namespace parallax::lab
