// Distances from the median position, and directions to where the view axes meet.
#include "vision/scene/plausible_cameras.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

namespace parallax {
namespace {

// A walk or a flight leads far away camera by camera; a stray one has nothing on the way to it.
constexpr double kGapFactor = 5;
constexpr size_t kFewestCameras = 4;
// Cameras that surround an object see it within this angle from their axes, and nothing says that
// one does not before another misses it by this much more.
constexpr double kSeesObject = CV_PI / 4;
constexpr double kAngleGap = CV_PI / 6;
constexpr double kShareSeeing = 0.75;
// The least mean of sin² of the angles between the view axes and their mean: cameras that face
// forward or walk ahead look at no point, wherever their axes may seem to meet.
constexpr double kLeastSpread = 0.05;

double quantile(std::vector<double> values, double share) {
  const auto place =
      values.begin() + static_cast<ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

// Indices whose distance from the median position is beyond a gap.
std::vector<int> find_far_cameras(const std::vector<Camera>& cameras) {
  cv::Vec3d median;
  for (int axis = 0; axis < 3; ++axis) {
    std::vector<double> coordinates;
    for (const Camera& camera : cameras) {
      coordinates.push_back(camera.position()[axis]);
    }
    median[axis] = quantile(coordinates, 0.5);
  }
  std::vector<double> distances;
  for (const Camera& camera : cameras) {
    distances.push_back(cv::norm(camera.position() - median));
  }
  std::vector<double> sorted = distances;
  std::sort(sorted.begin(), sorted.end());
  std::vector<int> far;
  for (size_t i = sorted.size() / 2; i + 1 < sorted.size() && far.empty(); ++i) {
    for (size_t k = 0; k < distances.size() && sorted[i] > 0; ++k) {
      if (sorted[i + 1] > kGapFactor * sorted[i] && distances[k] > sorted[i]) {
        far.push_back(static_cast<int>(k));
      }
    }
  }
  return far;
}

// The point with the least sum of distances from the view axes, by repeatedly solving the least
// squares of camera_path's find_focus() with each axis weighted by its distance: unlike theirs, it
// hardly depends on axes that pass by far away.
cv::Vec3d robust_focus(const std::vector<Camera>& cameras) {
  constexpr int kRounds = 30;
  constexpr double kSmall = 1e-6;
  std::vector<double> weights(cameras.size(), 1);
  // Relative to the mean position, which keeps precision in coordinates of the Earth.
  cv::Vec3d centre;
  for (const Camera& camera : cameras) {
    centre += camera.position() * (1.0 / static_cast<double>(cameras.size()));
  }
  cv::Vec3d focus;
  for (int round = 0; round < kRounds; ++round) {
    cv::Matx33d normal = cv::Matx33d::eye() * kSmall;  // for parallel axes
    cv::Vec3d right_side;
    for (size_t i = 0; i < cameras.size(); ++i) {
      const cv::Vec3d axis = cv::normalize(cameras[i].forward());
      const cv::Matx33d across = cv::Matx33d::eye() - axis * axis.t();
      normal += across * weights[i];
      right_side += across * (cameras[i].position() - centre) * weights[i];
    }
    focus = centre + normal.solve(right_side, cv::DECOMP_SVD);
    double mean = 0;
    for (size_t i = 0; i < cameras.size(); ++i) {
      const cv::Vec3d offset = focus - cameras[i].position();
      weights[i] = cv::norm(offset.cross(cv::normalize(cameras[i].forward())));
      mean += weights[i] / static_cast<double>(cameras.size());
    }
    for (double& weight : weights) {
      weight = 1 / (weight / std::max(mean, kSmall) + kSmall);
    }
  }
  return focus;
}

// Whether the view axes have several directions.
bool axes_spread(const std::vector<Camera>& cameras) {
  cv::Matx33d normal = cv::Matx33d::zeros();
  for (const Camera& camera : cameras) {
    const cv::Vec3d axis = cv::normalize(camera.forward());
    normal += cv::Matx33d::eye() - axis * axis.t();
  }
  cv::Vec3d eigenvalues;
  cv::eigen(normal * (1.0 / static_cast<double>(cameras.size())), eigenvalues);
  return eigenvalues[2] > kLeastSpread;
}

// Indices of cameras that do not look at what nearly all others look at.
std::vector<int> find_turned_cameras(const std::vector<Camera>& cameras) {
  if (!axes_spread(cameras)) {
    return {};
  }
  const cv::Vec3d focus = robust_focus(cameras);
  std::vector<double> angles;
  for (const Camera& camera : cameras) {
    const cv::Vec3d offset = focus - camera.position();
    const double length = std::max(cv::norm(offset), 1e-12);
    angles.push_back(std::acos(std::clamp(
        offset.dot(camera.forward()) / (length * cv::norm(camera.forward())), -1.0, 1.0)));
  }
  std::vector<double> sorted = angles;
  std::sort(sorted.begin(), sorted.end());
  const auto seeing = std::upper_bound(sorted.begin(), sorted.end(), kSeesObject) - sorted.begin();
  const bool has_object =
      static_cast<double>(seeing) >= kShareSeeing * static_cast<double>(sorted.size());
  const bool has_gap = has_object && static_cast<size_t>(seeing) < sorted.size() &&
                       sorted[seeing] > sorted[seeing - 1] + kAngleGap;
  std::vector<int> turned;
  for (size_t i = 0; i < angles.size() && has_gap; ++i) {
    if (angles[i] > kSeesObject) {
      turned.push_back(static_cast<int>(i));
    }
  }
  return turned;
}

}  // namespace

std::vector<int> find_stray_cameras(const std::vector<Camera>& cameras) {
  if (cameras.size() < kFewestCameras) {
    return {};
  }
  std::vector<int> stray = find_far_cameras(cameras);
  std::vector<Camera> near;
  std::vector<int> indices;
  for (int i = 0; i < static_cast<int>(cameras.size()); ++i) {
    if (std::find(stray.begin(), stray.end(), i) == stray.end()) {
      near.push_back(cameras[i]);
      indices.push_back(i);
    }
  }
  if (near.size() >= kFewestCameras) {
    for (const int turned : find_turned_cameras(near)) {
      stray.push_back(indices[turned]);
    }
  }
  std::sort(stray.begin(), stray.end());
  return stray;
}

}  // namespace parallax
