// Passes over all images, a few at a time.
#include "vision/lab/classifier_subject.h"

#include <fmt/format.h>

#include <algorithm>

namespace parallax::lab {
namespace {

constexpr int64_t kImagesPerPass = 32;

// The classifier with another rule for as long as this object lives.
class ScopedClassifierRule {
 public:
  ScopedClassifierRule(ImageClassifier& module, const Vit3Rule& rule) : module_(module) {
    module_.set_rule(rule);
  }
  ~ScopedClassifierRule() { module_.set_rule(module_.rule()); }
  ScopedClassifierRule(const ScopedClassifierRule&) = delete;
  ScopedClassifierRule& operator=(const ScopedClassifierRule&) = delete;

 private:
  ImageClassifier& module_;
};

}  // namespace

std::vector<double> correct_under(const ClassifierSubject& subject,
                                  const Vit3Rule& rule,
                                  Form form,
                                  Tensor* logits) {
  const torch::InferenceMode inference;
  ImageClassifier& module = *subject.model->module;
  const ScopedClassifierRule scoped(module, rule);
  std::vector<double> correct;
  std::vector<Tensor> all;
  for (int64_t begin = 0; begin < subject.images.size(0); begin += kImagesPerPass) {
    const int64_t end = std::min(begin + kImagesPerPass, subject.images.size(0));
    const Tensor scores = module.forward(subject.images.slice(0, begin, end), {.form = form});
    const Tensor best = scores.argmax(1).to(torch::kInt64);
    for (int64_t i = 0; i < best.size(0); ++i) {
      const std::vector<int>& right = subject.right[static_cast<size_t>(begin + i)];
      const bool is_right =
          std::find(right.begin(), right.end(), best[i].item<int64_t>()) != right.end();
      correct.push_back(is_right ? 1 : 0);
    }
    if (logits != nullptr) {
      all.push_back(scores);
    }
  }
  if (logits != nullptr) {
    *logits = torch::cat(all);
  }
  return correct;
}

std::vector<Vit3LayerTrace> layer_traces(const ClassifierSubject& subject,
                                         const Vit3Rule& rule,
                                         int64_t images) {
  const torch::InferenceMode inference;
  ImageClassifier& module = *subject.model->module;
  const ScopedClassifierRule scoped(module, rule);
  std::vector<Vit3LayerTrace> traces;
  module.forward(subject.images.slice(0, 0, std::min(images, subject.images.size(0))),
                 {.layers = &traces});
  return traces;
}

std::vector<TokenSets> token_sets(const std::vector<Vit3LayerTrace>& layers) {
  std::vector<TokenSets> sets;
  for (size_t i = 0; i < layers.size(); ++i) {
    const Vit3Projections& p = layers[i].projections;
    const auto first_head = [](const Tensor& x) { return x[0].flatten(0, 1); };
    sets.push_back({fmt::format("layer {}", i),
                    first_head(p.q1),
                    first_head(p.k1),
                    first_head(p.v1),
                    layers[i].glu_output.slice(2, 0, p.q1.size(3)).flatten(0, 1)});
  }
  return sets;
}

Classifier mirrored(const Classifier& model) {
  Classifier copy = model;
  copy.module = make_classifier(model.card.options);
  const torch::NoGradGuard no_grad;
  const auto parameters = model.module->named_parameters();
  for (auto& item : copy.module->named_parameters()) {
    item.value().copy_(parameters[item.key()]);
  }
  const auto buffers = model.module->named_buffers();
  for (auto& item : copy.module->named_buffers()) {
    item.value().copy_(buffers[item.key()]);
  }
  copy.module->eval();
  copy.module->mirror();
  return copy;
}

}  // namespace parallax::lab
