// Runs a model over a prepared scene in one form and measures what came out.
#pragma once

#include <functional>
#include <vector>

#include "vision/eval/prepared_scene.h"

namespace parallax {

struct ViewMetrics {
  double psnr = 0;  // dB
  double ssim = 0;
  double masked_psnr = 0;  // dB, inside the object; NaN without a mask
};

struct FormEvaluation {
  Form form = Form::kRecurrent;
  SceneState state;
  Tensor images;                   // [V, 3, H, W] float32: the target views as rendered
  std::vector<ViewMetrics> views;  // one per target
  ViewMetrics mean;
  double pooled_psnr = 0;  // as LaCT's own code reports it
  double reconstruct_seconds = 0;
  double render_seconds = 0;  // all targets
  int64_t input_tokens = 0;
  int64_t target_tokens = 0;

  double seconds_per_view() const;
  double reconstruct_tokens_per_second() const;
  double render_tokens_per_second() const;
};

struct EvaluateOptions {
  torch::Device device = torch::kCPU;
  int64_t views_per_pass = 0;                      // 0: as many as fit the memory
  std::function<void(int64_t)> on_views_rendered;  // progress
};

// How the two forms' images differ.
struct FormDifference {
  double max_absolute = 0;
  double psnr = 0;  // between the two, dB; infinite where they are equal
};

// How each image comes up to the truth; SSIM is NaN where it does not fit its window.
std::vector<ViewMetrics> measure_views(const Tensor& images,  // [V, 3, H, W]
                                       const Tensor& truth,   // [V, 3, H, W]
                                       const Tensor& alpha);  // [V, 1, H, W] or undefined

FormEvaluation evaluate_form(const NvsModel& model,
                             const PreparedScene& scene,
                             Form form,
                             const EvaluateOptions& options);

// Renders cameras from a state, in passes that fit the memory: [V, 3, H, W] float32 on the CPU.
Tensor render_cameras(const NvsModel& model,
                      const SceneState& state,
                      const std::vector<Camera>& cameras,
                      const EvaluateOptions& options);

FormDifference compare_images(const Tensor& a, const Tensor& b);  // [V, 3, H, W] each

}  // namespace parallax
