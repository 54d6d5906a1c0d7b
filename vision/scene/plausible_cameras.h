// Cameras that a reconstruction put far from where they can have been.
#pragma once

#include <vector>

#include "vision/scene/camera.h"

namespace parallax {

// Indices of the cameras, less than half of all, that are more than 5 times as far from the median
// position as all others, as structure from motion leaves them now and then. One such camera would
// decide the scale of the scene and be chosen first by farthest-point sampling.
std::vector<int> find_stray_cameras(const std::vector<Camera>& cameras);

}  // namespace parallax
