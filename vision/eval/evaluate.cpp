// Reconstructs, renders and measures.
#include "vision/eval/evaluate.h"

#include <algorithm>
#include <cmath>

#include "core/base/clock.h"
#include "core/base/device.h"
#include "vision/metrics/image_metrics.h"

namespace parallax {
namespace {

constexpr double kMemoryShare = 0.5;  // of available memory, for one rendering pass
constexpr int64_t kMaxViewsPerPass = 16;

int64_t choose_views_per_pass(const NvsModel& model,
                              const CameraBatch& cameras,
                              const EvaluateOptions& options) {
  if (options.views_per_pass > 0) {
    return options.views_per_pass;
  }
  const auto budget =
      static_cast<int64_t>(kMemoryShare * static_cast<double>(available_memory_bytes()));
  return std::min(kMaxViewsPerPass,
                  views_within_budget(model.card.options, cameras.height, cameras.width, budget));
}

Tensor render_batch(const NvsModel& model,
                    const SceneState& state,
                    const CameraBatch& cameras,
                    const EvaluateOptions& options) {
  const torch::InferenceMode inference;
  const int64_t step = choose_views_per_pass(model, cameras, options);
  std::vector<Tensor> images;
  for (int64_t start = 0; start < cameras.views(); start += step) {
    const int64_t end = std::min(start + step, cameras.views());
    const CameraBatch chunk = cameras.slice(start, end).to(options.device);
    images.push_back(
        model.module->render(state, chunk).squeeze(0).to(torch::kCPU, torch::kFloat32));
    if (options.on_views_rendered) {
      options.on_views_rendered(end - start);
    }
  }
  return torch::cat(images);
}

double finite_mean(const std::vector<ViewMetrics>& views, double ViewMetrics::*member) {
  double sum = 0;
  int64_t count = 0;
  for (const ViewMetrics& view : views) {
    if (!std::isnan(view.*member)) {
      sum += view.*member;
      ++count;
    }
  }
  return count > 0 ? sum / static_cast<double>(count) : kNotMeasured;
}

void measure_targets(const ViewSet& targets, const Lpips* lpips, FormEvaluation& result) {
  const Tensor truth = targets.images.squeeze(0);
  result.views = measure_views(
      result.images, truth, targets.alpha.defined() ? targets.alpha.squeeze(0) : Tensor(), lpips);
  result.mean = {finite_mean(result.views, &ViewMetrics::psnr),
                 finite_mean(result.views, &ViewMetrics::ssim),
                 finite_mean(result.views, &ViewMetrics::masked_psnr),
                 finite_mean(result.views, &ViewMetrics::lpips)};
  result.pooled_psnr = pooled_psnr(result.images, truth);
}

}  // namespace

std::vector<ViewMetrics> measure_views(const Tensor& images,
                                       const Tensor& truth,
                                       const Tensor& alpha,
                                       const Lpips* lpips) {
  const Tensor psnrs = psnr_per_image(images, truth);
  const bool large_enough = truth.size(2) >= 11 && truth.size(3) >= 11;
  const Tensor ssims =
      large_enough ? ssim_per_image(images, truth) : torch::full_like(psnrs, kNotMeasured);
  const Tensor masked = alpha.defined() ? masked_psnr_per_image(images, truth, alpha)
                                        : torch::full_like(psnrs, kNotMeasured);
  const Tensor distances =
      lpips != nullptr ? lpips->per_image(images, truth) : torch::full_like(psnrs, kNotMeasured);
  std::vector<ViewMetrics> views;
  for (int64_t i = 0; i < psnrs.size(0); ++i) {
    views.push_back({psnrs[i].item<double>(),
                     ssims[i].item<double>(),
                     masked[i].item<double>(),
                     distances[i].item<double>()});
  }
  return views;
}

double FormEvaluation::seconds_per_view() const {
  return views.empty() ? kNotMeasured : render_seconds / static_cast<double>(views.size());
}

double FormEvaluation::reconstruct_tokens_per_second() const {
  return reconstruct_seconds > 0 ? static_cast<double>(input_tokens) / reconstruct_seconds : 0;
}

double FormEvaluation::render_tokens_per_second() const {
  return render_seconds > 0 ? static_cast<double>(target_tokens) / render_seconds : kNotMeasured;
}

SceneState read_inputs(const NvsModel& model,
                       const Tensor& images,
                       const CameraBatch& cameras,
                       Form form,
                       bool streamed) {
  return streamed ? model.module->reconstruct_streamed(images, cameras, form)
                  : model.module->reconstruct(images, cameras, form);
}

FormEvaluation evaluate_form(const NvsModel& model,
                             const PreparedScene& scene,
                             Form form,
                             const EvaluateOptions& options) {
  const torch::InferenceMode inference;
  FormEvaluation result{.form = form};
  const int patch = model.card.options.patch_size;
  const int64_t per_view = static_cast<int64_t>(scene.height / patch) * (scene.width / patch);
  result.input_tokens = per_view * scene.inputs.batch.views();

  const auto start = Clock::now();
  const Tensor images = scene.inputs.images.to(options.device);
  const CameraBatch cameras = scene.inputs.batch.to(options.device);
  result.state = read_inputs(model, images, cameras, form, options.streamed);
  wait_for(options.device);
  result.reconstruct_seconds = seconds_since(start);

  if (!scene.targets.indices.empty()) {
    result.target_tokens = per_view * scene.targets.batch.views();
    const auto render_start = Clock::now();
    result.images = render_batch(model, result.state, scene.targets.batch, options);
    result.render_seconds = seconds_since(render_start);
    measure_targets(scene.targets, options.lpips, result);
  }
  return result;
}

Tensor render_cameras(const NvsModel& model,
                      const SceneState& state,
                      const std::vector<Camera>& cameras,
                      const EvaluateOptions& options) {
  return render_batch(model, state, to_camera_batch(cameras), options);
}

FormDifference compare_images(const Tensor& a, const Tensor& b) {
  return {(a - b).abs().max().item<double>(),
          -10.0 * std::log10((a - b).to(torch::kFloat64).square().mean().item<double>())};
}

}  // namespace parallax
