// Distances from the median position.
#include "vision/scene/plausible_cameras.h"

#include <algorithm>
#include <opencv2/core.hpp>

namespace parallax {
namespace {

// A walk's or a flight's cameras are at most some 4 times as far from their median as half of them
// are.
constexpr double kStrayFactor = 10;
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
  // The larger quantile stands for scenes in which most cameras are in one place.
  const double usual = std::max(quantile(distances, 0.5), 0.5 * quantile(distances, 0.8));
  std::vector<int> stray;
  for (size_t i = 0; i < cameras.size(); ++i) {
    if (distances[i] > kStrayFactor * usual && usual > 0) {
      stray.push_back(static_cast<int>(i));
    }
  }
  return stray;
}

}  // namespace parallax
