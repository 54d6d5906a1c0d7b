// `parallax bench layer`: tokens per second of the TTT layer, recurrent and parallel, for each
// variant.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgcodecs.hpp>

#include "apps/bench/bench_report.h"
#include "apps/common/nvs_options.h"
#include "apps/report/peak.h"
#include "apps/report/plot.h"
#include "apps/report/results.h"
#include "apps/report/timing.h"
#include "core/base/device.h"
#include "core/base/progress.h"
#include "core/ops/common/dispatch.h"
#include "core/ops/newton_schulz/newton_schulz_coefficients.h"
#include "core/ttt/flop_count.h"
#include "core/ttt/form.h"
#include "core/ttt/parallel.h"

namespace parallax {
namespace {

// The chain and the layers of later work; single ablations cost what the baseline costs.
std::vector<std::string> rows_to_measure() {
  std::vector<std::string> names;
  for (const Variant& variant : kVariants) {
    if (variant.kind != RowKind::kAblation) {
      names.emplace_back(variant.name);
    }
  }
  return names;
}

struct BenchLayerOptions {
  int head_dim = 64;
  int hidden_dim = 0;
  int heads = 4;
  std::vector<int> tokens = {8192};
  std::vector<int> chunk = {512};
  std::vector<std::string> variants = rows_to_measure();
  std::string form = "both";
  std::string dtype = "float32";
  std::string kernels = "best";
  int newton_schulz_steps = 5;
  std::string newton_schulz_coefficients = "muon";
  bool backward = false;
  bool momentum = false;
  BenchOptions bench;
  CommonOptions common;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("head_dim", self.head_dim, "head width D", OptionRange{1, 65536});
    visitor("hidden_dim",
            self.hidden_dim,
            "hidden width Dh if the feature map is SwiGLU; 0: 2 D",
            OptionRange{0, 65536});
    visitor("heads", self.heads, "batch x heads", OptionRange{1, 65536});
    visitor("tokens", self.tokens, "sequence lengths; several give a fitted exponent");
    visitor("chunk", self.chunk, "tokens per update; 0: one update on all tokens, then apply");
    visitor("variant", self.variants, "rows of the variant table: " + variant_names());
    visitor("form", self.form, "recurrent, parallel or both");
    visitor("dtype", self.dtype, "float32 or bfloat16");
    visitor("kernels", self.kernels, "best, reference, or both for comparing them");
    visitor("newton_schulz_steps",
            self.newton_schulz_steps,
            "Newton-Schulz iterations, if the variant has them",
            OptionRange{0, 100});
    visitor("newton_schulz_coefficients",
            self.newton_schulz_coefficients,
            "their coefficients: " + coefficient_names());
    visitor("backward", self.backward, "time forward and backward, as in training");
    visitor("momentum", self.momentum, "with a momentum of 0.9, if the variant has it");
  }
};

struct LayerProblem {
  UpdateRule rule;
  FastWeights weights;
  TttInputs inputs;
  Schedule schedule;
  LayerShape shape;
};

LayerProblem make_problem(const BenchLayerOptions& options,
                          const Variant& variant,
                          int64_t tokens,
                          int64_t chunk) {
  torch::manual_seed(1);
  const int64_t width = options.head_dim;
  const int64_t wide = options.hidden_dim > 0 ? options.hidden_dim : 2 * width;
  const int64_t hidden = variant.switches.feature_map == FeatureMap::kIdentity ? width : wide;
  const int64_t heads = options.heads;
  const auto dtype = parse_dtype(options.dtype);
  const torch::Device device = parse_device(options.bench.device);
  const auto normal = [&](at::IntArrayRef shape, double scale, torch::Dtype type) {
    return (torch::randn(shape) * scale).to(device, type).requires_grad_(options.backward);
  };
  const auto constant = [&](double value, int64_t channels = 1) {
    return torch::full({heads, tokens, channels}, value)
        .to(device)
        .requires_grad_(options.backward);
  };
  LayerProblem p{.rule = {.switches = variant.switches}};
  p.rule.newton_schulz.steps = options.newton_schulz_steps;
  p.rule.newton_schulz.coefficients = find_coefficients(options.newton_schulz_coefficients);
  if (dtype == torch::kBFloat16) {
    p.rule.newton_schulz.precision = NewtonSchulzPrecision::kBfloat16Products;
  }
  const double gain = 1 / std::sqrt(static_cast<double>(width));
  p.weights = {normal({heads, width, hidden}, gain, torch::kFloat32),
               normal({heads, hidden, width}, gain, torch::kFloat32),
               normal({heads, width, hidden}, gain, torch::kFloat32)};
  p.inputs = {.q = normal({heads, tokens, width}, gain, dtype),
              .k = normal({heads, tokens, width}, gain, dtype),
              .v = normal({heads, tokens, width}, 1, dtype),
              .lr0 = constant(0.01),
              .lr1 = constant(0.01),
              .lr2 = constant(0.01)};
  if (options.momentum) {
    p.inputs.momentum = constant(0.9);
  }
  if (variant.switches.decay != Decay::kNone) {
    p.inputs.decay = constant(0.99, decay_width(variant.switches, hidden));
  }
  if (variant.switches.loss == InnerLoss::kMse && !variant.switches.normalise_gradient) {
    // As in a layer: on long keys a delta rule's steps overshoot.
    const torch::NoGradGuard no_grad;
    p.inputs.k.div_(p.inputs.k.norm(2, {-1}, true));
  }
  p.schedule =
      chunk > 0 ? update_then_apply_chunks(tokens, chunk) : update_then_apply_all(tokens, tokens);
  p.shape = {heads, width, hidden};
  return p;
}

void run_layer(const LayerProblem& p, Form form, bool backward) {
  const auto run = [&] {
    return form == Form::kParallel ? run_parallel(p.rule, p.weights, p.inputs, p.schedule).output
                                   : run_recurrent(p.rule, p.weights, p.inputs, p.schedule).output;
  };
  if (backward) {
    run().sum().backward();
    return;
  }
  const torch::InferenceMode inference;
  run();
}

struct LayerTiming {
  std::string variant;
  Form form = Form::kRecurrent;
  bool reference = false;
  int64_t tokens = 0;
  int64_t chunk = 0;
  double seconds = 0;
  double operations = 0;       // needed, forward only
  double product_seconds = 0;  // LibTorch's product in the same rounds
  Speed speed;                 // of the forward pass; from the peaks after all rounds
  double tokens_per_second() const { return static_cast<double>(tokens) / seconds; }
};

std::vector<bool> kernel_choices(const std::string& text) {  // true: reference
  if (text == "best") {
    return {false};
  }
  if (text == "reference") {
    return {true};
  }
  if (text == "both") {
    return {false, true};
  }
  throw UsageError(ErrorParts{.what = "there are no such kernels",
                              .where = "--kernels",
                              .expected = "best, reference or both",
                              .got = "'" + text + "'"});
}

// All forms and kernels of one variant at one size, and the peaks, in alternation.
std::vector<LayerTiming> time_variant(const BenchLayerOptions& options,
                                      const Variant& variant,
                                      int64_t tokens,
                                      int64_t chunk,
                                      PeakMeasurement& peak) {
  const LayerProblem problem = make_problem(options, variant, tokens, chunk);
  std::vector<LayerTiming> timings;
  std::vector<std::function<void()>> cases;
  for (const Form form : parse_forms(options.form)) {
    if (form == Form::kParallel && why_no_parallel_form(variant.switches, problem.schedule)) {
      continue;
    }
    for (const bool reference : kernel_choices(options.kernels)) {
      timings.push_back({.variant = std::string(variant.name),
                         .form = form,
                         .reference = reference,
                         .tokens = tokens,
                         .chunk = chunk});
      cases.push_back(to_its_end(
          [&problem, &options, form, reference] {
            const KernelPathGuard guard(reference ? KernelPath::kReference : kernel_path());
            run_layer(problem, form, options.backward);
          },
          problem.inputs.k.device()));
    }
  }
  cases.push_back(peak.burst_case());
  cases.push_back(peak.product_case());
  const auto seconds = paired_seconds(cases, timing_options(options.bench));
  for (size_t i = 0; i < timings.size(); ++i) {
    timings[i].seconds = median(seconds[i]);
    timings[i].product_seconds = median(seconds.back());
    timings[i].operations = matmul_flops(
        problem.rule.switches, problem.rule.newton_schulz, problem.shape, problem.schedule);
  }
  return timings;
}

// The timing of the same work in the other form, for a ratio; null if there is none.
const LayerTiming* find_timing(const std::vector<LayerTiming>& timings,
                               const LayerTiming& like,
                               Form form,
                               bool reference) {
  for (const LayerTiming& t : timings) {
    if (t.variant == like.variant && t.tokens == like.tokens && t.chunk == like.chunk &&
        t.form == form && t.reference == reference) {
      return &t;
    }
  }
  return nullptr;
}

std::string speed_ratio(const LayerTiming& timing, const LayerTiming* base) {
  return base == nullptr || base == &timing ? "-"
                                            : fmt::format("{:.2f}", base->seconds / timing.seconds);
}

std::vector<std::vector<std::string>> timing_rows(const std::vector<LayerTiming>& timings,
                                                  bool backward) {
  std::vector<std::string> headings = {
      "variant", "form", "kernels", "tokens", "chunk", "ms", "tokens/s"};
  append(headings, speed_headings());
  append(headings, {": recurrent", ": reference"});
  std::vector<std::vector<std::string>> rows = {headings};
  for (const LayerTiming& t : timings) {
    std::vector<std::string> row = {
        t.variant,
        std::string(form_name(t.form)),
        t.reference ? "reference" : std::string(kernel_path_name(kernel_path())),
        std::to_string(t.tokens),
        t.chunk > 0 ? std::to_string(t.chunk) : "all",
        fmt::format("{:.2f}", t.seconds * 1e3),
        fmt::format("{:.0f}", t.tokens_per_second())};
    append(row, speed_cells(backward ? nullptr : &t.speed));
    append(row,
           {speed_ratio(t, find_timing(timings, t, Form::kRecurrent, t.reference)),
            speed_ratio(t, find_timing(timings, t, t.form, true))});
    rows.push_back(std::move(row));
  }
  return rows;
}

struct Scaling {
  std::string label;  // "variant 2, parallel"
  int64_t chunk = 0;
  std::vector<double> tokens;
  std::vector<double> seconds;
};

std::string timing_label(const LayerTiming& timing) {
  return fmt::format(
      "{} {}{}", timing.variant, form_name(timing.form), timing.reference ? ", reference" : "");
}

std::vector<Scaling> group_by_tokens(const std::vector<LayerTiming>& timings) {
  std::vector<Scaling> groups;
  for (const LayerTiming& t : timings) {
    const std::string label = timing_label(t);
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Scaling& g) {
      return g.label == label && g.chunk == t.chunk;
    });
    if (group == groups.end()) {
      group = groups.insert(groups.end(), Scaling{.label = label, .chunk = t.chunk});
    }
    group->tokens.push_back(static_cast<double>(t.tokens));
    group->seconds.push_back(t.seconds);
  }
  return groups;
}

html::Series speed_series(const Scaling& group) {
  html::Series series{.label = fmt::format("{}, chunk {}", group.label, group.chunk)};
  for (size_t i = 0; i < group.tokens.size(); ++i) {
    series.points.emplace_back(std::log2(group.tokens[i]),
                               group.tokens[i] / group.seconds[i] * 1e-3);
  }
  return series;
}

// The ratio of parallel to recurrent speed over the chunk size, one line per variant.
std::vector<html::Series> speedup_series(const std::vector<LayerTiming>& timings) {
  std::vector<html::Series> all;
  for (const LayerTiming& t : timings) {
    const LayerTiming* recurrent = find_timing(timings, t, Form::kRecurrent, t.reference);
    if (t.form != Form::kParallel || t.chunk == 0 || recurrent == nullptr || t.reference) {
      continue;
    }
    const std::string label = "variant " + t.variant;
    auto series = std::find_if(
        all.begin(), all.end(), [&](const html::Series& s) { return s.label == label; });
    if (series == all.end()) {
      series = all.insert(all.end(), html::Series{.label = label});
    }
    series->points.emplace_back(std::log2(static_cast<double>(t.chunk)),
                                recurrent->seconds / t.seconds);
  }
  return all;
}

nlohmann::json timing_json(const LayerTiming& t, bool backward) {
  nlohmann::json json = {{"variant", t.variant},
                         {"form", form_name(t.form)},
                         {"kernels", t.reference ? "reference" : kernel_path_name(kernel_path())},
                         {"tokens", t.tokens},
                         {"chunk", t.chunk},
                         {"seconds", t.seconds},
                         {"tokens_per_second", t.tokens_per_second()},
                         {"needed_operations", t.operations}};
  if (!backward) {
    json.update(speed_json(t.speed));
  }
  return json;
}

void write_plots(const BenchLayerOptions& options, const std::vector<LayerTiming>& timings) {
  if (options.tokens.size() > 1) {
    std::vector<html::Series> series;
    for (const Scaling& group : group_by_tokens(timings)) {
      series.push_back(speed_series(group));
    }
    write_plot(options.bench,
               "tokens.png",
               line_plot("Speed against sequence length", series, "log2 tokens", "1000 tokens/s"));
  }
  if (options.chunk.size() > 1) {
    write_plot(options.bench,
               "chunks.png",
               line_plot("Parallel form against recurrent form",
                         speedup_series(timings),
                         "log2 chunk",
                         "times as fast"));
  }
}

void check_lengths(const BenchLayerOptions& options) {
  const auto smallest = [](const std::vector<int>& values) {
    return values.empty() ? -1 : *std::min_element(values.begin(), values.end());
  };
  if (smallest(options.tokens) < 1 || smallest(options.chunk) < 0) {
    throw UsageError("--tokens takes positive numbers, --chunk positive ones or 0");
  }
}

// Every variant at every size, with their speeds.
std::vector<LayerTiming> time_variants(const BenchLayerOptions& options) {
  std::vector<LayerTiming> timings;
  PeakMeasurement peak(parse_dtype(options.dtype), parse_device(options.bench.device));
  Progress progress(
      "bench layer",
      static_cast<int64_t>(options.variants.size() * options.tokens.size() * options.chunk.size()),
      options.common.quiet);
  for (const std::string& name : options.variants) {
    for (const int chunk : options.chunk) {
      for (const int tokens : options.tokens) {
        const auto some = time_variant(options, find_variant(name), tokens, chunk, peak);
        timings.insert(timings.end(), some.begin(), some.end());
        progress.advance();
      }
    }
  }
  progress.finish();
  for (LayerTiming& t : timings) {
    t.speed = peak.speed(t.operations / t.seconds, t.product_seconds);
  }
  return timings;
}

int run_bench_layer(const BenchLayerOptions& options) {
  configure_threads(options.common);
  check_lengths(options);
  const std::vector<LayerTiming> timings = time_variants(options);
  nlohmann::json json = bench_json(options);
  for (const LayerTiming& timing : timings) {
    json["results"].push_back(timing_json(timing, options.backward));
  }
  std::string text = format_table(timing_rows(timings, options.backward));
  if (!options.backward) {
    std::vector<Speed> speeds;
    speeds.reserve(timings.size());
    for (const LayerTiming& timing : timings) {
      speeds.push_back(timing.speed);
    }
    text += describe_peaks(speeds);
  }
  if (options.tokens.size() > 1) {
    for (const Scaling& group : group_by_tokens(timings)) {
      const double exponent = fitted_exponent(group.tokens, group.seconds);
      text +=
          fmt::format("{}, chunk {}: time ~ tokens^{:.3f}\n", group.label, group.chunk, exponent);
      json["exponents"].push_back(
          {{"case", group.label}, {"chunk", group.chunk}, {"exponent", exponent}});
    }
  }
  write_plots(options, timings);
  report_bench(options.bench, text, json);
  return kExitDone;
}

}  // namespace

Command add_bench_layer_command(CLI::App& bench) {
  auto options = std::make_shared<BenchLayerOptions>();
  CLI::App* app = add_subcommand(
      bench,
      "layer",
      "Tokens a second of the TTT layer, recurrent and parallel, per variant",
      "Example:\n  parallax bench layer --head-dim 256 --tokens 8192 --chunk 16 64 512 -o bench");
  add_options(*app, *options);
  add_options(*app, options->bench);
  add_options(*app, options->common);
  return {app, [options] { return run_bench_layer(*options); }};
}

}  // namespace parallax
