// Views as the same cameras would have taken them from the same place with another orientation.
#pragma once

#include <vector>

#include "vision/synth/multi_view_sample.h"
#include "vision/synth/random.h"

namespace parallax {

// How far a camera may be turned about its own centre, and its lens changed. All such images from
// one place show the same rays, so a warped view is as true as the original.
struct WarpRange {
  double roll = 0;   // degrees about the optical axis
  double shift = 0;  // of the image's centre, as a share of its width and height
  double zoom = 0;   // factor on the focal length, up to 1 ± this
  bool any() const { return roll > 0 || shift > 0 || zoom > 0; }
};

// Each view warped by its own random amount and sized to height × width, each pixel the mean of 2 ×
// 2 samples: without a warp, and for views of twice the size, this is the area average. Pixels
// outside the original image get `background`, so this is for objects in front of one.
MultiViewSample warp_views(const MultiViewSample& sample,  // images [V, 3, H', W']
                           const WarpRange& range,
                           const cv::Vec3f& background,  // RGB in [0, 1]
                           int height,
                           int width,
                           Random& random);

}  // namespace parallax
