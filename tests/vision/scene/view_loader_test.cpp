// Loading views: sizes, intrinsics, alpha, distortion, order and errors.
#include "vision/scene/view_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <opencv2/calib3d.hpp>
#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "core/image/image.h"
#include "tests/support/scene_fixture.h"
#include "tests/support/scratch_folder.h"
#include "vision/scene/undistort.h"

namespace parallax {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class ViewLoading : public ::testing::Test {
 protected:
  testing::ScratchFolder folder_;
  Scene scene_ = testing::make_small_scene(folder_.path());

  void replace_image(int index, const cv::Mat& image) const {
    write_image(scene_.views[index].image_path, image);
  }
};

TEST_F(ViewLoading, KeepsTheImageWithoutASize) {
  const LoadedView view = load_view(scene_.views[1], {});
  const cv::Mat image = read_image(scene_.views[1].image_path);
  EXPECT_EQ(view.rgb.sizes(), (torch::IntArrayRef{3, 24, 32}));
  EXPECT_EQ(view.rgb.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(view.rgb.is_contiguous());
  EXPECT_FALSE(view.alpha.defined());
  EXPECT_EQ(view.camera.fx, 40.5);
  EXPECT_EQ(view.note, "");
  for (int channel = 0; channel < 3; ++channel) {
    EXPECT_FLOAT_EQ(view.rgb[channel][5][7].item<float>(),
                    image.at<cv::Vec3b>(5, 7)[channel] / 255.0F);
  }
}

TEST_F(ViewLoading, ResizesAndCropsImageAndCamera) {
  const LoadedView view = load_view(scene_.views[0], {.height = 12, .width = 12});
  EXPECT_EQ(view.rgb.sizes(), (torch::IntArrayRef{3, 12, 12}));
  EXPECT_EQ(view.camera.height, 12);
  EXPECT_EQ(view.camera.width, 12);
  EXPECT_NEAR(view.camera.fx, 40.5 / 2, 1e-9);
  EXPECT_NEAR(view.camera.cx, 15.75 / 2 - 2, 1e-9);
  EXPECT_NEAR(view.camera.cy, 12.5 / 2, 1e-9);
  EXPECT_GE(view.rgb.min().item<float>(), 0);
  EXPECT_LE(view.rgb.max().item<float>(), 1);
}

TEST_F(ViewLoading, ScaledImagesRescaleTheIntrinsicsWithANote) {
  replace_image(0, cv::Mat(48, 64, CV_8UC3, cv::Scalar(10, 20, 30)));
  const LoadedView view = load_view(scene_.views[0], {});
  EXPECT_EQ(view.camera.height, 48);
  EXPECT_EQ(view.camera.width, 64);
  EXPECT_NEAR(view.camera.fx, 81, 1e-9);
  EXPECT_NEAR(view.camera.cy, 25, 1e-9);
  EXPECT_THAT(view.note, AllOf(HasSubstr("view_0.png"), HasSubstr("64 × 48")));
}

TEST_F(ViewLoading, OtherAspectRatiosAreRefused) {
  replace_image(0, cv::Mat(32, 24, CV_8UC3, cv::Scalar(10, 20, 30)));
  try {
    load_views(scene_, {1, 0}, {});
    FAIL() << "loaded";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("view 0 ('images/view_0.png')"), HasSubstr("aspect ratio")));
  }
}

TEST_F(ViewLoading, AlphaIsCompositedOnTheBackground) {
  cv::Mat image(24, 32, CV_8UC4, cv::Scalar(200, 100, 50, 255));
  image(cv::Rect(0, 0, 16, 24)).setTo(cv::Scalar(1, 2, 3, 0));
  replace_image(0, image);
  const LoadedView white = load_view(scene_.views[0], {});
  EXPECT_EQ(white.alpha.sizes(), (torch::IntArrayRef{1, 24, 32}));
  EXPECT_EQ(white.alpha[0][3][3].item<float>(), 0);
  EXPECT_EQ(white.alpha[0][3][30].item<float>(), 1);
  EXPECT_EQ(white.rgb[2][3][3].item<float>(), 1);
  EXPECT_FLOAT_EQ(white.rgb[0][3][30].item<float>(), 200 / 255.0F);
  const LoadedView red = load_view(scene_.views[0], {.background = {255, 0, 0}});
  EXPECT_EQ(red.rgb[0][3][3].item<float>(), 1);
  EXPECT_EQ(red.rgb[2][3][3].item<float>(), 0);
}

TEST_F(ViewLoading, ViewsComeInTheOrderAskedFor) {
  const std::vector<LoadedView> views = load_views(scene_, {2, 0, 1, 2}, {});
  ASSERT_EQ(views.size(), 4);
  const int expected[] = {2, 0, 1, 2};
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(views[i].name, scene_.views[expected[i]].name);
    EXPECT_TRUE(torch::equal(views[i].rgb, load_view(scene_.views[expected[i]], {}).rgb));
  }
  EXPECT_TRUE(load_views(scene_, {}, {}).empty());
}

TEST_F(ViewLoading, TheFirstErrorInOrderIsTheOneReported) {
  for (const int index : {0, 2}) {
    testing::write_text(scene_.views[index].image_path, "not an image");
  }
  for (int round = 0; round < 20; ++round) {
    try {
      load_views(scene_, {1, 2, 1, 0, 1}, {});
      FAIL() << "loaded";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("view 2 ('images/view_2.png')"));
    }
  }
}

TEST_F(ViewLoading, RefusesImpossibleRequests) {
  EXPECT_THROW(load_views(scene_, {3}, {}), Error);
  EXPECT_THROW(load_views(scene_, {-1}, {}), Error);
  EXPECT_THROW(load_view(scene_.views[0], {.height = 12}), Error);
  EXPECT_THROW(load_view(scene_.views[0], {.height = -1, .width = 5}), Error);
}

// A smooth image of the plane z = 1 as photographed by a camera with the given distortion.
cv::Mat photograph(const Camera& camera, const std::vector<double>& distortion) {
  std::vector<cv::Point2d> pixels;
  for (int v = 0; v < camera.height; ++v) {
    for (int u = 0; u < camera.width; ++u) {
      pixels.emplace_back(u, v);
    }
  }
  const cv::Matx33d intrinsics(
      camera.fx, 0, camera.cx - 0.5, 0, camera.fy, camera.cy - 0.5, 0, 0, 1);
  std::vector<cv::Point2d> directions;
  cv::undistortPoints(
      pixels,
      directions,
      intrinsics,
      distortion,
      cv::noArray(),
      cv::noArray(),
      cv::TermCriteria(cv::TermCriteria::COUNT | cv::TermCriteria::EPS, 100, 1e-12));
  cv::Mat image(camera.height, camera.width, CV_8UC3);
  for (size_t i = 0; i < pixels.size(); ++i) {
    const double x = directions[i].x;
    const double y = directions[i].y;
    image.at<cv::Vec3b>(static_cast<int>(pixels[i].y), static_cast<int>(pixels[i].x)) =
        cv::Vec3b(cv::saturate_cast<uchar>(128 + 100 * std::sin(6 * x)),
                  cv::saturate_cast<uchar>(128 + 100 * std::sin(6 * y)),
                  cv::saturate_cast<uchar>(128 + 100 * std::cos(5 * (x + y))));
  }
  return image;
}

TEST_F(ViewLoading, UndistortedImagesAreThoseOfAPinholeCamera) {
  const Camera camera{.height = 96, .width = 128, .fx = 110, .fy = 112, .cx = 66, .cy = 47};
  for (const std::vector<double>& distortion :
       {std::vector{-0.12, 0.02, 0.002, -0.001},
        std::vector{0.15, 0.01, -0.001, 0.002, 0.005},
        std::vector{0.1, 0.02, 0.001, 0.001, 0.01, 0.05, 0.01, 0.002}}) {
    View view = scene_.views[0];
    view.camera = camera;
    view.lens.parameters = distortion;
    replace_image(0, photograph(camera, distortion));
    const LoadedView loaded = load_view(view, {});
    EXPECT_GE(loaded.camera.fx, camera.fx);
    EXPECT_LT(loaded.camera.fx, 1.3 * camera.fx);
    EXPECT_NEAR(loaded.camera.fx / loaded.camera.fy, camera.fx / camera.fy, 1e-12);
    const cv::Mat expected = photograph(loaded.camera, {0, 0, 0, 0});
    double largest = 0;
    for (int v = 0; v < expected.rows; ++v) {
      for (int u = 0; u < expected.cols; ++u) {
        for (int channel = 0; channel < 3; ++channel) {
          const double got = loaded.rgb[channel][v][u].item<double>() * 255;
          largest = std::max(largest, std::abs(got - expected.at<cv::Vec3b>(v, u)[channel]));
        }
      }
    }
    // Two roundings to 8 bits and linear interpolation; half a pixel's shift would be 3 levels.
    EXPECT_LE(largest, 2.0);
  }
}

TEST_F(ViewLoading, TransparentColoursDoNotBleedWhenUndistorting) {
  const Camera camera{.height = 96, .width = 128, .fx = 110, .fy = 112, .cx = 66, .cy = 47};
  cv::Mat image(96, 128, CV_8UC4, cv::Scalar(0, 0, 0, 0));
  image(cv::Rect(40, 30, 40, 40)).setTo(cv::Scalar(200, 100, 50, 255));
  const cv::Mat result = undistort(image, camera, {LensModel::kOpenCv, {-0.1, 0, 0, 0}}, "x").image;
  for (int v = 0; v < 96; ++v) {
    for (int u = 0; u < 128; ++u) {
      const auto pixel = result.at<cv::Vec4b>(v, u);
      if (pixel[3] > 8) {
        EXPECT_NEAR(pixel[0], 200, 2);
      }
    }
  }
}

// r − 0.5 r³ is largest at r = 0.816: beyond it the lens's polynomial turns back, and directions
// that the photograph does not show would be given pixels inside it.
TEST_F(ViewLoading, BarrelDistortionIsNotFollowedBeyondWhereItTurnsBack) {
  const Camera camera{.height = 100, .width = 100, .fx = 45, .fy = 45, .cx = 50, .cy = 50};
  const Lens lens{LensModel::kOpenCv, {-0.5, 0, 0, 0}};
  const Camera pinhole = undistorted_camera(camera, lens, "test");
  EXPECT_LE(std::hypot(49.5 / pinhole.fx, 49.5 / pinhole.fy), std::sqrt(1 / 1.5));
  EXPECT_GT(pinhole.fx, camera.fx);
}

TEST_F(ViewLoading, HeadersSayWhatTheViewWillBe) {
  View view = scene_.views[0];
  const ViewOptions options{.height = 10, .width = 12};
  for (const Lens& lens : {Lens{},
                           Lens{LensModel::kOpenCv, {-0.2, 0.05, 0.001, 0.001}},
                           Lens{LensModel::kFisheye, {0.01, 0, 0, 0}}}) {
    for (const double scale : {1.0, 2.0}) {
      view.lens = lens;
      view.camera = scene_.views[0].camera;
      view.camera.width = static_cast<int>(view.camera.width * scale);
      view.camera.height = static_cast<int>(view.camera.height * scale);
      const ViewHeader header = read_view_header(view, options);
      const LoadedView loaded = load_view(view, options);
      EXPECT_EQ(header.camera.fx, loaded.camera.fx);
      EXPECT_EQ(header.camera.cy, loaded.camera.cy);
      EXPECT_EQ(header.camera.width, 12);
      EXPECT_EQ(header.note, loaded.note);
      EXPECT_EQ(header.note.empty(), scale == 1);
    }
  }
}

// As phones write portraits, whose cameras a program that reads photographs upright found.
// A JPEG file with the EXIF orientation 6, to be turned clockwise.
void write_quarter_turn(const std::filesystem::path& path, const cv::Mat& stored) {
  const std::string quarter_turn(
      "\xff\xe1\0\x22"
      "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0",
      36);
  write_image(path, stored);
  const std::string jpeg = testing::read_bytes(path);
  testing::write_text(path, jpeg.substr(0, 2) + quarter_turn + jpeg.substr(2));
}

// Tools that make masks may look at a photograph upright where its cameras describe it as stored,
// and the other way round.
TEST_F(ViewLoading, MasksAreTurnedToTheirPhotographs) {
  cv::Mat upright_mask(32, 24, CV_8UC3, cv::Scalar::all(0));
  upright_mask.rowRange(0, 8).setTo(cv::Scalar::all(255));  // the object is above
  cv::Mat stored_mask;
  cv::rotate(upright_mask, stored_mask, cv::ROTATE_90_COUNTERCLOCKWISE);  // on the left
  View view = scene_.views[0];
  view.image_path = folder_.path() / "phone.jpg";
  write_quarter_turn(view.image_path, cv::Mat(24, 32, CV_8UC3, cv::Scalar::all(90)));
  write_image(folder_.path() / "upright.png", upright_mask);
  write_image(folder_.path() / "stored.png", stored_mask);
  write_quarter_turn(folder_.path() / "tagged.jpg", stored_mask);
  for (const bool is_stored : {true, false}) {
    view.camera.width = is_stored ? 32 : 24;
    view.camera.height = is_stored ? 24 : 32;
    for (const char* mask : {"upright.png", "stored.png", "tagged.jpg"}) {
      SCOPED_TRACE(mask);
      view.mask_path = folder_.path() / mask;
      const Tensor alpha = load_view(view, {}).alpha.squeeze();  // [H, W]
      ASSERT_EQ(alpha.size(0), view.camera.height);
      const Tensor object = is_stored ? alpha.slice(1, 0, 7) : alpha.slice(0, 0, 7);
      const Tensor rest = is_stored ? alpha.slice(1, 9) : alpha.slice(0, 9);
      EXPECT_GT(object.min().item<double>(), 0.9);
      EXPECT_LT(rest.max().item<double>(), 0.1);
    }
  }
}

TEST_F(ViewLoading, PhotographsThatOnlyFitTurnedAreTurnedAsExifSays) {
  cv::Mat upright(32, 24, CV_8UC3, cv::Scalar(200, 30, 30));  // red above, blue below
  upright.rowRange(16, 32).setTo(cv::Scalar(30, 30, 200));
  cv::Mat stored;
  cv::rotate(upright, stored, cv::ROTATE_90_COUNTERCLOCKWISE);
  View view = scene_.views[0];
  view.image_path = folder_.path() / "phone.jpg";
  write_quarter_turn(view.image_path, stored);
  view.camera.width = 24;
  view.camera.height = 32;
  const LoadedView turned = load_view(view, {});
  EXPECT_THAT(turned.note, HasSubstr("turned as its EXIF orientation says"));
  EXPECT_FALSE(turned.has_orientation);
  EXPECT_EQ(turned.rgb.sizes(), (torch::IntArrayRef{3, 32, 24}));
  EXPECT_GT(turned.rgb[0][4][12].item<float>(), 0.6F);
  EXPECT_GT(turned.rgb[2][28][12].item<float>(), 0.6F);
  EXPECT_EQ(turned.camera.fx, view.camera.fx);
  const ViewHeader header = read_view_header(view, {.height = 16, .width = 12});
  const LoadedView small = load_view(view, {.height = 16, .width = 12});
  EXPECT_EQ(header.camera.fx, small.camera.fx);
  EXPECT_EQ(header.note, small.note);
  // Cameras of a program that reads pixels as stored.
  std::swap(view.camera.width, view.camera.height);
  const LoadedView as_stored = load_view(view, {});
  EXPECT_EQ(as_stored.note, "");
  EXPECT_TRUE(as_stored.has_orientation);
  EXPECT_EQ(as_stored.rgb.sizes(), (torch::IntArrayRef{3, 24, 32}));
  // Neither way.
  view.camera.width = 60;
  EXPECT_THROW(load_view(view, {}), Error);
  EXPECT_THROW(read_view_header(view, {}), Error);
}

TEST_F(ViewLoading, AbsurdDistortionIsAnError) {
  View view = scene_.views[0];
  view.lens.parameters = {1e9, 0, 0, 0};
  EXPECT_THROW(load_view(view, {}), Error);
}

}  // namespace
}  // namespace parallax
