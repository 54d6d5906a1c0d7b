// Checks on cameras and the arithmetic that relates their poses.
#include "vision/scene/camera.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <opencv2/core.hpp>
#include <tuple>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr double kRotationTolerance = 1e-3;
// Below this length a mean of unit vectors is rounding noise, not a direction.
constexpr double kNoDirection = 1e-6;

cv::Matx33d rotation_block(const cv::Matx44d& pose) { return pose.get_minor<3, 3>(0, 0); }

double largest_deviation(const cv::Matx33d& a, const cv::Matx33d& b) {
  double largest = 0;
  for (int i = 0; i < 9; ++i) {
    largest = std::max(largest, std::abs(a.val[i] - b.val[i]));
  }
  return largest;
}

void validate_rotation(const cv::Matx33d& rotation, const std::string& where) {
  const double determinant = cv::determinant(rotation);
  if (std::abs(determinant) < 1e-12) {
    throw Error(ErrorParts{.what = "the rotation block is singular",
                           .where = where,
                           .expected = "determinant 1",
                           .got = fmt::format("{:g}", determinant)});
  }
  const cv::Matx33d gram = rotation.t() * rotation;
  if (largest_deviation(gram, cv::Matx33d::eye()) <= kRotationTolerance) {
    if (determinant < 0) {
      throw Error(ErrorParts{.what = "the rotation block mirrors space",
                             .where = where,
                             .expected = "determinant +1",
                             .got = fmt::format("{:g}", determinant),
                             .remedy = "One axis of the export has the wrong sign."});
    }
    return;
  }
  const double scale = std::cbrt(std::abs(determinant));
  if (largest_deviation(gram * (1 / (scale * scale)), cv::Matx33d::eye()) <= kRotationTolerance) {
    throw Error(ErrorParts{.what = "the rotation block is uniformly scaled",
                           .where = where,
                           .expected = "a rotation without scale",
                           .got = fmt::format("scale {:g}", scale),
                           .remedy = "Divide the 3 × 3 block by its scale when exporting."});
  }
  throw Error(ErrorParts{
      .what = "the rotation block is not orthonormal",
      .where = where,
      .expected = "orthonormal within 0.001",
      .got = fmt::format("a deviation of {:g}", largest_deviation(gram, cv::Matx33d::eye()))});
}

void require_positive(double value, const char* field, const std::string& where) {
  if (!std::isfinite(value) || value <= 0) {
    throw Error(ErrorParts{.what = fmt::format("field '{}' is not usable", field),
                           .where = where,
                           .expected = "a positive number",
                           .got = fmt::format("{:g}", value)});
  }
}

void require_side(int value, const char* field, const std::string& where) {
  if (value < 1 || value > kMaxImageSide) {
    throw Error(ErrorParts{.what = fmt::format("field '{}' is not usable", field),
                           .where = where,
                           .expected = fmt::format("1 to {} pixels", kMaxImageSide),
                           .got = std::to_string(value)});
  }
}

// Focal lengths and principal points as shares of the image's size, or in millimetres, would be
// taken for pixels of a camera that nobody builds. Below a twentieth of its side a focal length
// means a field of view beyond 168°; a fisheye's is a sixth at 360°.
void require_pixels(const Camera& camera, const std::string& where) {
  constexpr double kLeastShare = 0.05;
  constexpr const char* kRemedy =
      "Multiply shares by the image's size, or millimetres by its "
      "pixels per millimetre.";
  for (const auto& [focal, side, field] :
       {std::tuple{camera.fx, camera.width, "fx"}, std::tuple{camera.fy, camera.height, "fy"}}) {
    if (focal < kLeastShare * side) {
      throw Error(ErrorParts{.what = fmt::format("field '{}' is no focal length in pixels", field),
                             .where = where,
                             .expected = fmt::format("at least {:g}", kLeastShare * side),
                             .got = fmt::format("{:g}", focal),
                             .remedy = kRemedy});
    }
  }
  constexpr int kSideOfPixels = 8;  // of smaller images it may be in the first pixel
  const auto is_share = [](double value) { return value > 0.2 && value < 0.8; };
  if (is_share(camera.cx) && is_share(camera.cy) && camera.width >= kSideOfPixels &&
      camera.height >= kSideOfPixels) {
    throw Error(ErrorParts{
        .what = "fields 'cx' and 'cy' are no pixels",
        .where = where,
        .expected = fmt::format("about {:g} and {:g}", 0.5 * camera.width, 0.5 * camera.height),
        .got = fmt::format("{:g} and {:g}", camera.cx, camera.cy),
        .remedy = kRemedy});
  }
}

struct Means {
  cv::Vec3d position;
  cv::Vec3d down;
  cv::Vec3d forward;
};

Means mean_axes(const std::vector<Camera>& cameras, const std::vector<int>& indices) {
  Means mean;
  for (const int index : indices) {
    mean.position += cameras[index].position();
    mean.down += cameras[index].down();
    mean.forward += cameras[index].forward();
  }
  const double share = 1.0 / static_cast<double>(indices.size());
  return {mean.position * share, mean.down * share, mean.forward * share};
}

cv::Matx44d mean_pose(const std::vector<Camera>& cameras, const std::vector<int>& indices) {
  const Means mean = mean_axes(cameras, indices);
  const Camera& first = cameras[indices.front()];
  cv::Vec3d forward = mean.forward;
  cv::Vec3d down = mean.down;
  if (cv::norm(forward) < kNoDirection || cv::norm(down.cross(forward)) < kNoDirection) {
    forward = first.forward();
    down = first.down();
  }
  forward = cv::normalize(forward);
  const cv::Vec3d right = cv::normalize(down.cross(forward));
  return make_pose(right, cv::normalize(forward.cross(right)), forward, mean.position);
}

// The inverse of a pose whose axes are orthonormal.
cv::Matx44d rigid_inverse(const cv::Matx44d& pose) {
  const cv::Matx33d rotation = rotation_block(pose).t();
  const cv::Vec3d position = rotation * cv::Vec3d(pose(0, 3), pose(1, 3), pose(2, 3));
  return make_pose(rotation, -position);
}

void require_index(int index, size_t count, const char* what) {
  if (index < 0 || static_cast<size_t>(index) >= count) {
    throw Error(ErrorParts{.what = fmt::format("{} is not a view of the scene", what),
                           .expected = fmt::format("0 to {}", static_cast<long>(count) - 1),
                           .got = std::to_string(index)});
  }
}

}  // namespace

cv::Matx44d make_pose(const cv::Vec3d& right,
                      const cv::Vec3d& down,
                      const cv::Vec3d& forward,
                      const cv::Vec3d& position) {
  cv::Matx44d pose = cv::Matx44d::eye();
  for (int row = 0; row < 3; ++row) {
    pose(row, 0) = right[row];
    pose(row, 1) = down[row];
    pose(row, 2) = forward[row];
    pose(row, 3) = position[row];
  }
  return pose;
}

cv::Matx44d make_pose(const cv::Matx33d& rotation, const cv::Vec3d& translation) {
  return make_pose({rotation(0, 0), rotation(1, 0), rotation(2, 0)},
                   {rotation(0, 1), rotation(1, 1), rotation(2, 1)},
                   {rotation(0, 2), rotation(1, 2), rotation(2, 2)},
                   translation);
}

cv::Matx33d rotation_from_unit_quaternion(double w, double x, double y, double z) {
  return {1 - 2 * (y * y + z * z),
          2 * (x * y - w * z),
          2 * (x * z + w * y),
          2 * (x * y + w * z),
          1 - 2 * (x * x + z * z),
          2 * (y * z - w * x),
          2 * (x * z - w * y),
          2 * (y * z + w * x),
          1 - 2 * (x * x + y * y)};
}

cv::Matx33d rotation_from_quaternion(double w, double x, double y, double z) {
  const double norm = std::sqrt(w * w + x * x + y * y + z * z);
  return rotation_from_unit_quaternion(w / norm, x / norm, y / norm, z / norm);
}

void validate_pose(const cv::Matx44d& pose, const std::string& where) {
  for (const double value : pose.val) {
    if (!std::isfinite(value)) {
      throw Error(ErrorParts{.what = "the pose holds a value that is not finite",
                             .where = where,
                             .got = fmt::format("{}", value)});
    }
  }
  const cv::Vec4d bottom(pose(3, 0), pose(3, 1), pose(3, 2), pose(3, 3));
  if (cv::norm(bottom - cv::Vec4d(0, 0, 0, 1), cv::NORM_INF) > 1e-6) {
    throw Error(ErrorParts{
        .what = "the bottom row of the pose is wrong",
        .where = where,
        .expected = "0 0 0 1",
        .got = fmt::format("{:g} {:g} {:g} {:g}", bottom[0], bottom[1], bottom[2], bottom[3])});
  }
  validate_rotation(rotation_block(pose), where);
}

cv::Matx44d nearest_pose(const cv::Matx44d& pose, const std::string& where) {
  constexpr double kRounded = 0.02;
  const cv::Matx33d block = rotation_block(pose);
  const double determinant = cv::determinant(block);
  const bool is_rotation =
      largest_deviation(block.t() * block, cv::Matx33d::eye()) <= kRotationTolerance;
  if (is_rotation || !std::isfinite(determinant) || determinant < 1e-12) {
    validate_pose(pose, where);
    return pose;
  }
  cv::Matx31d sizes;
  cv::Matx33d u;
  cv::Matx33d vt;
  cv::SVD::compute(block, sizes, u, vt);
  const cv::Matx33d rotation = u * vt;
  cv::Matx44d nearest = pose;
  if (largest_deviation(block * (1 / std::cbrt(determinant)), rotation) <= kRounded) {
    for (int i = 0; i < 9; ++i) {
      nearest(i / 3, i % 3) = rotation.val[i];
    }
  }
  validate_pose(nearest, where);
  return nearest;
}

void validate_camera(const Camera& camera, const std::string& where) {
  require_side(camera.width, "w", where);
  require_side(camera.height, "h", where);
  require_positive(camera.fx, "fx", where);
  require_positive(camera.fy, "fy", where);
  for (const auto& [value, field] : {std::pair{camera.cx, "cx"}, std::pair{camera.cy, "cy"}}) {
    if (!std::isfinite(value)) {
      throw Error(ErrorParts{.what = fmt::format("field '{}' is not finite", field),
                             .where = where,
                             .got = fmt::format("{}", value)});
    }
  }
  require_pixels(camera, where);
  validate_pose(camera.c2w, where);
}

std::vector<int> farthest_point_sample(const std::vector<Camera>& cameras, int count, int first) {
  require_index(first, cameras.size(), "the first view");
  if (count < 1 || static_cast<size_t>(count) > cameras.size()) {
    throw Error(ErrorParts{.what = "cannot choose that many views",
                           .expected = fmt::format("1 to {}", cameras.size()),
                           .got = std::to_string(count)});
  }
  std::vector<double> distance(cameras.size(), std::numeric_limits<double>::infinity());
  std::vector<int> chosen = {first};
  distance[first] = -1;  // chosen cameras lose every comparison, even with coinciding ones
  while (chosen.size() < static_cast<size_t>(count)) {
    const cv::Vec3d last = cameras[chosen.back()].position();
    for (size_t i = 0; i < cameras.size(); ++i) {
      const cv::Vec3d offset = cameras[i].position() - last;
      distance[i] = std::min(distance[i], offset.dot(offset));
    }
    const auto farthest = std::max_element(distance.begin(), distance.end());
    chosen.push_back(static_cast<int>(farthest - distance.begin()));
    *farthest = -1;
  }
  return chosen;
}

Camera PoseTransform::apply(const Camera& camera) const {
  Camera mapped = camera;
  mapped.c2w = rigid * camera.c2w;
  for (int row = 0; row < 3; ++row) {
    mapped.c2w(row, 3) /= scale;
  }
  return mapped;
}

Camera PoseTransform::invert(const Camera& camera) const {
  Camera mapped = camera;
  for (int row = 0; row < 3; ++row) {
    mapped.c2w(row, 3) *= scale;
  }
  mapped.c2w = rigid_inverse(rigid) * mapped.c2w;
  return mapped;
}

NormalisedPoses normalise_poses(const std::vector<Camera>& cameras,
                                const std::vector<int>& reference_indices) {
  if (reference_indices.empty()) {
    throw Error("poses cannot be normalised without at least one input view");
  }
  for (const int index : reference_indices) {
    require_index(index, cameras.size(), "an input view");
  }
  NormalisedPoses result;
  result.transform.rigid = rigid_inverse(mean_pose(cameras, reference_indices));
  double scale = 0;
  for (const int index : reference_indices) {
    const cv::Vec3d position = result.transform.apply(cameras[index]).position();
    scale = std::max(scale, cv::norm(position, cv::NORM_INF));
  }
  // One camera, or several in one place up to rounding, reveal nothing about the scene's size.
  const double magnitude = cv::norm(cameras[reference_indices.front()].position(), cv::NORM_INF);
  result.transform.scale = scale > 1e-9 * std::max(magnitude, 1e-9) ? scale : 1;
  for (const Camera& camera : cameras) {
    result.cameras.push_back(result.transform.apply(camera));
  }
  return result;
}

}  // namespace parallax
