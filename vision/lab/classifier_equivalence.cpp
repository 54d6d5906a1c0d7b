// ViT³'s two inner nets as linear attention, and its two forms, on the tokens of images.
#include <fmt/format.h>

#include <algorithm>

#include "vision/lab/classifier_probes.h"
#include "vision/lab/lab_text.h"
#include "vision/lab/layer_tokens.h"
#include "vision/models/vit3/block.h"

namespace parallax::lab {
namespace {

constexpr int64_t kTracedImages = 16;
constexpr double kRoundingOfNets = 1e-8;
const double kGradientScale = 1 / std::sqrt(9.0);  // the published layer's, of both branches

Vit3Projections cast(const Vit3Projections& p, torch::Dtype dtype) {
  return {p.q1.to(dtype),
          p.k1.to(dtype),
          p.v1.to(dtype),
          p.q2.to(dtype),
          p.k2.to(dtype),
          p.v2.to(dtype)};
}

GluWeights cast(const GluWeights& w, torch::Dtype dtype) {
  return {w.w1.to(dtype), w.w2.to(dtype)};
}

// q (W1 + Σ kᵀ v̂), under the gate silu(q W2) where there is one.
Tensor glu_as_attention(const Vit3Rule& rule,
                        const Vit3Projections& p,
                        const GluWeights& start,
                        const GluWeights& trained) {
  const VariantSwitches& switches = rule.switches;
  const bool gated = switches.feature_map == FeatureMap::kSwiGlu;
  const Tensor gate = gated ? torch::silu(p.k1.matmul(start.w2)) : p.k1.matmul(start.w1);
  const Tensor error = gated && switches.loss == InnerLoss::kMse && updates_feature_map(switches)
                           ? p.v1 - gate
                           : p.v1;
  Tensor values = gate * error * (kGradientScale / static_cast<double>(p.k1.size(2)));
  if (switches.normalise_gradient) {
    const Tensor gradient = p.k1.transpose(2, 3).matmul(values);
    values = values / (gradient.norm(2, {-2}, true) + 1);
  }
  if (switches.direction == Direction::kAscent) {
    values = -values;
  }
  const Tensor queries = switches.query == QuerySource::kKey ? p.k1 : p.q1;
  // The keys' scores first, as in attention: no fast weight is formed.
  const Tensor output = queries.matmul(start.w1.expand_as(trained.w1)) +
                        queries.matmul(p.k1.transpose(2, 3)).matmul(values);
  return gated ? torch::silu(queries.matmul(trained.w2)) * output : output;
}

// The value of the pixel that is (row, col) away, zero outside.
Tensor shifted(const Tensor& x, int64_t row, int64_t col) {  // [B, rows, cols, d]
  return at::pad(x, {0, 0, 1, 1, 1, 1})
      .slice(1, 1 + row, 1 + row + x.size(1))
      .slice(2, 1 + col, 1 + col + x.size(2));
}

// Σ over shifts of q ⊙ (w3 + Σ k ⊙ v̂): linear attention, channel by channel, over shifts.
Tensor convolution_as_attention(const Vit3Rule& rule,
                                const Vit3Projections& p,
                                const Tensor& w3) {  // [d, 1, 3, 3]
  const double scale = kGradientScale / static_cast<double>(p.k2.size(1) * p.k2.size(2));
  std::vector<Tensor> steps;
  for (int64_t shift = 0; shift < 9; ++shift) {
    steps.push_back((shifted(p.k2, shift / 3 - 1, shift % 3 - 1) * p.v2).sum({1, 2}) * scale);
  }
  const Tensor step = torch::stack(steps, 1);  // [B, 9, d]
  const Tensor norm = step.norm(2, {1}, true) + 1;
  const Tensor queries = rule.switches.query == QuerySource::kKey ? p.k2 : p.q2;
  Tensor output = torch::zeros_like(queries);
  for (int64_t shift = 0; shift < 9; ++shift) {
    const Tensor kernel =
        w3.select(1, 0).select(1, shift / 3).select(1, shift % 3) + (step / norm).select(1, shift);
    output =
        output + shifted(queries, shift / 3 - 1, shift % 3 - 1) * kernel.unsqueeze(1).unsqueeze(1);
  }
  return output;
}

// The convolutions' kernels before training, layer by layer.
std::vector<Tensor> starting_kernels(const ImageClassifier& module) {
  std::vector<Tensor> kernels;
  for (const auto& item : module.named_parameters()) {
    if (item.key().ends_with(".attn.w3")) {
      kernels.push_back(item.value().detach());
    }
  }
  return kernels;
}

}  // namespace

Vit3Equivalence measure_equivalence(const Vit3Rule& rule,
                                    const Vit3LayerTrace& layer,
                                    const Tensor& w3,
                                    torch::Dtype dtype) {
  const torch::InferenceMode inference;
  const Vit3Projections p = cast(layer.projections, dtype);
  const GluWeights start = cast(layer.start, dtype);
  const Tensor kernel = w3.to(dtype);
  const GluWeights trained = train_glu(rule, p.q1, p.k1, p.v1, start, 0);
  const Tensor step = train_convolution(rule, p.q2, p.k2, p.v2, kernel, 0);
  return {
      agreement_of(glu_as_attention(rule, p, start, trained), apply_glu(rule, p.q1, p.k1, trained))
          .relative,
      agreement_of(convolution_as_attention(rule, p, kernel),
                   apply_convolution(rule, p.q2, p.k2, step))
          .relative};
}

ProbeResult probe_classifier_equivalence(const ClassifierSubject& subject) {
  ProbeResult result;
  ImageClassifier& module = *subject.model->module;
  const std::string claim = "The TTT layer is a linear attention operator";
  const std::string section = "§5, Theorem 5.1";
  if (module.rule().mixing != QueryKeyMixing::kNone) {
    result.findings.push_back(not_tested(claim,
                                         section,
                                         "This model's inner loop reads queries and keys together, "
                                         "which the theorem has no term for."));
    return result;
  }
  const std::vector<Vit3LayerTrace> layers = layer_traces(subject, module.rule(), kTracedImages);
  const std::vector<Tensor> kernels = starting_kernels(module);
  LabPlot plot{.title = "Difference of each layer's inner nets from linear attention",
               .x_label = "layer",
               .y_label = "relative difference",
               .log_y = true,
               .series = {{"gated net, float64", {}},
                          {"gated net, float32", {}},
                          {"convolution, float64", {}},
                          {"convolution, float32", {}}}};
  double wide_worst = 0;
  double narrow_worst = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    const Vit3Equivalence wide =
        measure_equivalence(module.rule(), layers[i], kernels.at(i), torch::kFloat64);
    const Vit3Equivalence narrow =
        measure_equivalence(module.rule(), layers[i], kernels.at(i), torch::kFloat32);
    const double values[] = {wide.glu, narrow.glu, wide.convolution, narrow.convolution};
    for (size_t s = 0; s < std::size(values); ++s) {
      plot.series[s].points.emplace_back(static_cast<double>(i), values[s]);
    }
    wide_worst = std::max({wide_worst, wide.glu, wide.convolution});
    narrow_worst = std::max({narrow_worst, narrow.glu, narrow.convolution});
  }
  result.findings.push_back(
      {.claim = claim,
       .section = section,
       .verdict = wide_worst <= kRoundingOfNets ? Verdict::kHolds : Verdict::kDoesNotHold,
       .number = fmt::format(
           "{} in float64, {} in float32", small_number(wide_worst), small_number(narrow_worst)),
       .sentence = fmt::format(
           "The largest relative difference of both inner nets' outputs from keys' scores times "
           "values, {} layers, {} images; the trained gate is part of q̂. Rounding is called "
           "equality up to {:.0e} in float64.",
           layers.size(),
           std::min(kTracedImages, subject.images.size(0)),
           kRoundingOfNets)});
  result.plots.push_back(std::move(plot));
  return result;
}

ProbeResult probe_classifier_deviation(const ClassifierSubject& subject) {
  ProbeResult result;
  ImageClassifier& module = *subject.model->module;
  const Vit3Rule rule = module.rule();
  Tensor recurrent;
  Tensor parallel;
  correct_under(subject, rule, Form::kRecurrent, &recurrent);
  correct_under(subject, rule, Form::kParallel, &parallel);
  const auto same = (recurrent.argmax(1) == parallel.argmax(1)).sum().item<int64_t>();
  const Agreement logits = agreement_of(parallel, recurrent);
  LabTable table{.title =
                     "The gated net's outputs: all tokens at once against one row of the image "
                     "at a time, the largest relative deviation of all layers",
                 .rows = {{"precision", "relative", "largest"}}};
  double float64 = 0;
  const std::vector<Vit3LayerTrace> layers = layer_traces(subject, rule, kTracedImages);
  for (const auto& [dtype, name] : {std::pair{torch::kFloat32, "float32"},
                                    {torch::kBFloat16, "bfloat16"},
                                    {torch::kFloat64, "float64"}}) {
    const torch::InferenceMode inference;
    Agreement worst;
    for (const Vit3LayerTrace& layer : layers) {
      const Vit3Projections p = cast(layer.projections, dtype);
      const GluWeights start =
          cast(layer.start, dtype == torch::kBFloat16 ? torch::kFloat32 : dtype);
      const auto output = [&](int64_t tokens_per_step) {
        return train_and_apply_glu(rule, p.q1, p.k1, p.v1, start, tokens_per_step);
      };
      const Agreement one = agreement_of(output(0), output(p.k2.size(2)));
      worst.relative = std::max(worst.relative, one.relative);
      worst.largest = std::max(worst.largest, one.largest);
    }
    float64 = dtype == torch::kFloat64 ? worst.relative : float64;
    table.rows.push_back({name, small_number(worst.relative), small_number(worst.largest)});
  }
  const bool holds = float64 <= kRoundingOfNets && same == recurrent.size(0);
  result.findings.push_back(
      {.claim = "The parallel form computes what the recurrent form computes",
       .section = "§5, Appendix I",
       .verdict = holds ? Verdict::kHolds : Verdict::kDoesNotHold,
       .number = fmt::format("logits differ by {}, {} of {} predictions are the same",
                             small_number(logits.relative),
                             same,
                             recurrent.size(0)),
       .sentence = fmt::format(
           "All tokens of an image are one update range, so both forms are one gradient step "
           "computed in two orders, under every rule: row by row, and in one product. The gated "
           "nets' outputs differ by {} in float64.",
           small_number(float64))});
  result.tables.push_back(std::move(table));
  return result;
}

}  // namespace parallax::lab
