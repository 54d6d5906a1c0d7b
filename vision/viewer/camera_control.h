// What the mouse and the keys do to a camera.
#pragma once

#include "vision/scene/camera.h"

namespace parallax::view {

// A camera with the point that it turns around.
struct ViewCamera {
  Camera camera;
  cv::Vec3d target;
  cv::Vec3d up = {0, -1, 0};  // unit length: what `orbit` turns about

  double distance() const { return cv::norm(target - camera.position()); }
};

// Turns around the target: `yaw` about up, `pitch` about the camera's right, radians. Stops short
// of looking along the up axis.
void orbit(ViewCamera& view, double yaw, double pitch);

// Moves camera and target sideways by shares of the picture's height at the target's distance.
void pan(ViewCamera& view, double right, double down);

// Multiplies the distance from the target by `factor` > 0.
void dolly(ViewCamera& view, double factor);

// Moves camera and target along the camera's axes, in the scene's units.
void fly(ViewCamera& view, double right, double down, double forward);

// Turns about the camera's own position, radians; the target goes with it.
void look(ViewCamera& view, double yaw, double pitch);

// Degrees from the top to the bottom of the picture.
double vertical_fov(const Camera& camera);
void set_vertical_fov(Camera& camera, double degrees);

// Takes another camera over; the target becomes the point of its optical axis nearest to `focus`,
// or, where that is behind it, one at `focus`'s distance.
void snap(ViewCamera& view, const Camera& camera, const cv::Vec3d& focus);

// The same camera for an image of another size.
Camera resize_camera(const Camera& camera, int height, int width);

}  // namespace parallax::view
