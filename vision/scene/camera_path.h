// New cameras for a scene: a turntable around the point its cameras look at, or a smooth path
// through them, and the decision between the two.
#pragma once

#include <vector>

#include "vision/scene/camera.h"

namespace parallax {

// The point that the cameras look at.
struct Focus {
  cv::Vec3d point;
  // True if the optical axes meet in front of the cameras. False if they are parallel or diverge;
  // then the point is the mean position plus the mean forward axis times the mean distance of the
  // cameras from their mean position (1 for a single camera).
  bool converged = false;
};

// The point closest to all optical axes in the least-squares sense.
Focus find_focus(const std::vector<Camera>& cameras);

// The scene's up axis: the mean of the cameras' −y axes, unit length.
cv::Vec3d find_up(const std::vector<Camera>& cameras);

// `count` cameras on a circle around the focus about the up axis, evenly spaced, the first at the
// first input's azimuth; radius and elevation are the inputs' means, intrinsics the first input's.
std::vector<Camera> turntable(const std::vector<Camera>& cameras, int count);

// `steps` cameras along a smooth path through all inputs in their order, the first and the last
// input included: Catmull–Rom positions, SLERP rotations, linear intrinsics; size of the first
// input.
std::vector<Camera> interpolate_path(const std::vector<Camera>& cameras, int steps);

// True if a turntable suits the scene: the optical axes meet, and seen from that point the cameras
// cover more than 160° of azimuth. Otherwise the scene faces forward and a path suits it.
bool cameras_surround_object(const std::vector<Camera>& cameras);

}  // namespace parallax
