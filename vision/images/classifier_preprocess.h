// Images as ViT³'s evaluation transform prepares them.
#pragma once

#include <opencv2/core/mat.hpp>

#include "core/base/torch.h"

namespace parallax {

// Resizes with bicubic filtering so that the shorter side has `shorter_side` pixels, then cuts out
// a square of `crop` from the centre. Throws Error unless 0 < crop ≤ shorter_side.
cv::Mat resize_and_centre_crop(const cv::Mat& rgb,  // [rows, cols, 3] uint8
                               int shorter_side,
                               int crop);  // → [crop, crop, 3] uint8

// How images of any size become the input of a classifier of one size.
struct ClassifierView {
  int height = 224;
  int width = 224;
  // Shorter side before the square crop; 0: 256/224 of the crop, as published, or the crop itself
  // if that is at most 32 pixels.
  int resize_side = 0;
};

// Resizes so that the image covers the view with that margin and cuts out the centre; square views
// are made as by resize_and_centre_crop. Transparency is ignored, as by PIL's convert("RGB").
cv::Mat crop_for_classifier(const cv::Mat& image,         // [rows, cols, 3 or 4] uint8
                            const ClassifierView& view);  // → [height, width, 3] uint8

// Scales to [0, 1], subtracts ImageNet's mean and divides by its standard deviation.
Tensor normalised_image(const cv::Mat& rgb);  // [rows, cols, 3] uint8 → [3, rows, cols] float32

}  // namespace parallax
