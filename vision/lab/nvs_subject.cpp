// Evaluations of a model whose rule was changed for as long as they last.
#include "vision/lab/nvs_subject.h"

namespace parallax::lab {

ViewQuality quality_under(const NvsSubject& subject, const UpdateRule& rule) {
  const ScopedRule scoped(*subject.model->module, rule);
  ViewQuality quality;
  for (const PreparedScene& scene : subject.scenes) {
    const FormEvaluation evaluation = evaluate_form(*subject.model, scene, Form::kParallel, {});
    for (const ViewMetrics& view : evaluation.views) {
      quality.psnr.push_back(view.psnr);
    }
    if (!quality.images.defined()) {
      quality.images = evaluation.images;
    }
  }
  return quality;
}

NvsModel mirrored(const NvsModel& model) {
  NvsModel copy = model;
  copy.module = std::make_shared<LactNvs>(model.card.options);
  const torch::NoGradGuard no_grad;
  const auto source = model.module->named_parameters();
  for (auto& item : copy.module->named_parameters()) {
    item.value().copy_(source[item.key()]);
  }
  copy.module->set_rule(model.module->rule());
  copy.module->eval();
  copy.module->mirror();
  return copy;
}

}  // namespace parallax::lab
