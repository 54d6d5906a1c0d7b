// PSNR and SSIM.
#include "vision/metrics/image_metrics.h"

#include <cmath>
#include <limits>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr int64_t kWindow = 11;
constexpr double kSigma = 1.5;
constexpr double kC1 = 0.01 * 0.01;
constexpr double kC2 = 0.03 * 0.03;

void check_images(const Tensor& rendered, const Tensor& truth) {
  for (const auto& [tensor, name] : {std::pair{rendered, "rendered"}, std::pair{truth, "truth"}}) {
    if (!tensor.defined() || tensor.dim() != 4 || tensor.size(1) != 3 || tensor.numel() == 0 ||
        !tensor.is_floating_point()) {
      throw Error(ErrorParts{.what = "the images cannot be compared",
                             .where = name,
                             .expected = "floating [B, 3, H, W] with at least one pixel",
                             .got = tensor.defined() ? c10::str(tensor.sizes()) : "no tensor"});
    }
  }
  if (rendered.sizes() != truth.sizes()) {
    throw Error(ErrorParts{.what = "the images to compare differ in shape",
                           .expected = c10::str(truth.sizes()),
                           .got = c10::str(rendered.sizes())});
  }
}

Tensor clamped(const Tensor& image) { return image.to(torch::kFloat64).clamp(0, 1); }

Tensor decibels(const Tensor& squared_error) { return squared_error.log10() * -10; }

// [1, 1, 11, 1], sums to 1
Tensor gaussian_column(const Tensor& like) {
  const Tensor offset = torch::arange(kWindow, like.options()) - (kWindow / 2);
  const Tensor weight = (offset.square() * (-0.5 / (kSigma * kSigma))).exp();
  return (weight / weight.sum()).view({1, 1, kWindow, 1});
}

// [N, 1, H, W] → [N, 1, H − 10, W − 10]
Tensor blur(const Tensor& image, const Tensor& column) {
  return torch::conv2d(torch::conv2d(image, column), column.transpose(2, 3));
}

}  // namespace

Tensor psnr_per_image(const Tensor& rendered, const Tensor& truth) {
  check_images(rendered, truth);
  return decibels((clamped(rendered) - clamped(truth)).square().mean({1, 2, 3}));
}

double psnr(const Tensor& rendered, const Tensor& truth) {
  return psnr_per_image(rendered, truth).mean().item<double>();
}

double pooled_psnr(const Tensor& rendered, const Tensor& truth) {
  check_images(rendered, truth);
  const Tensor error = rendered.to(torch::kFloat64) - truth.to(torch::kFloat64);
  return decibels(error.square().mean()).item<double>();
}

Tensor masked_psnr_per_image(const Tensor& rendered, const Tensor& truth, const Tensor& alpha) {
  check_images(rendered, truth);
  if (!alpha.defined() || alpha.dim() != 4 || alpha.size(0) != truth.size(0) ||
      alpha.size(1) != 1 || alpha.size(2) != truth.size(2) || alpha.size(3) != truth.size(3)) {
    throw Error(ErrorParts{.what = "the alpha mask does not fit the images",
                           .expected = "[B, 1, H, W]",
                           .got = alpha.defined() ? c10::str(alpha.sizes()) : "no tensor"});
  }
  const Tensor inside = (alpha > 0.5).expand_as(truth);
  // Masked by selection, not by multiplication: a NaN outside the mask must not count.
  const Tensor error = (clamped(rendered) - clamped(truth)).square();
  const Tensor sum = torch::where(inside, error, torch::zeros_like(error)).sum({1, 2, 3});
  return decibels(sum / inside.to(torch::kFloat64).sum({1, 2, 3}));  // 0 / 0 is NaN
}

double masked_psnr(const Tensor& rendered, const Tensor& truth, const Tensor& alpha) {
  const Tensor values = masked_psnr_per_image(rendered, truth, alpha);
  const Tensor measured = (alpha > 0.5).flatten(1).any(1);
  const Tensor kept = values.masked_select(measured);
  return kept.numel() > 0 ? kept.mean().item<double>() : std::numeric_limits<double>::quiet_NaN();
}

Tensor structural_similarity(const Tensor& a, const Tensor& b) {
  const Tensor x = a.reshape({-1, 1, a.size(2), a.size(3)});
  const Tensor y = b.reshape({-1, 1, b.size(2), b.size(3)});
  const Tensor column = gaussian_column(x);
  const Tensor mean_x = blur(x, column);
  const Tensor mean_y = blur(y, column);
  const Tensor var_x = blur(x * x, column) - mean_x * mean_x;
  const Tensor var_y = blur(y * y, column) - mean_y * mean_y;
  const Tensor covariance = blur(x * y, column) - mean_x * mean_y;
  const Tensor map = ((2 * mean_x * mean_y + kC1) * (2 * covariance + kC2)) /
                     ((mean_x * mean_x + mean_y * mean_y + kC1) * (var_x + var_y + kC2));
  return map.reshape({a.size(0), -1}).mean(1);
}

Tensor ssim_per_image(const Tensor& rendered, const Tensor& truth) {
  check_images(rendered, truth);
  const int64_t height = truth.size(2);
  const int64_t width = truth.size(3);
  if (height < kWindow || width < kWindow) {
    throw Error(ErrorParts{.what = "the images are too small for SSIM's window",
                           .expected = c10::str("at least ", kWindow, " × ", kWindow, " pixels"),
                           .got = c10::str(height, " × ", width)});
  }
  const torch::NoGradGuard no_grad;
  return structural_similarity(clamped(rendered), clamped(truth));
}

double ssim(const Tensor& rendered, const Tensor& truth) {
  return ssim_per_image(rendered, truth).mean().item<double>();
}

nlohmann::json metric_json(double value) {
  if (std::isnan(value)) {
    return nullptr;
  }
  if (std::isinf(value)) {
    return value > 0 ? "inf" : "-inf";
  }
  return value;
}

}  // namespace parallax
