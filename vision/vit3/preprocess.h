// Images as ViT³'s evaluation transform prepares them.
#pragma once

#include <opencv2/core/mat.hpp>

#include "core/torch.h"

namespace parallax {

// Resizes with bicubic filtering so that the shorter side has `shorter_side` pixels, then cuts out
// a square of `crop` from the centre. Throws Error unless 0 < crop ≤ shorter_side.
cv::Mat resize_and_centre_crop(const cv::Mat& rgb,  // [rows, cols, 3] uint8
                               int shorter_side,
                               int crop);  // → [crop, crop, 3] uint8

// Scales to [0, 1], subtracts ImageNet's mean and divides by its standard deviation.
Tensor normalised_image(const cv::Mat& rgb);  // [rows, cols, 3] uint8 → [3, rows, cols] float32

}  // namespace parallax
