// Runs a model over a prepared scene in one form and measures the rendered views.
#pragma once

#include <functional>
#include <limits>
#include <vector>

#include "vision/eval/prepared_scene.h"
#include "vision/metrics/lpips.h"

namespace parallax {

constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();  // shown as "-"

// Metrics of one rendered view, or their means.
struct ViewMetrics {
  double psnr = kNotMeasured;  // dB
  double ssim = kNotMeasured;
  double masked_psnr = kNotMeasured;  // dB, inside the object; needs a mask
  double lpips = kNotMeasured;        // needs its weights
};

// The images, metrics and times of one evaluation.
struct FormEvaluation {
  Form form = Form::kRecurrent;
  SceneState state;
  Tensor images;                   // [V, 3, H, W] float32: the rendered target views
  std::vector<ViewMetrics> views;  // one per target
  ViewMetrics mean;
  double pooled_psnr = kNotMeasured;  // as LaCT's own code reports it
  double reconstruct_seconds = 0;
  double render_seconds = 0;  // all targets
  int64_t input_tokens = 0;
  int64_t target_tokens = 0;

  // kNotMeasured where nothing was rendered.
  double seconds_per_view() const;
  double reconstruct_tokens_per_second() const;
  double render_tokens_per_second() const;
};

// How views are rendered for an evaluation.
struct EvaluateOptions {
  torch::Device device = torch::kCPU;
  bool streamed = false;  // input views are read one after the other, each an update of its own
  int64_t views_per_pass = 0;                      // 0: as many as fit into memory
  const Lpips* lpips = nullptr;                    // measured if given
  std::function<void(int64_t)> on_views_rendered;  // progress
};

// How the two forms' images differ.
struct FormDifference {
  double max_absolute = 0;
  double psnr = 0;  // between the two, dB; infinite if they are equal
};

// Measures each image against the truth; SSIM is NaN for images smaller than its window.
std::vector<ViewMetrics> measure_views(const Tensor& images,  // [V, 3, H, W]
                                       const Tensor& truth,   // [V, 3, H, W]
                                       const Tensor& alpha,   // [V, 1, H, W] or undefined
                                       const Lpips* lpips = nullptr);

// The state after reading the inputs, in one update or one for each view.
SceneState read_inputs(const NvsModel& model,
                       const Tensor& images,  // [1, V, 3, H, W] on the model's device
                       const CameraBatch& cameras,
                       Form form,
                       bool streamed);

FormEvaluation evaluate_form(const NvsModel& model,
                             const PreparedScene& scene,
                             Form form,
                             const EvaluateOptions& options);

// Renders cameras from a state, in passes that fit into memory: [V, 3, H, W] float32 on the CPU.
Tensor render_cameras(const NvsModel& model,
                      const SceneState& state,
                      const std::vector<Camera>& cameras,
                      const EvaluateOptions& options);

FormDifference compare_images(const Tensor& a, const Tensor& b);  // [V, 3, H, W] each

}  // namespace parallax
