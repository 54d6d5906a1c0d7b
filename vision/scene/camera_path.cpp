// Geometry of turntables and paths.
#include "vision/scene/camera_path.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/core/quaternion.hpp>

#include "core/base/error.h"

namespace parallax {
namespace {

// A direction shorter than this is rounding noise.
constexpr double kNoDirection = 1e-6;
// For axes within about 0.2° of parallel, where they meet depends only on the poses' noise.
constexpr double kParallelAxes = 1e-5;
constexpr double kSurroundDegrees = 160;
// A camera that looks along the up axis has no defined right axis; stop short of it.
constexpr double kMaxElevation = 85 * CV_PI / 180;

void require_cameras(const std::vector<Camera>& cameras) {
  if (cameras.empty()) {
    throw Error("new cameras cannot be derived from a scene without views");
  }
}

void require_count(int count) {
  if (count < 1) {
    throw Error(ErrorParts{.what = "the number of new cameras is not usable",
                           .expected = "at least 1",
                           .got = std::to_string(count)});
  }
}

cv::Vec3d mean_position(const std::vector<Camera>& cameras) {
  cv::Vec3d sum;
  for (const Camera& camera : cameras) {
    sum += camera.position();
  }
  return sum * (1.0 / static_cast<double>(cameras.size()));
}

cv::Vec3d fallback_focus(const std::vector<Camera>& cameras) {
  const cv::Vec3d centre = mean_position(cameras);
  cv::Vec3d forward;
  double distance = 0;
  for (const Camera& camera : cameras) {
    forward += camera.forward();
    distance += cv::norm(camera.position() - centre) / static_cast<double>(cameras.size());
  }
  forward = cv::norm(forward) < kNoDirection ? cameras.front().forward() : forward;
  return centre + cv::normalize(forward) * (distance > kNoDirection ? distance : 1.0);
}

// Axes in which azimuth and elevation are measured: `up` and two directions across it, the first
// towards `offset` so that azimuth 0 is there.
struct Ring {
  cv::Vec3d up;
  cv::Vec3d ahead;
  cv::Vec3d aside;
};

Ring make_ring(const cv::Vec3d& up, const cv::Vec3d& offset) {
  cv::Vec3d ahead = offset - up * up.dot(offset);
  if (cv::norm(ahead) < kNoDirection * std::max(cv::norm(offset), kNoDirection)) {
    const cv::Vec3d other = std::abs(up[0]) < 0.9 ? cv::Vec3d(1, 0, 0) : cv::Vec3d(0, 1, 0);
    ahead = other - up * up.dot(other);
  }
  ahead = cv::normalize(ahead);
  return {up, ahead, up.cross(ahead)};
}

cv::Matx44d look_at(const cv::Vec3d& position, const cv::Vec3d& target, const cv::Vec3d& up) {
  const cv::Vec3d forward = cv::normalize(target - position);
  const cv::Vec3d right = cv::normalize(forward.cross(up));
  return make_pose(right, forward.cross(right), forward, position);
}

cv::Quatd orientation(const Camera& camera) {
  // OpenCV's matrix conversion expects an exact rotation; poses from files contain rounding errors.
  return cv::Quatd::createFromRotMat(camera.c2w.get_minor<3, 3>(0, 0)).normalize();
}

// The camera between cameras[segment] and cameras[segment + 1] at t in [0, 1].
Camera between(const std::vector<Camera>& cameras, int segment, double t) {
  const int last = static_cast<int>(cameras.size()) - 1;
  const Camera& a = cameras[segment];
  const Camera& b = cameras[std::min(segment + 1, last)];
  const cv::Vec3d p1 = a.position();
  const cv::Vec3d p2 = b.position();
  // Beyond its ends the path is extended straight, so that two cameras give a straight line.
  const cv::Vec3d p0 = segment > 0 ? cameras[segment - 1].position() : p1 * 2.0 - p2;
  const cv::Vec3d p3 = segment + 2 <= last ? cameras[segment + 2].position() : p2 * 2.0 - p1;
  const cv::Vec3d position =
      (p1 * 2.0 + (p2 - p0) * t + (p0 * 2.0 - p1 * 5.0 + p2 * 4.0 - p3) * (t * t) +
       (p1 * 3.0 - p0 - p2 * 3.0 + p3) * (t * t * t)) *
      0.5;
  const cv::Quatd from = orientation(a);
  const cv::Quatd to = orientation(b);
  const cv::Matx33d rotation =
      cv::Quatd::slerp(from, to, t, cv::QUAT_ASSUME_UNIT, true).toRotMat3x3(cv::QUAT_ASSUME_UNIT);
  Camera camera = cameras.front();
  const double sx = static_cast<double>(camera.width) / b.width;
  const double sy = static_cast<double>(camera.height) / b.height;
  const double ax = static_cast<double>(camera.width) / a.width;
  const double ay = static_cast<double>(camera.height) / a.height;
  camera.fx = std::lerp(a.fx * ax, b.fx * sx, t);
  camera.fy = std::lerp(a.fy * ay, b.fy * sy, t);
  camera.cx = std::lerp(a.cx * ax, b.cx * sx, t);
  camera.cy = std::lerp(a.cy * ay, b.cy * sy, t);
  camera.c2w = make_pose({rotation(0, 0), rotation(1, 0), rotation(2, 0)},
                         {rotation(0, 1), rotation(1, 1), rotation(2, 1)},
                         {rotation(0, 2), rotation(1, 2), rotation(2, 2)},
                         position);
  return camera;
}

}  // namespace

Focus find_focus(const std::vector<Camera>& cameras) {
  require_cameras(cameras);
  // Minimise Σ |(I − d dᵀ)(p − o)|²: the normal equations are Σ(I − d dᵀ) p = Σ(I − d dᵀ) o. They
  // are solved relative to the mean position, which keeps precision far from the origin.
  const cv::Vec3d centre = mean_position(cameras);
  cv::Matx33d normal = cv::Matx33d::zeros();
  cv::Vec3d right_side;
  for (const Camera& camera : cameras) {
    const cv::Vec3d axis = cv::normalize(camera.forward());
    const cv::Matx33d across = cv::Matx33d::eye() - axis * axis.t();
    normal += across;
    right_side += across * (camera.position() - centre);
  }
  cv::Vec3d eigenvalues;
  cv::eigen(normal * (1.0 / static_cast<double>(cameras.size())), eigenvalues);
  if (eigenvalues[2] < kParallelAxes) {
    return {fallback_focus(cameras), false};
  }
  const cv::Vec3d point = centre + normal.solve(right_side, cv::DECOMP_SVD);
  int in_front = 0;
  for (const Camera& camera : cameras) {
    in_front += (point - camera.position()).dot(camera.forward()) > 0 ? 1 : 0;
  }
  if (2 * in_front <= static_cast<int>(cameras.size())) {
    return {fallback_focus(cameras), false};
  }
  return {point, true};
}

cv::Vec3d find_up(const std::vector<Camera>& cameras) {
  require_cameras(cameras);
  cv::Vec3d up;
  for (const Camera& camera : cameras) {
    up -= camera.down() * (1.0 / static_cast<double>(cameras.size()));
  }
  return cv::normalize(cv::norm(up) < kNoDirection ? -cameras.front().down() : up);
}

std::vector<Camera> turntable(const std::vector<Camera>& cameras, int count) {
  require_count(count);
  const cv::Vec3d centre = find_focus(cameras).point;
  const Ring ring = make_ring(find_up(cameras), cameras.front().position() - centre);
  double radius = 0;
  double elevation = 0;
  for (const Camera& camera : cameras) {
    const cv::Vec3d offset = camera.position() - centre;
    const double distance = cv::norm(offset);
    const double share = 1.0 / static_cast<double>(cameras.size());
    radius += distance * share;
    if (distance > 0) {
      elevation += std::asin(std::clamp(ring.up.dot(offset) / distance, -1.0, 1.0)) * share;
    }
  }
  if (radius <= 0) {
    throw Error(
        "a turntable needs cameras that stand away from what they look at; all of them "
        "stand in one point");
  }
  elevation = std::clamp(elevation, -kMaxElevation, kMaxElevation);
  std::vector<Camera> circle(count, cameras.front());
  for (int i = 0; i < count; ++i) {
    const double azimuth = 2 * CV_PI * i / count;
    const cv::Vec3d across = ring.ahead * std::cos(azimuth) + ring.aside * std::sin(azimuth);
    const cv::Vec3d offset = across * std::cos(elevation) + ring.up * std::sin(elevation);
    circle[i].c2w = look_at(centre + offset * radius, centre, ring.up);
  }
  return circle;
}

std::vector<Camera> interpolate_path(const std::vector<Camera>& cameras, int steps) {
  require_cameras(cameras);
  require_count(steps);
  const int segments = static_cast<int>(cameras.size()) - 1;
  std::vector<Camera> path;
  for (int i = 0; i < steps; ++i) {
    const double at = steps > 1 ? static_cast<double>(segments) * i / (steps - 1) : 0;
    const int segment = std::min(static_cast<int>(at), std::max(segments - 1, 0));
    path.push_back(between(cameras, segment, at - segment));
  }
  return path;
}

bool cameras_surround_object(const std::vector<Camera>& cameras) {
  const Focus focus = find_focus(cameras);
  if (!focus.converged || cameras.size() < 3) {
    return false;
  }
  const Ring ring = make_ring(find_up(cameras), cameras.front().position() - focus.point);
  std::vector<double> azimuths;
  for (const Camera& camera : cameras) {
    const cv::Vec3d offset = camera.position() - focus.point;
    azimuths.push_back(std::atan2(ring.aside.dot(offset), ring.ahead.dot(offset)));
  }
  std::sort(azimuths.begin(), azimuths.end());
  double largest_gap = azimuths.front() + 2 * CV_PI - azimuths.back();
  for (size_t i = 1; i < azimuths.size(); ++i) {
    largest_gap = std::max(largest_gap, azimuths[i] - azimuths[i - 1]);
  }
  return (2 * CV_PI - largest_gap) * 180 / CV_PI > kSurroundDegrees;
}

}  // namespace parallax
