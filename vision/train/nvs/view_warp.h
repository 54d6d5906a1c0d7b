// Views as the same cameras would have taken them had they been held otherwise.
#pragma once

#include <vector>

#include "vision/synth/multi_view_sample.h"
#include "vision/synth/random.h"

namespace parallax {

// How far a camera may be turned about its own centre, and its lens changed. From one place every
// such picture shows the same rays, so that the warped view is as true as the original.
struct WarpRange {
  double roll = 0;   // degrees about the optical axis
  double shift = 0;  // of the picture's middle, as a share of its width and height
  double zoom = 0;   // the focal length times up to 1 ± this
  bool any() const { return roll > 0 || shift > 0 || zoom > 0; }
};

// Each view warped by its own random amount and sized to height × width, each pixel the mean of
// 2 × 2 places: with no warp, and views of twice the size, the area average. Outside the original
// picture lies `background`, so that this is for objects in front of one.
MultiViewSample warp_views(const MultiViewSample& sample,  // images [V, 3, H', W']
                           const WarpRange& range,
                           const cv::Vec3f& background,  // RGB in [0, 1]
                           int height,
                           int width,
                           Random& random);

}  // namespace parallax
