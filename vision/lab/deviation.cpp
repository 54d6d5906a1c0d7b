// Both forms on the same tokens, and the published form of momentum beside them.
#include "vision/lab/deviation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include <ATen/CPUGeneratorImpl.h>

#include "core/ttt/flop_count.h"
#include "core/ttt/parallel.h"
#include "vision/lab/lab_text.h"
#include "vision/lab/published_momentum.h"

namespace parallax::lab {
namespace {

constexpr uint64_t kTokensSeed = 24;
constexpr double kMomenta[] = {0.5, 0.9, 0.99};
constexpr double kLost =
    0.1;  // relative deviation of a chunk's output from which it counts as lost
// A different computation would not shrink with the precision; rounding does.
constexpr double kEqualFloat64 = 1e-9;
constexpr double kEqualFloat32 = 1e-3;

struct NamedDtype {
  torch::Dtype dtype;
  const char* name;
};
constexpr NamedDtype kDtypes[] = {{torch::kFloat32, "float32"},
                                  {torch::kBFloat16, "bfloat16"},
                                  {torch::kFloat64, "float64"}};

torch::Dtype weights_dtype(torch::Dtype tokens) {
  return tokens == torch::kBFloat16 ? torch::kFloat32 : tokens;
}

// The layer with so many tokens, repeated where it has fewer, and the case's momentum and steps.
LayerTokens prepare(const LayerTokens& layer, const DeviationCase& c) {
  LayerTokens longer = layer;
  const int64_t copies = (c.tokens + layer.inputs.k.size(1) - 1) / layer.inputs.k.size(1);
  longer.inputs = map_inputs(layer.inputs, [&](const Tensor& x) {
    return copies > 1 ? x.repeat({1, copies, 1}).slice(1, 0, c.tokens).contiguous()
                      : x.slice(1, 0, c.tokens).contiguous();
  });
  longer.rule.switches.inner_steps = c.inner_steps;
  longer.rule.switches.momentum = c.momentum > 0;
  longer.inputs.momentum =
      c.momentum > 0 ? torch::full({layer.inputs.k.size(0), c.tokens, 1}, c.momentum) : Tensor();
  return longer;
}

// The first head alone.
LayerTokens one_head(const LayerTokens& layer) {
  LayerTokens head = layer;
  head.inputs = slice_inputs(layer.inputs, 0, 0, 1);
  for (Tensor FastWeights::*matrix : kFastWeightMatrices) {
    if ((head.weights.*matrix).defined()) {
      head.weights.*matrix = (head.weights.*matrix).slice(0, 0, 1);
    }
  }
  return head;
}

Tensor recurrent_output(const LayerTokens& layer, const Schedule& schedule) {
  return run_recurrent(layer.rule, layer.weights, layer.inputs, schedule).output;
}

// The results of one case in all precisions, in the order of kDtypes.
std::vector<Deviation> all_precisions(const LayerTokens& layer,
                                      const DeviationCase& c,
                                      const std::function<void()>& advance) {
  std::vector<Deviation> deviations;
  for (const NamedDtype& dtype : kDtypes) {
    deviations.push_back(measure_deviation(layer, c, dtype.dtype));
    advance();
  }
  return deviations;
}

// The sweeps of one source of tokens.
struct Sweep {
  std::string title;
  std::string x_label;
  std::vector<DeviationCase> cases;
  std::function<double(const DeviationCase&)> x;
  bool log_x = true;
};

std::vector<Sweep> sweeps_of(const DeviationGrid& grid) {
  return {{"Length",
           "tokens, in chunks of 256",
           grid.lengths,
           [](const DeviationCase& c) { return static_cast<double>(c.tokens); }},
          {"Chunk",
           "tokens per chunk, of 4,096",
           grid.chunks,
           [](const DeviationCase& c) { return static_cast<double>(c.chunk); }},
          {"Momentum",
           "momentum, 4,096 tokens in chunks of 64",
           grid.momenta,
           [](const DeviationCase& c) { return c.momentum; },
           false},
          {"Inner steps",
           "inner steps, 4,096 tokens in chunks of 256",
           grid.steps,
           [](const DeviationCase& c) { return static_cast<double>(c.inner_steps); },
           false}};
}

// The worst of all cases by precision.
struct Worst {
  double forms = 0;
  double largest = 0;
  double over_rounding = 0;  // of the forms' deviation, in recurrent errors
  int64_t tokens = 0;        // where that was
};

void run_sweeps(const LayerTokens& layer,
                const std::string& source,
                const DeviationGrid& grid,
                const std::function<void()>& advance,
                std::vector<Worst>& worst,
                ProbeResult& result) {
  LabTable table{.title = "Deviation of the parallel form from the recurrent one, " + source,
                 .rows = {{"tokens",
                           "chunk",
                           "momentum",
                           "inner steps",
                           "float32: relative",
                           "largest",
                           "bfloat16: relative",
                           "largest",
                           "float64: relative",
                           "largest"}}};
  for (const Sweep& sweep : sweeps_of(grid)) {
    LabPlot plot{.title = "Parallel against recurrent, " + source,
                 .choice = sweep.title,
                 .x_label = sweep.x_label,
                 .y_label = "relative deviation",
                 .log_x = sweep.log_x,
                 .log_y = true};
    for (const NamedDtype& dtype : kDtypes) {
      plot.series.push_back({dtype.name, {}});
    }
    plot.series.push_back({"the recurrent form's own rounding, float32", {}});
    plot.series.push_back({"likewise, bfloat16", {}});
    for (const DeviationCase& c : sweep.cases) {
      const std::vector<Deviation> deviations = all_precisions(layer, c, advance);
      std::vector<std::string> row = {std::to_string(c.tokens),
                                      std::to_string(c.chunk),
                                      fmt::format("{:g}", c.momentum),
                                      std::to_string(c.inner_steps)};
      for (size_t d = 0; d < deviations.size(); ++d) {
        const Deviation& deviation = deviations[d];
        if (deviation.diverges) {
          row.insert(row.end(), {"diverges", "diverges"});
          continue;
        }
        plot.series[d].points.emplace_back(sweep.x(c), deviation.forms.relative);
        if (d < 2) {
          plot.series[3 + d].points.emplace_back(sweep.x(c), deviation.recurrent_error);
        }
        row.push_back(small_number(deviation.forms.relative));
        row.push_back(small_number(deviation.forms.largest));
        worst[d].forms = std::max(worst[d].forms, deviation.forms.relative);
        worst[d].largest = std::max(worst[d].largest, deviation.forms.largest);
        const double over = deviation.forms.relative / deviation.recurrent_error;
        if (over > worst[d].over_rounding) {  // false where there is no error
          worst[d].over_rounding = over;
          worst[d].tokens = c.tokens;
        }
      }
      table.rows.push_back(std::move(row));
    }
    result.plots.push_back(std::move(plot));
  }
  result.tables.push_back(std::move(table));
}

// Relative deviation of the last chunk's output from a recurrence in float64.
struct LastChunk {
  double published = 0;
  double ours = 0;
};

LastChunk measure_last_chunk(const LayerTokens& layer,
                             int64_t chunks,
                             int64_t chunk,
                             double momentum) {
  const torch::InferenceMode inference;
  const LayerTokens narrow =
      to_dtypes(prepare(layer, {.tokens = chunks * chunk, .chunk = chunk, .momentum = momentum}),
                torch::kFloat32,
                torch::kFloat32);
  const LayerTokens wide = to_dtypes(narrow, torch::kFloat64, torch::kFloat64);
  const Schedule schedule = update_then_apply_chunks(chunks * chunk, chunk);
  const auto last = [&](const Tensor& output) {
    return output.slice(1, (chunks - 1) * chunk, chunks * chunk);
  };
  const Tensor exact = last(recurrent_output(wide, schedule));
  const Tensor ours =
      last(run_parallel(narrow.rule, narrow.weights, narrow.inputs, schedule).output);
  const Tensor published =
      last(run_published_parallel(narrow.rule, narrow.weights, narrow.inputs, chunk));
  return {agreement_of(published, exact).relative, agreement_of(ours, exact).relative};
}

// The last chunk's output by the published form and by ours, over the number of chunks.
void compare_published(const LayerTokens& random,
                       const DeviationGrid& grid,
                       const std::function<void()>& advance,
                       ProbeResult& result) {
  LabPlot plot{
      .title = "Momentum in parallel: the last chunk's output against a float64 recurrence",
      .x_label = fmt::format("chunks of {} tokens", grid.published_chunk),
      .y_label = "relative deviation",
      .log_x = true,
      .log_y = true};
  std::string lost;
  double ours = 0;
  for (const double momentum : kMomenta) {
    LabSeries published{fmt::format("published, momentum {:g}", momentum), {}};
    LabSeries own{fmt::format("Parallax, momentum {:g}", momentum), {}};
    int64_t first_lost = 0;
    for (const int64_t chunks : grid.published_chunks) {
      const LastChunk last = measure_last_chunk(random, chunks, grid.published_chunk, momentum);
      published.points.emplace_back(static_cast<double>(chunks), last.published);
      own.points.emplace_back(static_cast<double>(chunks), last.ours);
      ours = std::max(ours, last.ours);
      if (first_lost == 0 && !(last.published < kLost)) {
        first_lost = chunks;
      }
      advance();
    }
    lost += fmt::format("{}momentum {:g}: {}",
                        lost.empty() ? "" : "; ",
                        momentum,
                        first_lost > 0 ? fmt::format("from {} chunks on", first_lost)
                                       : fmt::format("not up to {}", grid.published_chunks.back()));
    plot.series.push_back(std::move(published));
    plot.series.push_back(std::move(own));
  }
  result.plots.push_back(std::move(plot));
  result.findings.push_back(
      {.claim = "Momentum has a parallel form",
       .section = "§5, Theorem 5.3",
       .verdict = ours < 1e-3 ? Verdict::kHolds : Verdict::kDoesNotHold,
       .number = fmt::format("ours within {}; published lost ({})", small_number(ours), lost),
       .sentence = fmt::format(
           "The last chunk's output in float32 against a float64 recurrence, random tokens. The "
           "published form divides by a running product of the momenta plus 1e-8: once that "
           "product is small, the last chunks' gradients are lost (lost: off by {:.0f} % or more). "
           "Ours is a prefix scan, which multiplies only the momenta between two chunks and never "
           "divides.",
           100 * kLost)});
}

Finding agreement_finding(const std::vector<Worst>& worst, const std::string& rule_name) {
  const bool holds = worst[2].forms <= kEqualFloat64 && worst[0].forms <= kEqualFloat32;
  return {
      .claim = "The parallel form computes what the recurrent form computes",
      .section = "§5, Appendix I",
      .verdict = holds ? Verdict::kHolds : Verdict::kDoesNotHold,
      .number = fmt::format("{} in float32, {} in bfloat16, {} in float64",
                            small_number(worst[0].forms),
                            small_number(worst[1].forms),
                            small_number(worst[2].forms)),
      .sentence = fmt::format(
          "The largest relative deviation of all cases below, under row {}'s rule: rounding, as "
          "it shrinks with the precision (up to {:.0e} in float64 and {:.0e} in float32 count). "
          "Beside the recurrent form's own rounding error it is at most {:.1f} times in float32 "
          "(at {} tokens) and {:.1f} times in bfloat16 (at {}). The largest single difference is "
          "{} in float32.",
          rule_name,
          kEqualFloat64,
          kEqualFloat32,
          worst[0].over_rounding,
          worst[0].tokens,
          worst[1].over_rounding,
          worst[1].tokens,
          small_number(worst[0].largest))};
}

template <class F>
void for_each_case(const DeviationGrid& grid, const F& f) {
  for (const auto* cases : {&grid.lengths, &grid.chunks, &grid.momenta, &grid.steps}) {
    std::for_each(cases->begin(), cases->end(), f);
  }
}

}  // namespace

Deviation measure_deviation(const LayerTokens& layer, const DeviationCase& c, torch::Dtype dtype) {
  const torch::InferenceMode inference;
  const LayerTokens cast = to_dtypes(prepare(one_head(layer), c), dtype, weights_dtype(dtype));
  const Schedule schedule = update_then_apply_chunks(c.tokens, c.chunk);
  const Tensor recurrent = recurrent_output(cast, schedule);
  const Tensor parallel = run_parallel(cast.rule, cast.weights, cast.inputs, schedule).output;
  if (!recurrent.isfinite().all().item<bool>()) {
    return {.diverges = true};
  }
  Deviation deviation{.forms = agreement_of(parallel, recurrent)};
  if (dtype != torch::kFloat64) {
    const LayerTokens wide = to_dtypes(cast, torch::kFloat64, torch::kFloat64);
    const Tensor exact = recurrent_output(wide, schedule);
    deviation.recurrent_error = agreement_of(recurrent, exact).relative;
    deviation.parallel_error = agreement_of(parallel, exact).relative;
  }
  return deviation;
}

LayerTokens random_tokens(const UpdateRule& rule,
                          int64_t width,
                          int64_t hidden,
                          int64_t tokens,
                          uint64_t seed) {
  at::Generator generator = at::detail::createCPUGenerator(seed);
  const auto normal = [&](at::IntArrayRef shape) {
    return at::randn(shape, generator, torch::kFloat32);
  };
  const auto unit = [&] {
    const Tensor x = normal({1, tokens, width});
    return x / x.norm(2, {-1}, true);
  };
  const auto rate = [&] { return 0.02 * at::rand({1, tokens, 1}, generator, torch::kFloat32); };
  const double scale = std::sqrt(2.0 / static_cast<double>(width));
  LayerTokens layer{.rule = rule};
  layer.weights = {.w0 = scale * normal({1, width, hidden}),
                   .w1 = std::sqrt(2.0 / static_cast<double>(hidden)) * normal({1, hidden, width}),
                   .w2 = scale * normal({1, width, hidden})};
  layer.inputs = {.q = unit(), .k = unit(), .v = normal({1, tokens, width})};
  layer.inputs.lr0 = rate();
  layer.inputs.lr1 = rate();
  layer.inputs.lr2 = rate();
  layer.inputs.decay =
      0.9 +
      0.1 * at::rand({1, tokens, decay_width(rule.switches, hidden)}, generator, torch::kFloat32);
  layer.view_tokens = tokens;
  return layer;
}

DeviationGrid deviation_grid(int64_t longest) {
  DeviationGrid grid;
  for (int64_t tokens = 256; tokens <= longest; tokens *= 4) {
    grid.lengths.push_back({.tokens = tokens, .chunk = 256});
  }
  for (const int64_t chunk : {1, 8, 64, 512, 2048}) {
    grid.chunks.push_back({.chunk = chunk});
  }
  for (const double momentum : {0.0, 0.5, 0.9, 0.99}) {
    grid.momenta.push_back({.momentum = momentum});
  }
  for (const int steps : {1, 2, 4}) {
    grid.steps.push_back({.chunk = 256, .inner_steps = steps});
  }
  grid.published_chunks = {4, 8, 16, 32, 64, 128, 256, 512};
  return grid;
}

double deviation_flops(const LayerTokens& layer, const DeviationGrid& grid) {
  const LayerShape shape{
      .batch = 1, .width = layer.weights.w1.size(2), .hidden = layer.weights.w1.size(1)};
  double flops = 0;
  for_each_case(grid, [&](const DeviationCase& c) {
    VariantSwitches switches = layer.rule.switches;
    switches.inner_steps = c.inner_steps;
    flops += matmul_flops(
        switches, layer.rule.newton_schulz, shape, update_then_apply_chunks(c.tokens, c.chunk));
  });
  // Two sources of tokens; float32 twice, bfloat16 twice, and four times float64 at half the speed.
  return flops * 2 * (2 + 2 + 4 * 2);
}

int64_t deviation_bytes(const LayerTokens& layer, const DeviationGrid& grid) {
  int64_t longest = 0;
  for_each_case(grid, [&](const DeviationCase& c) { longest = std::max(longest, c.tokens); });
  // In float64: queries, keys, values, three outputs and their differences, and one φ.
  constexpr int64_t kTokenTensors = 12;
  const int64_t width = layer.weights.w1.size(2);
  const int64_t hidden = layer.weights.w1.size(1);
  return longest * (kTokenTensors * width + 2 * hidden) * static_cast<int64_t>(sizeof(double));
}

int64_t deviation_comparisons(const DeviationGrid& grid) {
  int64_t cases = 0;
  for_each_case(grid, [&](const DeviationCase&) { ++cases; });
  return 2 * cases * static_cast<int64_t>(std::size(kDtypes)) +
         static_cast<int64_t>(std::size(kMomenta) * grid.published_chunks.size());
}

ProbeResult probe_deviation(const LayerTokens& layer,
                            const std::string& rule_name,
                            const DeviationGrid& grid,
                            const std::function<void()>& advance) {
  ProbeResult result;
  const std::string claim = "The parallel form computes what the recurrent form computes";
  if (const auto reason = why_no_parallel_form(layer.rule.switches)) {
    result.findings.push_back(not_tested(
        claim,
        "§5, Appendix I",
        fmt::format("Over several ranges row {} has no parallel form: {}. Over one range, the "
                    "default schedule, both forms are one gradient step.",
                    rule_name,
                    *reason)));
    return result;
  }
  std::vector<Worst> worst(std::size(kDtypes));
  const int64_t width = layer.weights.w1.size(2);
  const int64_t hidden = layer.weights.w1.size(1);
  int64_t longest = 0;
  for_each_case(grid, [&](const DeviationCase& c) { longest = std::max(longest, c.tokens); });
  run_sweeps(layer, "this model's tokens", grid, advance, worst, result);
  const LayerTokens random = random_tokens(layer.rule, width, hidden, longest, kTokensSeed);
  run_sweeps(random, "random tokens", grid, advance, worst, result);
  result.findings.push_back(agreement_finding(worst, rule_name));
  if (has_published_parallel(layer.rule.switches)) {
    const int64_t side = std::min<int64_t>(width, 32);  // of no account for what is shown
    UpdateRule rule = layer.rule;
    compare_published(random_tokens(rule, side, side, 8192, kTokensSeed), grid, advance, result);
  }
  if (layer.inputs.k.size(1) < longest) {
    result.notes.push_back(fmt::format("The scene gives {} tokens; longer sequences repeat them.",
                                       layer.inputs.k.size(1)));
  }
  return result;
}

}  // namespace parallax::lab
