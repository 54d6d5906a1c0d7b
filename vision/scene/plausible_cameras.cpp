// Distances from the median position.
#include "vision/scene/plausible_cameras.h"

#include <algorithm>
#include <opencv2/core.hpp>

namespace parallax {
namespace {

// A walk or a flight leads far away camera by camera; a stray one has nothing on the way to it.
constexpr double kGapFactor = 5;
constexpr size_t kFewestCameras = 4;

double quantile(std::vector<double> values, double share) {
  const auto place = values.begin() + static_cast<ptrdiff_t>(share * (values.size() - 1));
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

}  // namespace

std::vector<int> find_stray_cameras(const std::vector<Camera>& cameras) {
  if (cameras.size() < kFewestCameras) {
    return {};
  }
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
  for (size_t i = sorted.size() / 2; i + 1 < sorted.size(); ++i) {
    if (sorted[i] > 0 && sorted[i + 1] > kGapFactor * sorted[i]) {
      std::vector<int> stray;
      for (size_t k = 0; k < distances.size(); ++k) {
        if (distances[k] > sorted[i]) {
          stray.push_back(static_cast<int>(k));
        }
      }
      return stray;
    }
  }
  return {};
}

}  // namespace parallax
