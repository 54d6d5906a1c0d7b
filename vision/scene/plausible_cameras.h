// Cameras that a reconstruction put far from where they can have been, or turned away.
#pragma once

#include <vector>

#include "vision/scene/camera.h"

namespace parallax {

// Indices of the cameras, less than half of all, that structure from motion placed wrongly, as it
// does now and then: those more than 5 times as far from the median position as all others, and,
// where nearly all cameras look at one point, those that look elsewhere with none in between. Such
// a camera would decide the scale of the scene and be chosen first by farthest-point sampling, or
// be read as a photograph of what it does not show.
std::vector<int> find_stray_cameras(const std::vector<Camera>& cameras);

}  // namespace parallax
