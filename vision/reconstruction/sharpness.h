// How blurred a photograph is, from its pixels alone.
#pragma once

#include <opencv2/core/mat.hpp>

namespace parallax {

// From 0, sharp, to 1, blurred: how little an image changes when it is blurred once more, in the
// worse of both directions, at a size of at most 512 pixels (Crété-Roffet et al., "The blur
// effect", 2007). 0 for images without any structure.
double blur_effect(const cv::Mat& image);  // [rows, cols, 1, 3 or 4] uint8

}  // namespace parallax
