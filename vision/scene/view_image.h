// A view's photograph as it is stored, with its mask, and the camera of its real size.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>

#include "vision/scene/scene.h"

namespace parallax {

// A photograph and the camera that belongs to it. A lens still bends it.
struct ViewImage {
  cv::Mat pixels;                // [rows, cols, 3 or 4] uint8; a mask has become alpha
  Camera camera;                 // intrinsics for this size
  bool has_orientation = false;  // EXIF says to turn or mirror it, which was not done
  bool is_turned = false;        // it was turned as EXIF says
};

// The size of a view's photograph as it is used, and whether for that it must be turned.
struct UsedSize {
  cv::Size size;
  bool is_turned = false;
};

// "FILE (view 'NAME')", for messages.
std::string view_place(const View& view);

// A photograph is used as it is stored, unless only turned by the quarter that its EXIF orientation
// says it has the proportions that the scene declares: cameras of programs that read photographs
// upright, as DUSt3R's family does, describe that. Throws Error naming the file if it is no image.
UsedSize used_image_size(const View& view);

// Throws Error naming the file if image or mask cannot be read or is not of the declared shape.
ViewImage read_view_image(const View& view);

// The camera for an image of that size. If it is a uniformly scaled version of the declared size,
// up to rounding to whole pixels, the intrinsics are rescaled; another aspect ratio is an Error
// that begins with `where`, as nothing says what was cut off.
Camera fit_camera(const Camera& declared, cv::Size actual, const std::string& where);

}  // namespace parallax
