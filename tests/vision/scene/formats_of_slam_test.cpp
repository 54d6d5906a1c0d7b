// Replica, TUM's RGB-D and KITTI's odometry, whose cameras stand in lists of poses: one scene in
// each of their formats gives the same cameras, and what is broken or cannot be used is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <opencv2/imgcodecs.hpp>

#include "tests/support/every_format.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::expect_the_scene;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// The scene's rotations were rounded to float32; some formats make them orthonormal.
constexpr double kFloatRotations = 1e-6;

class FormatsOfSlam : public testing::EveryFormat {};

std::string frame_name(int i) { return "frame00000" + std::to_string(i) + ".png"; }
std::string digits_name(int i) { return "00000" + std::to_string(i) + ".png"; }

TEST_F(FormatsOfSlam, ReplicaGivesTheSameCameras) {
  keep({"traj.txt", "cam_params.json"});
  EXPECT_THAT(failure(), HasSubstr("no scene was found")) << "only a file of that name";
  move_images(file("results"), frame_name);
  testing::write_text(file("results/depth000000.png"), "no photograph");
  EXPECT_TRUE(looks_like_scene(folder()));
  const Scene scene = load_scene(folder());
  expect_the_scene(scene, SceneFormat::kReplica, kFloatRotations);
  EXPECT_THAT(scene.notes, IsEmpty());
  expect_the_scene(load_scene(file("traj.txt")), SceneFormat::kReplica, kFloatRotations);
  fs::rename(file("cam_params.json"), scratch_.path() / "cam_params.json");
  expect_the_scene(load_scene(folder()), SceneFormat::kReplica, kFloatRotations);
  fs::rename(file("results"), file("half"));
  expect_the_scene(
      load_scene(folder(), {.image_folder = "half"}), SceneFormat::kReplica, kFloatRotations);
  fs::remove(scratch_.path() / "cam_params.json");
  fs::rename(file("half"), file("results"));
  EXPECT_THAT(failure(), AllOf(HasSubstr("cam_params.json"), HasSubstr("256x256")));
  cv::imwrite(file("results/frame000000.png"), cv::Mat(680, 1200, CV_8UC3, cv::Scalar(1, 2, 3)));
  const Scene replica = load_scene(folder());
  EXPECT_EQ(replica.views[0].camera.cx, 600);
  EXPECT_EQ(replica.views[0].camera.fx, 600);
  EXPECT_THAT(replica.notes, ElementsAre(HasSubstr("NICE-SLAM")));
}

// A frame's number is that of its line.
TEST_F(FormatsOfSlam, FramesOfReplicaMayBeMissing) {
  keep({"traj.txt", "cam_params.json"});
  move_images(file("results"), frame_name);
  const Scene whole = load_scene(folder());
  fs::remove(file("results/frame000001.png"));
  fs::rename(file("results/frame000005.png"), file("results/frame000006.png"));
  replace_in("traj.txt", "e-01", "x");
  const Scene scene = load_scene(folder());
  ASSERT_EQ(scene.views.size(), 3);
  EXPECT_EQ(scene.views[0].camera.c2w, whole.views[2].camera.c2w);
  EXPECT_EQ(scene.views[0].name, "results/frame000002.png");
  EXPECT_THAT(scene.notes,
              Contains(AllOf(HasSubstr("2 of 5 views are left out"),
                             HasSubstr("traj.txt, line 1"),
                             HasSubstr("'frame000006.png' has no pose"))));
  EXPECT_THAT(scene.notes, Contains(HasSubstr("2 of 6 poses have no photograph")));
  testing::write_text(file("traj.txt"), "1 0 0 0\n0 1 0 0\n");
  EXPECT_THAT(failure(), AllOf(HasSubstr("traj.txt, line 1"), HasSubstr("16 numbers")));
}

TEST_F(FormatsOfSlam, TumGivesTheSameCameras) {
  keep({"rgb.txt", "groundtruth.txt", "calibration.txt"});
  EXPECT_TRUE(looks_like_scene(folder()));
  const Scene scene = load_scene(folder());
  expect_the_scene(scene, SceneFormat::kTumRgbd, kFloatRotations);
  EXPECT_THAT(scene.notes, IsEmpty());
  expect_the_scene(load_scene(file("rgb.txt")), SceneFormat::kTumRgbd, kFloatRotations);
  expect_the_scene(load_scene(file("groundtruth.txt")), SceneFormat::kTumRgbd, kFloatRotations);
  testing::write_text(file("calibration.txt"), "200 210 100 110 0.1 0.2 0.01 0.02 0");
  const View bent = load_scene(folder()).views[0];
  EXPECT_EQ(bent.camera.cx, 100.5);
  EXPECT_EQ(bent.lens.parameters, (std::vector<double>{0.1, 0.2, 0.01, 0.02}));
  for (const char* broken : {"1 2 3", "a b c d", "200 210 100 110 nan 0 0 0"}) {
    testing::write_text(file("calibration.txt"), broken);
    EXPECT_THAT(failure(), HasSubstr("calibration.txt")) << broken;
  }
}

TEST_F(FormatsOfSlam, TumsCamerasAreThoseOfTheFoldersName) {
  keep({"rgb.txt", "groundtruth.txt"});
  EXPECT_THAT(failure(), AllOf(HasSubstr("freiburg1"), HasSubstr("calibration.txt")));
  const auto named = [&](const char* name) {
    fs::rename(folder(), scratch_.path() / name);
    const View view = load_scene(scratch_.path() / name).views[0];
    fs::rename(scratch_.path() / name, folder());
    return view;
  };
  const View first = named("rgbd_dataset_freiburg1_desk");
  EXPECT_EQ(first.camera.width, 640);
  EXPECT_EQ(first.camera.fx, 517.3);
  EXPECT_EQ(first.camera.cx, 319.1);
  EXPECT_EQ(first.lens.parameters.size(), 5);
  EXPECT_EQ(named("fr2_xyz").camera.fy, 521.0);
  const View third = named("rgbd_dataset_freiburg3_long_office_household");
  EXPECT_EQ(third.camera.cy, 248.1);
  EXPECT_TRUE(third.lens.is_pinhole()) << "its photographs are undistorted";
}

TEST_F(FormatsOfSlam, TumsPosesAreOfThePhotographsMoments) {
  keep({"rgb.txt", "groundtruth.txt", "calibration.txt"});
  testing::write_text(file("groundtruth.txt"),
                      "# timestamp tx ty tz qx qy qz qw\n"
                      "10.01 1 0 0 0 0 0 1\n"
                      "10.00 0 0 0 0 0 0 2\n"
                      "10.02 nan nan nan nan nan nan nan\n"
                      "11.00 5 0 0 0 0 0 1\n"
                      "12.00 9 0 0 0 0 0 1\n");
  testing::write_text(file("rgb.txt"),
                      "10.0025 images/view_0.png\n"  // between two
                      "9.985 images/view_1.png\n"    // before the first
                      "11.015 images/view_2.png\n"   // the next is a second away
                      "11.5 images/view_3.png\n"     // none
                      "x images/view_4.png\n"
                      "12.0 images/view_5.png more\n");
  const Scene scene = load_scene(folder());
  ASSERT_EQ(scene.views.size(), 3);
  EXPECT_NEAR(scene.views[0].camera.position()[0], 0.25, 1e-9);
  EXPECT_EQ(scene.views[1].camera.position()[0], 0);
  EXPECT_EQ(scene.views[2].camera.position()[0], 5);
  EXPECT_THAT(scene.notes,
              ElementsAre(AllOf(HasSubstr("3 of 6 views are left out"),
                                HasSubstr("rgb.txt, line 4"),
                                HasSubstr("within 0.02 s"),
                                HasSubstr("line 5"),
                                HasSubstr("line 6"))));
  testing::write_text(file("groundtruth.txt"), "10 0 0 0 0 0 1\n");
  EXPECT_THAT(failure(), AllOf(HasSubstr("groundtruth.txt, line 1"), HasSubstr("8 numbers")));
}

TEST_F(FormatsOfSlam, KittiGivesTheSameCameras) {
  keep({"calib.txt", "poses.txt"});
  move_images(file("image_2"), digits_name);
  EXPECT_TRUE(looks_like_scene(folder()));
  const Scene scene = load_scene(folder());
  expect_the_scene(scene, SceneFormat::kKitti, kFloatRotations);
  EXPECT_THAT(scene.notes, IsEmpty());
  expect_the_scene(load_scene(file("calib.txt")), SceneFormat::kKitti, kFloatRotations);
  // The first camera stands beside the third, half a unit to its left.
  fs::rename(file("image_2"), file("image_0"));
  const Scene left = load_scene(folder());
  const cv::Vec4d third(-0.5, -0.01, -0.02, 1);
  const cv::Vec4d expected = scene.views[3].camera.c2w * third;
  EXPECT_LT(
      cv::norm(left.views[3].camera.position() - cv::Vec3d(expected[0], expected[1], expected[2])),
      1e-9);
  EXPECT_THAT(testing::load_failure(file("poses.txt")), "");
}

TEST_F(FormatsOfSlam, WhatIsWrongWithKittiIsNamed) {
  keep({"calib.txt", "poses.txt"});
  move_images(file("image_2"), digits_name);
  fs::rename(file("image_2/000005.png"), file("image_2/000007.png"));
  const std::string calibration = text("calib.txt");
  EXPECT_THAT(load_scene(folder()).notes,
              Contains(AllOf(HasSubstr("1 of 6 views is left out"), HasSubstr("000007.png"))));
  replace_in("calib.txt", "P2:", "P9:");
  EXPECT_THAT(failure(), AllOf(HasSubstr("calib.txt"), HasSubstr("'P2:' is missing")));
  testing::write_text(file("calib.txt"), "P2: 1 2 3\n");
  EXPECT_THAT(failure(), AllOf(HasSubstr("calib.txt, line 1"), HasSubstr("12 numbers")));
  testing::write_text(file("calib.txt"), "P2: 0 0 0 0 0 1 0 0 0 0 1 0\n");
  EXPECT_THAT(failure(), HasSubstr("rectified"));
  testing::write_text(file("calib.txt"), calibration);
  fs::remove(file("poses.txt"));
  EXPECT_THAT(failure(), AllOf(HasSubstr("poses are missing"), HasSubstr("00 to 10")));
}

}  // namespace
}  // namespace parallax
