// Pinhole cameras in the OpenCV convention (x right, y down, z forward) and the arithmetic on their
// poses: validation, farthest-point selection, mean-pose normalisation. Paths for new cameras are
// in camera_path.h.
#pragma once

#include <opencv2/core/matx.hpp>
#include <string>
#include <vector>

namespace parallax {

// The longest image side that a camera may declare; beyond it a file is considered damaged.
inline constexpr int kMaxImageSide = 65536;

// One pinhole camera. Intrinsics are in pixels of an image of `height` × `width`, with pixel
// centres at +0.5; `c2w` takes camera coordinates to world coordinates.
struct Camera {
  int height = 0;
  int width = 0;
  double fx = 0;
  double fy = 0;
  double cx = 0;
  double cy = 0;
  cv::Matx44d c2w = cv::Matx44d::eye();

  cv::Vec3d position() const { return {c2w(0, 3), c2w(1, 3), c2w(2, 3)}; }
  cv::Vec3d right() const { return {c2w(0, 0), c2w(1, 0), c2w(2, 0)}; }
  cv::Vec3d down() const { return {c2w(0, 1), c2w(1, 1), c2w(2, 1)}; }
  cv::Vec3d forward() const { return {c2w(0, 2), c2w(1, 2), c2w(2, 2)}; }
};

// A camera-to-world matrix from its axes (OpenCV convention) and its position.
cv::Matx44d make_pose(const cv::Vec3d& right,
                      const cv::Vec3d& down,
                      const cv::Vec3d& forward,
                      const cv::Vec3d& position);

// The rigid motion x ↦ rotation · x + translation.
cv::Matx44d make_pose(const cv::Matx33d& rotation, const cv::Vec3d& translation);

// The rotation of a quaternion of length 1, and of any length but 0.
cv::Matx33d rotation_from_unit_quaternion(double w, double x, double y, double z);
cv::Matx33d rotation_from_quaternion(double w, double x, double y, double z);

// Throws Error, beginning with `where`, unless the matrix is a rigid motion: finite, bottom row
// 0 0 0 1, rotation orthonormal within 1e-3 with determinant +1.
void validate_pose(const cv::Matx44d& pose, const std::string& where);

// The pose that a matrix means whose 3 × 3 block was scaled, as Blender's cameras may be, or
// rounded to a few decimals: the block divided by its scale and made orthonormal. A matrix that
// validate_pose() takes stays as it is. Throws Error, beginning with `where`, if the block is
// farther than 0.02 from a rotation even so, or for any other reason that validate_pose() has.
cv::Matx44d nearest_pose(const cv::Matx44d& pose, const std::string& where);

// Throws Error, beginning with `where`, unless size and intrinsics are usable, in pixels, and c2w
// is rigid.
void validate_camera(const Camera& camera, const std::string& where);

// `count` indices, each the camera farthest (by position) from all chosen before it, starting with
// `first`; ties go to the lowest index, so that the choice is the same everywhere.
std::vector<int> farthest_point_sample(const std::vector<Camera>& cameras,
                                       int count,
                                       int first = 0);

// What normalisation does to every pose: a rigid motion, then positions divided by `scale`.
struct PoseTransform {
  cv::Matx44d rigid = cv::Matx44d::eye();  // world → mean pose
  double scale = 1;                        // world units per normalised unit, > 0

  Camera apply(const Camera& camera) const;
  Camera invert(const Camera& camera) const;
};

// Normalised cameras and the transform that made them.
struct NormalisedPoses {
  std::vector<Camera> cameras;
  PoseTransform transform;
};

// LaCT's scene normalisation: the world is moved to the mean pose of the reference cameras and
// scaled so that the largest absolute component of their positions is 1. Only the reference cameras
// (the input views) decide, so a target view does not change what the model sees; the transform
// maps later cameras in the same way. If the mean has no direction (cameras all around a circle),
// the first reference camera's axes are used; if all reference cameras coincide, the scale is 1.
NormalisedPoses normalise_poses(const std::vector<Camera>& cameras,
                                const std::vector<int>& reference_indices);

}  // namespace parallax
