// Rotations about axes and moves along them.
#include "vision/viewer/camera/camera_control.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

namespace parallax::view {
namespace {

constexpr double kMaxElevation = 89 * CV_PI / 180;
constexpr double kMinDistance = 1e-6;

// Rotates v by `angle` about a unit axis (Rodrigues).
cv::Vec3d turned(const cv::Vec3d& v, const cv::Vec3d& axis, double angle) {
  return v * std::cos(angle) + axis.cross(v) * std::sin(angle) +
         axis * (axis.dot(v) * (1 - std::cos(angle)));
}

// Turns the camera's axes and re-orthonormalises them, so that errors do not accumulate.
void turn_axes(Camera& camera, const cv::Vec3d& axis, double angle) {
  const cv::Vec3d forward = cv::normalize(turned(camera.forward(), axis, angle));
  const cv::Vec3d right = turned(camera.right(), axis, angle);
  const cv::Vec3d down = cv::normalize(forward.cross(right));
  camera.c2w = make_pose(down.cross(forward), down, forward, camera.position());
}

void set_position(Camera& camera, const cv::Vec3d& position) {
  for (int row = 0; row < 3; ++row) {
    camera.c2w(row, 3) = position[row];
  }
}

// The pitch that keeps the view direction within kMaxElevation of the plane perpendicular to up.
double allowed_pitch(const ViewCamera& view, double pitch) {
  const double elevation = std::asin(std::clamp(view.camera.forward().dot(view.up), -1.0, 1.0));
  const double wanted = std::clamp(elevation + pitch, -kMaxElevation, kMaxElevation);
  return std::abs(elevation) > kMaxElevation && std::abs(wanted) >= std::abs(elevation)
             ? 0
             : wanted - elevation;
}

}  // namespace

void orbit(ViewCamera& view, double yaw, double pitch) {
  const auto turn = [&](const cv::Vec3d& axis, double angle) {
    const cv::Vec3d offset = view.camera.position() - view.target;
    turn_axes(view.camera, axis, angle);
    set_position(view.camera, view.target + turned(offset, axis, angle));
  };
  turn(view.up, yaw);
  turn(view.camera.right(), allowed_pitch(view, pitch));
}

void pan(ViewCamera& view, double right, double down) {
  const Camera& camera = view.camera;
  const double height = view.distance() * camera.height / camera.fy;
  fly(view, -right * height, -down * height, 0);
}

void dolly(ViewCamera& view, double factor) {
  const cv::Vec3d offset = view.camera.position() - view.target;
  const double distance = cv::norm(offset);
  if (distance * factor > kMinDistance) {
    set_position(view.camera, view.target + offset * factor);
  }
}

void fly(ViewCamera& view, double right, double down, double forward) {
  const Camera& camera = view.camera;
  const cv::Vec3d move = camera.right() * right + camera.down() * down + camera.forward() * forward;
  view.target += move;
  set_position(view.camera, camera.position() + move);
}

void look(ViewCamera& view, double yaw, double pitch) {
  const double distance = view.distance();
  turn_axes(view.camera, view.up, yaw);
  turn_axes(view.camera, view.camera.right(), allowed_pitch(view, pitch));
  view.target = view.camera.position() + view.camera.forward() * distance;
}

double vertical_fov(const Camera& camera) {
  return 2 * std::atan(camera.height / (2 * camera.fy)) * 180 / CV_PI;
}

void set_vertical_fov(Camera& camera, double degrees) {
  const double fy = camera.height / (2 * std::tan(degrees * CV_PI / 360));
  camera.fx *= fy / camera.fy;
  camera.fy = fy;
}

void snap(ViewCamera& view, const Camera& camera, const cv::Vec3d& focus) {
  view.camera = camera;
  const cv::Vec3d offset = focus - camera.position();
  const double along = offset.dot(camera.forward());
  const double distance = along > kMinDistance ? along : std::max(cv::norm(offset), kMinDistance);
  view.target = camera.position() + camera.forward() * distance;
}

Camera resize_camera(const Camera& camera, int height, int width) {
  Camera resized = camera;
  const double sx = static_cast<double>(width) / camera.width;
  const double sy = static_cast<double>(height) / camera.height;
  resized.height = height;
  resized.width = width;
  resized.fx *= sx;
  resized.cx *= sx;
  resized.fy *= sy;
  resized.cy *= sy;
  return resized;
}

}  // namespace parallax::view
