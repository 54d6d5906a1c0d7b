// Cameras: validation, choice of views, normalisation, turntables and paths.
#include "vision/scene/camera.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "vision/scene/camera_path.h"

namespace parallax {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// A camera at `position` that looks at `target`, with +z up.
Camera looking_at(const cv::Vec3d& position, const cv::Vec3d& target) {
  const cv::Vec3d forward = cv::normalize(target - position);
  const cv::Vec3d right = cv::normalize(forward.cross(cv::Vec3d(0, 0, 1)));
  Camera camera{.height = 48, .width = 64, .fx = 50, .fy = 51, .cx = 32, .cy = 24};
  camera.c2w = make_pose(right, forward.cross(right), forward, position);
  return camera;
}

std::vector<Camera> ring(int count, double radius, double elevation, const cv::Vec3d& centre) {
  std::vector<Camera> cameras;
  for (int i = 0; i < count; ++i) {
    const double azimuth = 2 * CV_PI * i / count;
    const cv::Vec3d offset(std::cos(azimuth) * std::cos(elevation),
                           std::sin(azimuth) * std::cos(elevation),
                           std::sin(elevation));
    cameras.push_back(looking_at(centre + offset * radius, centre));
  }
  return cameras;
}

// A row of cameras along x that all look along y.
std::vector<Camera> parallel_row(int count) {
  std::vector<Camera> cameras;
  for (int i = 0; i < count; ++i) {
    const cv::Vec3d position(i, 0, 0);
    cameras.push_back(looking_at(position, position + cv::Vec3d(0, 1, 0)));
  }
  return cameras;
}

std::string failure(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

double distance(const cv::Matx44d& a, const cv::Matx44d& b) {
  return cv::norm(a - b, cv::NORM_INF);
}

TEST(Camera, SoundCamerasPass) {
  validate_camera(looking_at({1, 2, 3}, {0, 0, 0}), "x");
  Camera rounded = looking_at({1, 2, 3}, {0, 0, 0});
  rounded.c2w(0, 0) += 4e-4;  // within the rounding of files
  validate_camera(rounded, "x");
}

TEST(Camera, UnsoundCamerasAreRefusedByName) {
  struct Row {
    const char* expected;
    std::function<void(Camera&)> damage;
  };
  const std::vector<Row> rows = {
      {"'w'", [](Camera& c) { c.width = 0; }},
      {"'h'", [](Camera& c) { c.height = -4; }},
      {"'h'", [](Camera& c) { c.height = 65537; }},
      {"'fx'", [](Camera& c) { c.fx = 0; }},
      {"'fy'", [](Camera& c) { c.fy = -1; }},
      {"'fy'", [](Camera& c) { c.fy = kNan; }},
      {"'cx'", [](Camera& c) { c.cx = kNan; }},
      {"'cy'", [](Camera& c) { c.cy = INFINITY; }},
      {"'fx' is no focal length in pixels", [](Camera& c) { c.fx = 1.07; }},  // a share
      {"'fy' is no focal length in pixels", [](Camera& c) { c.fy = 2.3; }},   // millimetres
      {"'cx' and 'cy' are no pixels", [](Camera& c) { c.cx = c.cy = 0.5; }},
      {"not finite", [](Camera& c) { c.c2w(1, 3) = kNan; }},
      {"bottom row", [](Camera& c) { c.c2w(3, 3) = 2; }},
      {"bottom row", [](Camera& c) { c.c2w(3, 0) = 0.1; }},
      {"singular", [](Camera& c) { c.c2w(0, 0) = c.c2w(1, 0) = c.c2w(2, 0) = 0; }},
      {"mirrors",
       [](Camera& c) {
         c.c2w = c.c2w * cv::Matx44d::diag({1, 1, -1, 1});
       }},
      {"uniformly scaled",
       [](Camera& c) {
         c.c2w = c.c2w * cv::Matx44d::diag({2, 2, 2, 1});
       }},
      {"not orthonormal",
       [](Camera& c) {
         c.c2w = c.c2w * cv::Matx44d::diag({2, 1, 1, 1});
       }},
  };
  for (const Row& row : rows) {
    Camera camera = looking_at({1, 2, 3}, {0, 0, 0});
    row.damage(camera);
    EXPECT_THAT(failure([&] { validate_camera(camera, "a.json, view 7"); }),
                AllOf(HasSubstr("a.json, view 7"), HasSubstr(row.expected)));
  }
}

TEST(Camera, UnusualIntrinsicsAreUsable) {
  Camera camera = looking_at({1, 2, 3}, {0, 0, 0});
  camera.fx = camera.fy = 4.0;  // a fisheye all around
  camera.cx = camera.cy = 0;    // a quarter of a larger image
  EXPECT_NO_THROW(validate_camera(camera, "x"));
  camera = {.height = 1, .width = 1, .fx = 1, .fy = 1, .cx = 0.5, .cy = 0.5};
  EXPECT_NO_THROW(validate_camera(camera, "x"));
}

TEST(Camera, AScaledRotationIsToldItsScale) {
  Camera camera = looking_at({1, 2, 3}, {0, 0, 0});
  camera.c2w = camera.c2w * cv::Matx44d::diag({0.5, 0.5, 0.5, 1});
  EXPECT_THAT(failure([&] { validate_camera(camera, "x"); }), HasSubstr("scale 0.5"));
}

TEST(Camera, TheNearestPoseOfAScaledOrRoundedOneIsTheSamePose) {
  const cv::Matx44d pose = looking_at({1, 2, 3}, {0, 0, 0}).c2w;
  const auto expect_same = [&](const cv::Matx44d& changed, double tolerance) {
    const cv::Matx44d nearest = nearest_pose(changed, "x");
    validate_pose(nearest, "nearest");
    EXPECT_LT(cv::norm(nearest - pose, cv::NORM_INF), tolerance);
    EXPECT_EQ(nearest(1, 3), changed(1, 3)) << "the position stays";
  };
  expect_same(pose, 1e-15);
  for (const double scale : {0.01, 1.7, 1000.0}) {
    expect_same(pose * cv::Matx44d::diag({scale, scale, scale, 1}), 1e-12);
  }
  for (const double decimals : {1e2, 1e3}) {
    cv::Matx44d rounded = pose;
    for (double& value : rounded.val) {
      value = std::round(value * decimals) / decimals;
    }
    expect_same(rounded, 0.6 / decimals);
  }
  const auto refusal = [&](const cv::Vec4d& factors) {
    return failure([&] { nearest_pose(pose * cv::Matx44d::diag(factors), "a.json"); });
  };
  EXPECT_THAT(refusal({1, 1, 1.5, 1}), AllOf(HasSubstr("a.json"), HasSubstr("not orthonormal")));
  EXPECT_THAT(refusal({1, -1, 1, 1}), HasSubstr("mirrors"));
  EXPECT_THAT(refusal({-2, 2, 2, 1}), HasSubstr("scaled"));
  EXPECT_THAT(refusal({0, 1, 1, 1}), HasSubstr("singular"));
  EXPECT_THAT(refusal({kNan, 1, 1, 1}), HasSubstr("not finite"));
  EXPECT_THAT(refusal({2, 2, 2, 2}), HasSubstr("bottom row"));
}

TEST(Camera, FarthestPointsStartAtTheFirstAndBreakTiesByIndex) {
  std::vector<Camera> cameras(6);
  const double x[] = {0, 1, 4, -4, 2, 0};
  for (int i = 0; i < 6; ++i) {
    cameras[i].c2w(0, 3) = x[i];
  }
  EXPECT_THAT(farthest_point_sample(cameras, 6), ElementsAre(0, 2, 3, 4, 1, 5));
  EXPECT_THAT(farthest_point_sample(cameras, 2, 2), ElementsAre(2, 3));
  EXPECT_THAT(farthest_point_sample(std::vector<Camera>(3), 3), ElementsAre(0, 1, 2));
}

TEST(Camera, FarthestPointsRefuseImpossibleCounts) {
  const std::vector<Camera> cameras(3);
  EXPECT_THROW(farthest_point_sample(cameras, 0), Error);
  EXPECT_THROW(farthest_point_sample(cameras, 4), Error);
  EXPECT_THROW(farthest_point_sample(cameras, 1, 3), Error);
  EXPECT_THROW(farthest_point_sample({}, 1), Error);
}

TEST(Camera, NormalisationLooksAtTheReferenceViewsOnly) {
  std::vector<Camera> cameras = ring(6, 3, 0.4, {5, 6, 7});
  const NormalisedPoses before = normalise_poses(cameras, {0, 1, 2});
  cameras[5] = looking_at({100, 100, 100}, {0, 0, 0});
  const NormalisedPoses after = normalise_poses(cameras, {0, 1, 2});
  double largest = 0;
  for (int i = 0; i < 3; ++i) {
    EXPECT_LT(distance(before.cameras[i].c2w, after.cameras[i].c2w), 1e-12);
    largest = std::max(largest, cv::norm(after.cameras[i].position(), cv::NORM_INF));
  }
  EXPECT_NEAR(largest, 1, 1e-12);
  EXPECT_GT(cv::norm(after.cameras[5].position()), 10);
}

TEST(Camera, TheTransformMapsLaterCamerasAndBack) {
  const std::vector<Camera> cameras = ring(5, 3, 0.4, {5, 6, 7});
  const NormalisedPoses normalised = normalise_poses(cameras, {0, 2, 3});
  for (size_t i = 0; i < cameras.size(); ++i) {
    EXPECT_LT(distance(normalised.transform.apply(cameras[i]).c2w, normalised.cameras[i].c2w),
              1e-12);
    EXPECT_LT(distance(normalised.transform.invert(normalised.cameras[i]).c2w, cameras[i].c2w),
              1e-10);
  }
}

TEST(Camera, NormalisationIsDefinedWhereTheMeanPoseIsNot) {
  // Opposite cameras: their mean forward axis is zero; one camera: no scale.
  std::vector<Camera> cameras = ring(4, 2, 0, {0, 0, 0});
  for (const std::vector<int>& indices : {std::vector{0, 1, 2, 3}, std::vector{2}}) {
    for (const Camera& camera : normalise_poses(cameras, indices).cameras) {
      validate_camera(camera, "normalised");
    }
  }
  EXPECT_EQ(normalise_poses(cameras, {2}).transform.scale, 1);
  EXPECT_THROW(normalise_poses(cameras, {}), Error);
  EXPECT_THROW(normalise_poses(cameras, {4}), Error);
}

TEST(CameraPath, TheFocusOfARingIsItsCentre) {
  const cv::Vec3d centre(5, -6, 7000);
  const Focus focus = find_focus(ring(7, 3, 0.5, centre));
  EXPECT_TRUE(focus.converged);
  EXPECT_LT(cv::norm(focus.point - centre), 1e-9);
}

TEST(CameraPath, ParallelAndDivergingAxesHaveAFallbackFocus) {
  const Focus parallel = find_focus(parallel_row(3));
  EXPECT_FALSE(parallel.converged);
  EXPECT_LT(cv::norm(parallel.point - cv::Vec3d(1, 2.0 / 3, 0)), 1e-9);

  std::vector<Camera> outward = ring(6, 2, 0, {0, 0, 0});
  for (Camera& camera : outward) {
    camera.c2w = camera.c2w * cv::Matx44d::diag({-1, 1, -1, 1});
  }
  EXPECT_FALSE(find_focus(outward).converged);
  EXPECT_FALSE(find_focus({outward[0]}).converged);
}

TEST(CameraPath, ATurntableKeepsRadiusElevationAndIntrinsics) {
  const cv::Vec3d centre(1, 2, 3);
  const std::vector<Camera> inputs = ring(5, 3, 0.4, centre);
  const std::vector<Camera> circle = turntable(inputs, 12);
  ASSERT_EQ(circle.size(), 12);
  EXPECT_LT(cv::norm(circle[0].position() - inputs[0].position()), 1e-9);
  for (const Camera& camera : circle) {
    validate_camera(camera, "turntable");
    const cv::Vec3d offset = camera.position() - centre;
    EXPECT_NEAR(cv::norm(offset), 3, 1e-9);
    EXPECT_NEAR(std::asin(offset[2] / 3), 0.4, 1e-9);
    EXPECT_LT(cv::norm(camera.forward() + offset * (1.0 / 3)), 1e-9);
    EXPECT_LT(camera.down()[2], 0);
    EXPECT_EQ(camera.fx, 50);
    EXPECT_EQ(camera.width, 64);
  }
}

TEST(CameraPath, ATurntableWorksFromEveryKindOfInput) {
  std::vector<Camera> overhead = {looking_at({0.01, 0, 4}, {0, 0, 0})};
  for (const std::vector<Camera>& inputs :
       {parallel_row(4), overhead, ring(2, 1, 0.2, {0, 0, 0}), {looking_at({1, 1, 1}, {})}}) {
    for (const Camera& camera : turntable(inputs, 9)) {
      validate_camera(camera, "turntable");
    }
  }
  EXPECT_THROW(turntable({}, 3), Error);
  EXPECT_THROW(turntable(overhead, 0), Error);
}

TEST(CameraPath, APathPassesThroughEveryInput) {
  const std::vector<Camera> inputs = ring(4, 3, 0.4, {1, 2, 3});
  const std::vector<Camera> path = interpolate_path(inputs, 31);
  ASSERT_EQ(path.size(), 31);
  for (int i = 0; i < 4; ++i) {
    EXPECT_LT(distance(path[10 * i].c2w, inputs[i].c2w), 1e-9) << i;
  }
  for (const Camera& camera : path) {
    validate_camera(camera, "path");
  }
}

TEST(CameraPath, RotationsTurnAtConstantSpeedTheShortWay) {
  Camera a = looking_at({0, 0, 0}, {0, 1, 0});
  Camera b = looking_at({2, 0, 0}, {2 + std::sin(2.0), std::cos(2.0), 0});
  b.fx = 100;
  const std::vector<Camera> path = interpolate_path({a, b}, 5);
  for (int i = 0; i < 5; ++i) {
    const double angle = 0.5 * i;
    EXPECT_LT(cv::norm(path[i].forward() - cv::Vec3d(std::sin(angle), std::cos(angle), 0)), 1e-9);
    EXPECT_LT(cv::norm(path[i].position() - cv::Vec3d(0.5 * i, 0, 0)), 1e-9);
    EXPECT_NEAR(path[i].fx, 50 + 12.5 * i, 1e-9);
  }
}

TEST(CameraPath, ShortPathsAreDefined) {
  const std::vector<Camera> inputs = ring(3, 3, 0.4, {1, 2, 3});
  EXPECT_LT(distance(interpolate_path(inputs, 1)[0].c2w, inputs[0].c2w), 1e-9);
  for (const Camera& camera : interpolate_path({inputs[1]}, 4)) {
    EXPECT_LT(distance(camera.c2w, inputs[1].c2w), 1e-9);
  }
  EXPECT_THROW(interpolate_path({}, 4), Error);
  EXPECT_THROW(interpolate_path(inputs, 0), Error);
}

TEST(CameraPath, TellsObjectsFromForwardFacingScenes) {
  EXPECT_TRUE(cameras_surround_object(ring(8, 3, 0.4, {1, 2, 3})));
  EXPECT_TRUE(cameras_surround_object(ring(3, 3, 1.2, {1, 2, 3})));
  EXPECT_FALSE(cameras_surround_object(parallel_row(5)));
  std::vector<Camera> arc = ring(36, 3, 0.4, {1, 2, 3});
  arc.resize(9);
  EXPECT_FALSE(cameras_surround_object(arc));
  EXPECT_FALSE(cameras_surround_object({arc[0]}));
}

}  // namespace
}  // namespace parallax
