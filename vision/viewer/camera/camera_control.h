// The camera movements behind the mouse and the keys.
#pragma once

#include "vision/scene/camera.h"

namespace parallax::view {

// A camera with the point that it orbits.
struct ViewCamera {
  Camera camera;
  cv::Vec3d target;
  cv::Vec3d up = {0, -1, 0};  // unit length; the axis of `orbit`

  double distance() const { return cv::norm(target - camera.position()); }
};

// Turns around the target: `yaw` about up, `pitch` about the camera's right, radians. Stops short
// of looking along the up axis.
void orbit(ViewCamera& view, double yaw, double pitch);

// Moves camera and target sideways by fractions of the image's height at the target's distance.
void pan(ViewCamera& view, double right, double down);

// Multiplies the distance from the target by `factor` > 0.
void dolly(ViewCamera& view, double factor);

// Moves camera and target along the camera's axes, in the scene's units.
void fly(ViewCamera& view, double right, double down, double forward);

// Turns the camera about its own position, radians; the target turns with it.
void look(ViewCamera& view, double yaw, double pitch);

// Degrees from the top to the bottom of the image.
double vertical_fov(const Camera& camera);
void set_vertical_fov(Camera& camera, double degrees);

// Adopts another camera; the target becomes the point of its optical axis nearest to `focus` or, if
// that is behind the camera, the point at `focus`'s distance.
void snap(ViewCamera& view, const Camera& camera, const cv::Vec3d& focus);

// The same camera for an image of a different size.
Camera resize_camera(const Camera& camera, int height, int width);

}  // namespace parallax::view
