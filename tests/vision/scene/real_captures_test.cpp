// Scenes as real tools and real people leave them (tests/captures): what is read of each.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "core/base/error.h"
#include "core/image/image.h"
#include "tests/support/scene_fixture.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/plausible_cameras.h"
#include "vision/scene/view_loader.h"
#include "vision/scene/view_selection.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

fs::path case_folder(const char* name) {
  return fs::path(PARALLAX_SOURCE_DIR) / "tests" / "captures" / name;
}

Scene load_capture(const char* name) { return load_scene(case_folder(name)); }

// Cameras describe the stored pixels, whatever EXIF says (COLMAP 4.2.1 reads no orientation).
TEST(RealCaptures, ExifOrientationIsNotApplied) {
  const Scene plain = load_capture("exif-orientation/none");
  const Scene tagged = load_capture("exif-orientation/square-90");
  ASSERT_EQ(plain.views.size(), tagged.views.size());
  for (size_t i = 0; i < plain.views.size(); ++i) {
    const LoadedView expected = load_view(plain.views[i], {});
    const LoadedView got = load_view(tagged.views[i], {});
    EXPECT_TRUE(torch::equal(expected.rgb, got.rgb)) << plain.views[i].name;
    EXPECT_FALSE(expected.has_orientation);
  }
  const Scene undistorted = load_capture("exif-orientation/undistorted-by-colmap");
  for (const View& view : undistorted.views) {
    const LoadedView loaded = load_view(view, {});
    EXPECT_EQ(loaded.note, "") << "the image has the size that COLMAP's undistorter wrote";
  }
}

TEST(RealCaptures, OneFarCameraIsLeftOutAndNamed) {
  const Scene scene = load_capture("outlier-camera");
  ASSERT_EQ(scene.views.size(), 13);
  EXPECT_THAT(find_stray_cameras(scene_cameras(scene)), ::testing::ElementsAre(12));
  const ViewSelection selection = select_views(scene, "8", "all");
  EXPECT_EQ(selection.inputs.size(), 8);
  EXPECT_EQ(selection.targets.size(), 4);
  EXPECT_THAT(selection.inputs, Not(Contains(12)));
  EXPECT_THAT(selection.targets, Not(Contains(12)));
  EXPECT_THAT(selection.notes, Contains(HasSubstr("view_999.png")));
  // Who lists it gets it.
  EXPECT_THAT(select_views(scene, "0,12", "all").inputs, Contains(12));
  // Who wants more views than there are plausible ones gets it last.
  EXPECT_EQ(select_views(scene, "13", "all").inputs.back(), 12);
}

TEST(RealCaptures, NoCameraOfASoundSceneIsStray) {
  for (const char* name : {"two-submodels", "exif-orientation/none", "photos_in_input"}) {
    EXPECT_THAT(find_stray_cameras(scene_cameras(load_capture(name))), IsEmpty()) << name;
  }
  // A walk along a line, most of it spent at one end.
  std::vector<Camera> walk(40);
  for (int i = 0; i < 40; ++i) {
    walk[i].c2w(0, 3) = i < 30 ? 0.1 * i : 3 + 2.0 * (i - 30);
  }
  EXPECT_THAT(find_stray_cameras(walk), IsEmpty());
}

TEST(RealCaptures, CamerasThatLookAwayAreStray) {
  const Scene scene = load_capture("two-submodels");
  const std::vector<Camera> cameras = scene_cameras(scene);
  for (int wrong = 1; wrong <= 3; ++wrong) {
    std::vector<Camera> some = cameras;
    std::vector<int> expected;
    for (int i = 0; i < wrong; ++i) {
      Camera& camera = some[4 * i];
      camera.c2w = camera.c2w * cv::Matx44d::diag({-1, 1, -1, 1});  // turned around
      if (i == 1) {  // and three times as far out, where it looks at nothing either
        for (int axis = 0; axis < 3; ++axis) {
          camera.c2w(axis, 3) *= 3;
        }
      }
      expected.push_back(4 * i);
    }
    EXPECT_EQ(find_stray_cameras(some), expected);
  }
  // Cameras that walk ahead, wobbling, look at no point, though their axes nearly meet behind some.
  std::vector<Camera> ahead(40);
  for (int i = 0; i < 40; ++i) {
    const double angle = 0.05 * std::sin(i);
    ahead[i].c2w = make_pose({std::cos(angle), 0, -std::sin(angle)},
                             {0, 1, 0},
                             {std::sin(angle), 0, std::cos(angle)},
                             {0.02 * std::cos(3 * i), 0, 0.3 * i});
  }
  EXPECT_THAT(find_stray_cameras(ahead), IsEmpty());
  // A panorama looks everywhere.
  std::vector<Camera> around(36);
  for (int i = 0; i < 36; ++i) {
    const double angle = i * CV_PI / 18;
    around[i].c2w = make_pose({std::cos(angle), 0, -std::sin(angle)},
                              {0, 1, 0},
                              {std::sin(angle), 0, std::cos(angle)},
                              {0.1 * std::sin(angle), 0, 0.1 * std::cos(angle)});
  }
  EXPECT_THAT(find_stray_cameras(around), IsEmpty());
}

// A small object in coordinates of the Earth, as Metashape and RealityCapture export them.
TEST(RealCaptures, CamerasThatLookAwayAreStrayFarFromTheOrigin) {
  std::vector<Camera> cameras = scene_cameras(load_capture("two-submodels"));
  cameras[4].c2w = cameras[4].c2w * cv::Matx44d::diag({-1, 1, -1, 1});
  EXPECT_THAT(find_stray_cameras(cameras), ::testing::ElementsAre(4));
  const cv::Vec3d site(4.1e6, 6.1e5, 4.8e6);
  for (Camera& camera : cameras) {
    for (int axis = 0; axis < 3; ++axis) {
      camera.c2w(axis, 3) = 0.1 * camera.c2w(axis, 3) + site[axis];
    }
  }
  EXPECT_THAT(find_stray_cameras(cameras), ::testing::ElementsAre(4));
}

TEST(RealCaptures, OfSeveralModelsTheLargestIsReadAndAllAreNamed) {
  const Scene scene = load_capture("two-submodels");
  EXPECT_EQ(scene.views.size(), 12);
  EXPECT_EQ(scene.name, "two-submodels");
  EXPECT_THAT(scene.notes,
              Contains(AllOf(HasSubstr("sparse/1, with 12"), HasSubstr("sparse/0 (2 images)"))));
  EXPECT_EQ(load_scene(case_folder("two-submodels") / "sparse" / "0").views.size(), 2);
}

TEST(RealCaptures, ImagesTextMayLackLinesOfPoints) {
  EXPECT_EQ(load_capture("one-line-per-image").views.size(), 12);
}

TEST(RealCaptures, SizesThatNobodyDeclaresAreTheImages) {
  const Scene scene = load_capture("sizes-not-declared");
  ASSERT_EQ(scene.views.size(), 12);
  for (const View& view : scene.views) {
    const cv::Mat image = read_image(view.image_path);
    EXPECT_EQ(cv::Size(view.camera.width, view.camera.height), image.size()) << view.name;
    EXPECT_EQ(load_view(view, {}).note, "");
  }
}

TEST(RealCaptures, ScaledDownPhotographsStandInForTheFullOnes) {
  for (const char* name : {"only-downscaled-images/colmap",
                           "only-downscaled-images/transforms",
                           "transforms_images_4"}) {
    SCOPED_TRACE(name);
    const Scene scene = load_capture(name);
    EXPECT_EQ(scene.views.size(), 12);
    EXPECT_THAT(scene.notes, Contains(HasSubstr("images_4")));
    const LoadedView view = load_view(scene.views[0], {});
    EXPECT_LT(view.camera.width, scene.views[0].camera.width);
    EXPECT_NEAR(view.camera.fx / view.camera.width,
                scene.views[0].camera.fx / scene.views[0].camera.width,
                1e-9);
    // The option says the same by hand, in every format.
    const Scene named = load_scene(case_folder(name), {.image_folder = "images_4"});
    EXPECT_EQ(named.views[0].image_path, scene.views[0].image_path);
    EXPECT_THAT(named.notes, Each(Not(HasSubstr("images_4"))));
    EXPECT_THROW(load_scene(case_folder(name), {.image_folder = "nowhere"}), Error);
  }
}

TEST(RealCaptures, MasksBecomeAlpha) {
  const Scene scene = load_capture("mask-path");
  const LoadedView view = load_view(scene.views[0], {});
  ASSERT_TRUE(view.alpha.defined());
  const cv::Mat mask = read_image(scene.views[0].mask_path);
  EXPECT_NEAR(view.alpha.mean().item<double>(), cv::mean(mask)[0] / 255, 0.01);
}

// A cut-out, white inside and out, whose alpha is the mask.
TEST(RealCaptures, TheAlphaOfAMaskIsTheMask) {
  const testing::ScratchFolder scratch;
  View view = load_capture("mask-path").views.at(0);
  const LoadedView expected = load_view(view, {});
  const cv::Mat mask = read_image(view.mask_path);
  cv::Mat cut_out(mask.size(), CV_8UC4, cv::Scalar::all(255));
  cv::Mat brightness;
  cv::extractChannel(mask, brightness, 0);
  cv::insertChannel(brightness, cut_out, 3);
  view.mask_path = scratch.path() / "cut_out.png";
  write_image(view.mask_path, cut_out);
  EXPECT_TRUE(torch::equal(load_view(view, {}).alpha, expected.alpha));
}

// Objects by number, and in the colours of DAVIS's and Pascal VOC's palettes: all but zero is
// inside.
TEST(RealCaptures, LabelImagesAreMasks) {
  const testing::ScratchFolder scratch;
  View view = load_capture("mask-path").views.at(0);
  cv::Mat outline;
  cv::cvtColor(read_image(view.mask_path), outline, cv::COLOR_RGB2GRAY);
  outline = outline > 127;
  const auto alpha_of = [&](const cv::Scalar& upper, const cv::Scalar& lower) {
    cv::Mat mask(outline.size(), CV_8UC3, cv::Scalar::all(0));
    mask.setTo(upper, outline);
    cv::Mat half = mask.rowRange(mask.rows / 2, mask.rows);
    half.setTo(lower, outline.rowRange(mask.rows / 2, mask.rows));
    view.mask_path = scratch.path() / "mask.png";
    write_image(view.mask_path, mask);
    return load_view(view, {}).alpha;
  };
  const Tensor expected = alpha_of(cv::Scalar::all(255), cv::Scalar::all(255));
  EXPECT_EQ(expected.max().item<double>(), 1);
  EXPECT_TRUE(torch::equal(alpha_of(cv::Scalar::all(1), cv::Scalar::all(1)), expected));
  EXPECT_TRUE(torch::equal(alpha_of(cv::Scalar::all(3), cv::Scalar::all(2)), expected));
  EXPECT_TRUE(torch::equal(alpha_of({128, 0, 0}, {0, 128, 0}), expected));
}

TEST(RealCaptures, UnusableCamerasAndPhotographsCostTheirOwnViews) {
  const Scene nan = load_capture("cameras-text-of-other-writers/nan-camera");
  EXPECT_EQ(nan.views.size(), 5);
  EXPECT_THAT(nan.notes, Contains(HasSubstr("1 of 6 views is left out")));
  const Scene deleted = load_capture("cameras-text-of-other-writers/deleted-photo");
  EXPECT_EQ(deleted.views.size(), 5);
  EXPECT_THAT(deleted.notes, Contains(AllOf(HasSubstr("left out"), HasSubstr("view_003.png"))));
  EXPECT_THAT(testing::load_failure(case_folder("cameras-text-of-other-writers/six-parameters")),
              HasSubstr("FULL_OPENCV has 12 parameters"));
}

TEST(RealCaptures, ACameraThatNoImageUsesNeverMatters) {
  const Scene scene = load_capture("unused_fisheye_camera");
  EXPECT_EQ(scene.views.size(), 12);
  EXPECT_THAT(scene.notes, IsEmpty());
}

TEST(RealCaptures, PhotographsMayBeInTheConvertersInputFolder) {
  const Scene scene = load_capture("photos_in_input");
  EXPECT_EQ(scene.views.size(), 12);
  EXPECT_EQ(scene.views[0].image_path.parent_path().filename(), "input");
}

TEST(RealCaptures, DivisionLensesAreUndistorted) {
  const Scene scene = load_capture("simple_division");
  ASSERT_EQ(scene.views.size(), 12);
  EXPECT_EQ(scene.views[0].lens.model, LensModel::kDivision);
  EXPECT_THAT(scene.notes, Contains(HasSubstr("12 of 12 views have lens distortion")));
  EXPECT_GT(load_view(scene.views[0], {.height = 64, .width = 64}).rgb.mean().item<double>(), 0.1);
}

TEST(RealCaptures, RealEstate10kTextAndFramesAreAScene) {
  for (const char* name : {"re10k_txt/abc.txt", "re10k_txt/abc"}) {
    const Scene scene = load_capture(name);
    EXPECT_EQ(scene.format, SceneFormat::kRealEstate10k);
    ASSERT_EQ(scene.views.size(), 12);
    EXPECT_EQ(scene.name, "abc");
    const Camera& camera = scene.views[0].camera;
    EXPECT_NEAR(camera.fx, 1.0722534656524658 * camera.width, 1e-9);
    EXPECT_NEAR(camera.cy, 0.5 * camera.height, 1e-9);
  }
}

// Other data sets in RealEstate10K's form have no video.
TEST(RealCaptures, RealEstate10kTextMayLackItsAddress) {
  const testing::ScratchFolder scratch;
  const fs::path original = case_folder("re10k_txt");
  fs::copy(original / "abc", scratch.path() / "abc", fs::copy_options::recursive);
  const std::string text = testing::read_bytes(original / "abc.txt");
  const std::string frames = text.substr(text.find('\n') + 1);
  for (const char* first : {"", "\n", "kitchen_3\n", "https://www.youtube.com/watch?v=x\r\n"}) {
    testing::write_text(scratch.path() / "abc.txt", first + frames);
    EXPECT_EQ(load_scene(scratch.path() / "abc").views.size(), 12) << first;
    EXPECT_EQ(load_scene(scratch.path() / "abc.txt").views.size(), 12) << first;
  }
  testing::write_text(scratch.path() / "abc.txt", "Frames of the kitchen\n1 2 3\n" + frames);
  EXPECT_THROW(load_scene(scratch.path() / "abc"), Error);
}

}  // namespace
}  // namespace parallax
