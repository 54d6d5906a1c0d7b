// Converts between the model's tensors and the viewer's plain values: inputs, rules, images,
// metrics.
#include <algorithm>

#include "vision/viewer/view_engine.h"

namespace parallax::view {

std::string plain_message(const std::exception& error) {
  if (dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr) {
    return "the device's memory is full. Use a smaller size or fewer views.";
  }
  if (const auto* tensor_error = dynamic_cast<const c10::Error*>(&error)) {
    return std::string("a tensor operation failed: ") + tensor_error->what_without_backtrace();
  }
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    return "out of memory. Use a smaller size or fewer views.";
  }
  return error.what();
}

ImagePtr to_view_picture(const Tensor& image) {
  const Tensor packed = image.to(torch::kCPU, torch::kFloat32).permute({1, 2, 0}).contiguous();
  auto picture = std::make_shared<Image>();
  picture->height = static_cast<int>(packed.size(0));
  picture->width = static_cast<int>(packed.size(1));
  const auto* values = packed.data_ptr<float>();
  picture->rgb.assign(values, values + packed.numel());
  return picture;
}

Quality measure(const Tensor& image, const LoadedView& truth) {
  const ViewMetrics metrics =
      measure_views(image.unsqueeze(0),
                    truth.rgb.unsqueeze(0),
                    truth.alpha.defined() ? truth.alpha.unsqueeze(0) : Tensor())
          .front();
  return {metrics.psnr, metrics.ssim, metrics.masked_psnr};
}

FormPair pair_of(const ModelSource& source, const Tensor& a, const Tensor& b) {
  const FormDifference difference = compare_images(a, b);
  FormPair pair{.source = source, .psnr = difference.psnr, .max_absolute = difference.max_absolute};
  pair.source.form = Form::kRecurrent;
  return pair;
}

std::vector<int> other_views(const SceneData& scene, const std::vector<int>& inputs, size_t most) {
  std::vector<int> others;
  for (int view = 0; view < static_cast<int>(scene.views.size()); ++view) {
    const auto is_in = [view](const std::vector<int>& views) {
      return std::find(views.begin(), views.end(), view) != views.end();
    };
    if (!is_in(inputs) && !is_in(scene.stray)) {
      others.push_back(view);
    }
  }
  std::vector<int> spread;
  const size_t count = std::min(most, others.size());
  for (size_t i = 0; i < count; ++i) {
    spread.push_back(others[i * others.size() / count]);
  }
  return spread;
}

InputBatch gather_inputs(const SceneData& scene,
                         const std::vector<int>& views,
                         const PoseTransform& transform,
                         torch::Device device) {
  std::vector<Tensor> images;
  std::vector<Camera> cameras;
  for (const int view : views) {
    images.push_back(scene.images->at(view)->rgb);
    cameras.push_back(transform.apply(scene.views.at(view).camera));
  }
  CameraBatch batch = to_camera_batch(cameras);
  batch.fxfycxcy = batch.fxfycxcy.to(device);
  batch.c2w = batch.c2w.to(device);
  return {torch::stack(images).unsqueeze(0).to(device), std::move(batch)};
}

UpdateRule changed_rule(const UpdateRule& own, const RuleOverride& change) {
  UpdateRule rule = own;
  rule.switches.inner_steps = own.switches.inner_steps * change.inner_steps;
  if (change.ascent) {
    rule.switches.direction = Direction::kAscent;
  }
  if (change.mse) {
    rule.switches.loss = InnerLoss::kMse;
  }
  if (change.key_as_query) {
    rule.switches.query = QuerySource::kKey;
  }
  return rule;
}

}  // namespace parallax::view
