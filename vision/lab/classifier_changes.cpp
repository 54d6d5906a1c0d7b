// Classifiers' accuracy with their own weights and another inner loop, paired by image.
#include <fmt/format.h>

#include <cmath>

#include "vision/lab/classifier_probes.h"
#include "vision/lab/lab_text.h"
#include "vision/lab/layer_tokens.h"
#include "vision/lab/rule_changes.h"
#include "vision/models/vit3/block.h"

namespace parallax::lab {
namespace {

constexpr int64_t kLossImages = 64;
constexpr double kSamePoints = 1;  // of accuracy in per cent: a difference within ± this is none

double percent(const std::vector<double>& correct) { return 100 * estimate_mean(correct).mean; }

// In points of per cent.
Estimate difference_of(const std::vector<double>& a, const std::vector<double>& b) {
  Estimate e = estimate_difference(a, b);
  for (double* value : {&e.mean, &e.standard_error, &e.low, &e.high}) {
    *value *= 100;
  }
  return e;
}

std::string on_images(const std::vector<double>& correct) {
  return fmt::format("{} images, paired by image", correct.size());
}

// The mean over layers and tokens of the gated net's loss after training.
double loss_after_training(const ClassifierSubject& subject, const Vit3Rule& rule) {
  const torch::InferenceMode inference;
  double sum = 0;
  const std::vector<Vit3LayerTrace> layers = layer_traces(subject, rule, kLossImages);
  for (const Vit3LayerTrace& layer : layers) {
    const Tensor& v = layer.projections.v1;
    const Tensor f = apply_glu(rule, layer.projections.k1, layer.projections.k1, layer.glu);
    const Tensor loss =
        rule.switches.loss == InnerLoss::kMse ? 0.5 * (f - v).square().sum(-1) : -(f * v).sum(-1);
    sum += loss.mean().item<double>();
  }
  return sum / static_cast<double>(layers.size());
}

std::vector<std::string> row_of(const std::string& name,
                                const std::vector<double>& correct,
                                const std::vector<double>* own) {
  return {name,
          fmt::format("{:.2f}", percent(correct)),
          own == nullptr ? "–" : interval_text(difference_of(correct, *own), 2, "points")};
}

}  // namespace

ProbeResult probe_classifier_steps(const ClassifierSubject& subject,
                                   const std::function<void()>& advance) {
  const Vit3Rule own = subject.model->module->rule();
  std::vector<double> losses;
  std::vector<std::vector<double>> qualities;  // per image in per cent
  for (const int steps : kInnerSteps) {
    Vit3Rule rule = own;
    rule.switches.inner_steps = own.switches.inner_steps * steps;
    std::vector<double> points = correct_under(subject, rule, Form::kParallel);
    for (double& point : points) {
      point *= 100;
    }
    losses.push_back(loss_after_training(subject, rule));
    qualities.push_back(std::move(points));
    advance();
  }
  return more_steps_result(losses,
                           qualities,
                           {.name = "top-1",
                            .quality = "accuracy",
                            .axis_unit = "%",
                            .unit = "points",
                            .title = "Accuracy over inner steps"},
                           kSamePoints,
                           on_images(qualities.front()));
}

ProbeResult probe_classifier_ascent(const ClassifierSubject& subject,
                                    const std::function<void()>& advance) {
  ProbeResult result;
  const Vit3Rule own = subject.model->module->rule();
  Vit3Rule turned = own;
  const TurnedDirection turn_of_model = turn(own.switches.direction);
  turned.switches.direction = turn_of_model.direction;
  const std::string trained = turn_of_model.trained;
  const std::string other = turn_of_model.other;
  const std::vector<double> before = correct_under(subject, own, Form::kParallel);
  advance();
  const std::vector<double> after = correct_under(subject, turned, Form::kParallel);
  advance();
  result.findings.push_back(turned_finding(
      turn_of_model,
      difference_of(after, before),
      kSamePoints,
      "points",
      fmt::format(
          "The same weights, {} in place of {} in the gated nets, {}. The convolutions descend in "
          "either case, as the published code has it.",
          other,
          trained,
          on_images(before))));
  LabTable table{.title = "Descent and ascent",
                 .rows = {{"inner loop", "top-1, %", "against the model's own"},
                          row_of(trained + ", as trained", before, nullptr),
                          row_of(other + ", the same weights", after, &before)}};
  if (own.switches.feature_map == FeatureMap::kIdentity ||
      own.switches.loss != InnerLoss::kDotProduct) {
    result.findings.push_back(not_tested(kAbsorbedClaim,
                                         "§4.2",
                                         "Under this model's rule the step of W1 depends on W1, "
                                         "and a change of sign is not absorbed."));
  } else {
    const Classifier mirror = mirrored(*subject.model);
    ClassifierSubject turned_subject = subject;
    turned_subject.model = &mirror;
    const std::vector<double> same = correct_under(turned_subject, turned, Form::kParallel);
    const Estimate none = difference_of(same, before);
    result.findings.push_back(
        {.claim = kAbsorbedClaim,
         .section = "§4.2",
         .verdict = is_within(none, kSamePoints),
         .number = interval_text(none, 2, "points"),
         .sentence = fmt::format(
             "With W1 and the output projection of the gated net negated in every layer, {} gives "
             "what {} gave, {}. So whatever one direction can learn the other can.",
             other,
             trained,
             on_images(before))});
    table.rows.push_back(row_of(other + ", W1 and its output projection negated", same, &before));
  }
  advance();
  result.tables.push_back(std::move(table));
  return result;
}

ProbeResult probe_classifier_query(const ClassifierSubject& subject,
                                   const std::function<void()>& advance) {
  ProbeResult result;
  const Vit3Rule own = subject.model->module->rule();
  if (own.switches.query == QuerySource::kKey || own.mixing != QueryKeyMixing::kNone) {
    result.findings.push_back(
        not_tested(kQueryClaim, "§4.4", "This model was not trained with its queries alone."));
    return result;
  }
  Vit3Rule changed = own;
  changed.switches.query = QuerySource::kKey;
  const std::vector<double> before = correct_under(subject, own, Form::kParallel);
  advance();
  const std::vector<double> after = correct_under(subject, changed, Form::kParallel);
  advance();
  result.findings.push_back(query_finding(
      difference_of(after, before),
      kSamePoints,
      "points",
      fmt::format("The key in the query's place at inference, {}; within ±{:g} point "
                  "counts as hardly. The "
                  "paper trains a model so and finds −0.16 points; these weights were "
                  "trained with queries.",
                  on_images(before),
                  kSamePoints)));
  result.tables.push_back({"Query and key",
                           {{"the nets are applied to", "top-1, %", "against the query"},
                            row_of("the query", before, nullptr),
                            row_of("the key", after, &before)}});
  return result;
}

}  // namespace parallax::lab
