// Timings in turns, differences paired by view or image.
#include "apps/lab/lab_ablation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/report/timing.h"
#include "core/ttt/parallel.h"
#include "vision/lab/lab_text.h"
#include "vision/lab/layer_tokens.h"

namespace parallax {
namespace {

constexpr int64_t kTimedTokens = 4096;
constexpr int64_t kTimedChunk = 64;
constexpr int64_t kTimedImages = 64;
// Differences that the paper itself has between rows that it calls equal.
constexpr double kSamePsnr = 0.25;   // dB
constexpr double kSameAccuracy = 1;  // points of per cent
constexpr const char* kSpeedClaim = "The parallel form is faster than the recurrent form";
constexpr const char* kSpeedSection = "§6.1, Table 2";

std::vector<double> per_second(const std::vector<double>& seconds, int64_t items) {
  std::vector<double> rates;
  for (const double one : seconds) {
    rates.push_back(static_cast<double>(items) / one);
  }
  return rates;
}

// How many times as fast the parallel form is: the mean of the rounds' logarithms.
Estimate speed_up(const std::vector<double>& recurrent, const std::vector<double>& parallel) {
  std::vector<double> logs;
  for (size_t i = 0; i < recurrent.size(); ++i) {
    logs.push_back(std::log(parallel[i] / recurrent[i]));
  }
  Estimate e = estimate_mean(logs);
  for (double* value : {&e.mean, &e.low, &e.high}) {
    *value = std::exp(*value);
  }
  return e;
}

std::string times_text(const Estimate& e) {
  return fmt::format("{:.2f} times (95 %: {:.2f} to {:.2f})", e.mean, e.low, e.high);
}

lab::Finding speed_finding(const Estimate& ratio, const std::string& on) {
  return {.claim = kSpeedClaim,
          .section = kSpeedSection,
          .verdict = lab::is_above(ratio, 1),
          .number = times_text(ratio),
          .sentence = on};
}

// The layer in the middle, on as many tokens as are timed.
lab::LayerTokens timed_layer(const lab::NvsSubject& subject) {
  const PreparedScene& scene = subject.scenes.front();
  auto layers = lab::layers_of(*subject.model, scene, scene.inputs.batch.views());
  lab::LayerTokens layer = layers[layers.size() / 2];
  const int64_t copies = (kTimedTokens + layer.inputs.k.size(1) - 1) / layer.inputs.k.size(1);
  layer.inputs = map_inputs(layer.inputs, [&](const Tensor& x) {
    return x.repeat({1, copies, 1}).slice(1, 0, kTimedTokens).contiguous();
  });
  return layer;
}

std::string variant_order(const std::string& variant) {
  for (size_t i = 0; i < kVariants.size(); ++i) {
    if (kVariants[i].name == variant) {
      return fmt::format("{:03}", i);
    }
  }
  return variant;
}

const Variant* row_of_table(const std::string& name) {
  const auto found = std::find_if(kVariants.begin(), kVariants.end(), [&](const Variant& variant) {
    return variant.name == name;
  });
  return found == kVariants.end() ? nullptr : &*found;
}

double difference_in_paper(const std::string& variant,
                           const std::string& baseline,
                           bool classifies) {
  const Variant* a = row_of_table(variant);
  const Variant* b = row_of_table(baseline);
  if (a == nullptr || b == nullptr) {
    return std::nan("");
  }
  return classifies ? a->paper.vit3_top1 - b->paper.vit3_top1
                    : a->paper.nvs_psnr - b->paper.nvs_psnr;
}

std::string speed_text(const std::vector<double>& rates) {
  return rates.empty() ? "–" : fmt::format("{:.3g}", median(rates));
}

// "10.6 → none" in million tokens a second.
std::string paper_speed(const std::string& variant) {
  const Variant* row = row_of_table(variant);
  if (row == nullptr || std::isnan(row->paper.recurrent_speed)) {
    return "–";
  }
  return fmt::format("{:.3g} → {}",
                     row->paper.recurrent_speed,
                     std::isnan(row->paper.parallel_speed)
                         ? std::string("none")
                         : fmt::format("{:.3g}", row->paper.parallel_speed));
}

// The claim that a row of the table makes about its model.
std::string claim_of(const std::string& variant, const std::string& quality) {
  const Variant* row = row_of_table(variant);
  const std::string summary = row != nullptr ? std::string(row->summary) : "another rule";
  return fmt::format(
      "A model trained as row {} ({}) keeps the baseline's {}", variant, summary, quality);
}

std::string section_of(const std::string& variant) {
  const Variant* row = row_of_table(variant);
  if (row == nullptr || row->kind == RowKind::kLater) {
    return "";
  }
  if (row->switches.direction == Direction::kAscent) {
    return "§4.2, Table 2";
  }
  return row->switches.query == QuerySource::kKey ? "§4.4, Table 2" : "§6.1, Table 2";
}

// The models of one kind that were measured, by the variant table's order.
std::vector<const LabRow*> measured_rows(const std::vector<LabRow>& rows, bool classifies) {
  std::vector<const LabRow*> measured;
  for (const LabRow& row : rows) {
    if (row.probe == "ablation" && row.classifies == classifies &&
        !measure_of(row, "quality").empty()) {
      measured.push_back(&row);
    }
  }
  std::stable_sort(measured.begin(), measured.end(), [](const LabRow* a, const LabRow* b) {
    return variant_order(a->variant) < variant_order(b->variant);
  });
  return measured;
}

// One model's difference from the baseline as a finding.
lab::Finding difference_finding(const LabRow& row,
                                const LabRow& baseline,
                                const Estimate& difference) {
  const bool classifies = row.classifies;
  const double margin = classifies ? kSameAccuracy : kSamePsnr;
  const std::string unit = classifies ? "points" : "dB";
  const double paper = difference_in_paper(row.variant, baseline.variant, classifies);
  return {.claim = claim_of(row.variant, classifies ? "accuracy" : "PSNR"),
          .section = section_of(row.variant),
          .verdict = lab::is_above(difference, -margin),
          .number = lab::interval_text(difference, 2, unit),
          .sentence = fmt::format(
              "{} against {}, {} {}, paired; kept: no more than {:g} {} lost.{}{}",
              row.model,
              baseline.model,
              difference.count,
              classifies ? "images" : "views",
              margin,
              unit,
              std::isnan(paper) ? "" : fmt::format(" In the paper: {:+.2f} {}.", paper, unit),
              row.training_steps != baseline.training_steps
                  ? fmt::format(" Trained for {} and {} steps, so that the budget differs.",
                                row.training_steps,
                                baseline.training_steps)
                  : std::string())};
}

}  // namespace

lab::ProbeResult measure_ablation(const lab::NvsSubject& subject,
                                  int rounds,
                                  const std::function<void()>& advance) {
  lab::ProbeResult result;
  const UpdateRule rule = subject.model->module->rule();
  result.measures["quality"] = lab::quality_under(subject, rule).psnr;
  advance();
  const torch::InferenceMode inference;
  const lab::LayerTokens layer = timed_layer(subject);
  const Schedule schedule = update_then_apply_chunks(kTimedTokens, kTimedChunk);
  const auto reason = why_no_parallel_form(rule.switches);
  std::vector<std::function<void()>> cases = {
      [&] { run_recurrent(layer.rule, layer.weights, layer.inputs, schedule); }};
  if (!reason) {
    cases.emplace_back([&] { run_parallel(layer.rule, layer.weights, layer.inputs, schedule); });
  }
  const auto seconds = paired_seconds(cases, {.repeats = rounds});
  result.measures["speed_recurrent"] = per_second(seconds[0], kTimedTokens);
  result.measures["speed_parallel"] =
      reason ? std::vector<double>() : per_second(seconds[1], kTimedTokens);
  const LactNvsOptions& options = subject.model->card.options;
  result.measures["shape"] = {static_cast<double>(options.patch_size),
                              static_cast<double>(options.dim),
                              static_cast<double>(options.layers)};
  result.findings.push_back(
      reason
          ? lab::not_tested(kSpeedClaim,
                            kSpeedSection,
                            "Over several ranges this rule has no parallel form: " + *reason + ".")
          : speed_finding(
                speed_up(result.measures["speed_recurrent"], result.measures["speed_parallel"]),
                fmt::format("One layer on {} tokens of this model in chunks of {}, {} rounds in "
                            "turns. In the paper 2.7 to 4.1 times where the step is "
                            "orthogonalised, on an A100.",
                            kTimedTokens,
                            kTimedChunk,
                            rounds)));
  return result;
}

lab::ProbeResult measure_ablation(const lab::ClassifierSubject& subject,
                                  int rounds,
                                  const std::function<void()>& advance) {
  lab::ProbeResult result;
  ImageClassifier& module = *subject.model->module;
  std::vector<double> correct = lab::correct_under(subject, module.rule(), Form::kParallel);
  for (double& one : correct) {
    one *= 100;
  }
  result.measures["quality"] = correct;
  advance();
  const torch::InferenceMode inference;
  const Tensor images = subject.images.slice(0, 0, std::min(kTimedImages, subject.images.size(0)));
  const auto seconds = paired_seconds({[&] { module.forward(images, {.form = Form::kRecurrent}); },
                                       [&] { module.forward(images, {.form = Form::kParallel}); }},
                                      {.repeats = rounds});
  result.measures["speed_recurrent"] = per_second(seconds[0], images.size(0));
  result.measures["speed_parallel"] = per_second(seconds[1], images.size(0));
  const Vit3Options& options = module.options();
  result.measures["shape"] = {static_cast<double>(options.image_size)};
  for (const auto* sizes : {&options.dims, &options.depths}) {
    result.measures["shape"].insert(result.measures["shape"].end(), sizes->begin(), sizes->end());
  }
  result.findings.push_back(speed_finding(
      speed_up(result.measures["speed_recurrent"], result.measures["speed_parallel"]),
      fmt::format(
          "The whole model on {} images, row by row against all tokens at once, {} rounds in "
          "turns.",
          images.size(0),
          rounds)));
  return result;
}

std::optional<LabRow> ablation_path(const std::vector<LabRow>& rows, bool classifies) {
  const std::vector<const LabRow*> measured = measured_rows(rows, classifies);
  const auto found = std::find_if(measured.begin(), measured.end(), [&](const LabRow* row) {
    // Of several, the one that others can be compared with.
    return row->variant == "0" &&
           std::any_of(measured.begin(), measured.end(), [&](const LabRow* other) {
             return other != row && measure_of(*other, "shape") == measure_of(*row, "shape");
           });
  });
  if (found == measured.end()) {
    return std::nullopt;
  }
  const LabRow& baseline = **found;
  const std::string quality = classifies ? "top-1, %" : "PSNR, dB";
  const std::string item = classifies ? "images" : "tokens";
  lab::ProbeResult result;
  lab::LabTable table{.title = "The ablation path",
                      .rows = {{"model",
                                "row",
                                quality,
                                "against " + baseline.model,
                                "in the paper",
                                item + "/s, recurrent",
                                "parallel",
                                "paper: million tokens/s"}}};
  lab::LabPlot plot{.title = fmt::format("Difference from {}", baseline.model),
                    .x_label = "row of the variant table",
                    .y_label = classifies ? "points of top-1" : "dB",
                    .series = {{"here", {}}, {"in the paper", {}}}};
  for (const LabRow* row : measured) {
    const std::vector<double> values = measure_of(*row, "quality");
    const std::vector<double> base = measure_of(baseline, "quality");
    const bool comparable =
        values.size() == base.size() && measure_of(*row, "shape") == measure_of(baseline, "shape");
    const double paper = difference_in_paper(row->variant, baseline.variant, classifies);
    std::string against = "–";
    if (row == &baseline) {
      against = "baseline";
    } else if (comparable) {
      const Estimate difference = estimate_difference(values, base);
      against = lab::interval_text(difference, 2, classifies ? "points" : "dB");
      result.findings.push_back(difference_finding(*row, baseline, difference));
      const Variant* in_table = row_of_table(row->variant);
      if (in_table != nullptr && in_table->number >= 0) {
        plot.series[0].points.emplace_back(in_table->number, difference.mean);
        if (!std::isnan(paper)) {
          plot.series[1].points.emplace_back(in_table->number, paper);
        }
      }
    } else {
      result.notes.push_back(fmt::format(
          "{} is of another size than {} and not compared with it.", row->model, baseline.model));
    }
    table.rows.push_back(
        {row->model,
         row->variant,
         fmt::format("{:.2f}", estimate_mean(values).mean),
         against,
         std::isnan(paper) || row == &baseline ? "–" : fmt::format("{:+.2f}", paper),
         speed_text(measure_of(*row, "speed_recurrent")),
         speed_text(measure_of(*row, "speed_parallel")),
         paper_speed(row->variant)});
  }
  result.notes.push_back(
      classifies
          ? "The paper's are ViT³-B on ImageNet; other sizes, data and weights need not order "
            "the rows alike."
          : "The paper's are models of 24 layers trained on RealEstate10K at 128x128 with 2 "
            "input views, and its speeds those of a language model's layer on an A100; other "
            "sizes, data and weights need not order the rows alike.");
  if (plot.series[0].points.size() > 1) {
    result.plots.push_back(std::move(plot));
  }
  result.tables.push_back(std::move(table));
  return LabRow{.probe = "ablation",
                .model = "all models",
                .classifies = classifies,
                .result = probe_result_json(result)};
}

}  // namespace parallax
