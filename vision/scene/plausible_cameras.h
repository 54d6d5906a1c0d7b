// Cameras that a reconstruction put far from where they can have been.
#pragma once

#include <vector>

#include "vision/scene/camera.h"

namespace parallax {

// Indices of cameras whose distance from the median position is many times that of the others, as
// structure from motion leaves them now and then. One such camera would decide the scale of the
// scene and be chosen first by farthest-point sampling.
std::vector<int> find_stray_cameras(const std::vector<Camera>& cameras);

}  // namespace parallax
