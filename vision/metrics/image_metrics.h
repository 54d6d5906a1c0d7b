// How close rendered images are to the truth: the program's only definitions of PSNR and SSIM.
//
// Images are [B, 3, H, W], nominally in [0, 1], of any floating dtype; everything is computed in
// float64.
#pragma once

#include <nlohmann/json.hpp>

#include "core/base/torch.h"

namespace parallax {

// −10·log10 of each image's mean squared error, both sides clamped to [0, 1]; +inf for an image
// equal to the truth.
Tensor psnr_per_image(const Tensor& rendered, const Tensor& truth);  // [B] float64

// The mean of psnr_per_image: +inf as soon as one image equals its truth.
double psnr(const Tensor& rendered, const Tensor& truth);

// −10·log10 of the mean squared error over all images together, without clamping, as LaCT's code
// reports it.
double pooled_psnr(const Tensor& rendered, const Tensor& truth);

// psnr_per_image with the error taken only over the pixels where alpha > 0.5; NaN if there are
// none.
Tensor masked_psnr_per_image(const Tensor& rendered,
                             const Tensor& truth,
                             const Tensor& alpha);  // alpha [B, 1, H, W] → [B] float64

// The mean over the images that have such pixels; NaN if none do.
double masked_psnr(const Tensor& rendered, const Tensor& truth, const Tensor& alpha);

// Structural similarity: Gaussian window 11 × 11 with σ 1.5, K = (0.01, 0.03), data range 1, per
// channel, the mean over the pixels whose window lies inside the image (all but a border of 5), as
// scikit-image's structural_similarity(gaussian_weights=True, sigma=1.5,
// use_sample_covariance=False). Both sides clamped to [0, 1]. Throws Error below 11 × 11 pixels.
Tensor ssim_per_image(const Tensor& rendered, const Tensor& truth);  // [B] float64
double ssim(const Tensor& rendered, const Tensor& truth);

// The same as a term of a loss: differentiable, in the images' own dtype, without clamping or
// checks.
Tensor structural_similarity(const Tensor& a, const Tensor& b);  // [B, C, H, W] each → [B]

// A metric as JSON, which has neither infinity nor NaN: a number, the string "inf" or "-inf", or
// null for NaN (nothing to measure).
nlohmann::json metric_json(double value);

}  // namespace parallax
