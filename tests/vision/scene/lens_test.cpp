// Lens models against COLMAP's own projection, and undistortion against the lens.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "tests/support/scene_fixture.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/undistort.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

nlohmann::json reference_points() {
  std::ifstream file(fs::path(PARALLAX_SOURCE_DIR) / "tests/vision/scene/data/lens_points.json");
  return nlohmann::json::parse(file);
}

class Lenses : public ::testing::Test {
 protected:
  testing::ScratchFolder folder_;
  Scene scene_ = testing::make_small_scene(folder_.path());

  // A view of the small scene with this line as its camera.
  View view_with(const std::string& camera_line) {
    testing::write_colmap_text(scene_);
    testing::write_text(folder_.path() / "sparse/0/cameras.txt", camera_line + "\n");
    return load_scene(folder_.path()).views.at(0);
  }
};

// A smooth pattern over a photograph, from 28 to 228.
double pattern(double u, double v) { return 128 + 50 * std::sin(u / 17) + 50 * std::cos(v / 13); }

cv::Mat patterned_photograph(const Camera& camera) {
  cv::Mat image(camera.height, camera.width, CV_8UC3);
  for (int row = 0; row < image.rows; ++row) {
    for (int col = 0; col < image.cols; ++col) {
      const auto value = cv::saturate_cast<std::uint8_t>(pattern(col + 0.5, row + 0.5));
      image.at<cv::Vec3b>(row, col) = {value, value, value};
    }
  }
  return image;
}

TEST_F(Lenses, ProjectAsColmapDoes) {
  const nlohmann::json reference = reference_points();
  ASSERT_EQ(reference.at("cameras").size(), 17);
  for (const nlohmann::json& row : reference.at("cameras")) {
    SCOPED_TRACE(row.at("model").get<std::string>());
    const View view = view_with(row.at("line"));
    for (size_t i = 0; i < row.at("pixels").size(); ++i) {
      const nlohmann::json& direction = reference.at("directions").at(i);
      const auto point = distort(view.lens, direction.at(0), direction.at(1));
      ASSERT_TRUE(point.has_value());
      // Both are float64; the field-of-view model's series near its limits differ by this much.
      constexpr double kTolerance = 1e-6;
      EXPECT_NEAR(view.camera.fx * point->x + view.camera.cx, row["pixels"][i][0], kTolerance);
      EXPECT_NEAR(view.camera.fy * point->y + view.camera.cy, row["pixels"][i][1], kTolerance);
    }
  }
}

TEST_F(Lenses, UndistortedImagesShowWhatTheirRaysHit) {
  for (const nlohmann::json& row : reference_points().at("cameras")) {
    SCOPED_TRACE(row.at("model").get<std::string>());
    const View view = view_with(row.at("line"));
    if (view.lens.is_pinhole()) {
      continue;
    }
    const UndistortedImage straight =
        undistort(patterned_photograph(view.camera), view.camera, view.lens, "test");
    const Camera& pinhole = straight.camera;
    const double degrees = 2 * std::atan(0.5 * pinhole.width / pinhole.fx) * 180 / CV_PI;
    EXPECT_LE(degrees, kWidestPinhole + 1);
    EXPECT_GE(degrees, 60);
    int seen = 0;
    for (int row_index = 0; row_index < pinhole.height; row_index += 7) {
      for (int col = 0; col < pinhole.width; col += 7) {
        const auto point = distort(view.lens,
                                   (col + 0.5 - pinhole.cx) / pinhole.fx,
                                   (row_index + 0.5 - pinhole.cy) / pinhole.fy);
        ASSERT_TRUE(point.has_value());
        const double u = view.camera.fx * point->x + view.camera.cx;
        const double v = view.camera.fy * point->y + view.camera.cy;
        const bool inside =
            u >= 0.5 && v >= 0.5 && u <= pinhole.width - 0.5 && v <= pinhole.height - 0.5;
        const cv::Vec4b pixel =
            straight.image.channels() == 4 ? straight.image.at<cv::Vec4b>(row_index, col) : [&] {
              const auto p = straight.image.at<cv::Vec3b>(row_index, col);
              return cv::Vec4b(p[0], p[1], p[2], 255);
            }();
        if (inside) {
          ++seen;
          EXPECT_EQ(pixel[3], 255);
          EXPECT_NEAR(pixel[0], pattern(u, v), 2) << row_index << ", " << col;
        } else if (u < -1 || v < -1 || u > pinhole.width + 1 || v > pinhole.height + 1) {
          EXPECT_EQ(pixel[3], 0);
        }
      }
    }
    EXPECT_GT(seen, 4000);  // of 6,348 pixels looked at
  }
}

TEST_F(Lenses, FoldedFisheyesStopWhereTheyTurnBack) {
  // θ − 0.3 θ³ is largest at 1.054 radians.
  const Lens folded{LensModel::kFisheye, {-0.3, 0, 0, 0}};
  EXPECT_NEAR(largest_angle(folded), std::sqrt(1 / 0.9), 2e-3);
  EXPECT_GT(largest_angle({LensModel::kFisheye, {}}), 1.56);
  const Camera camera{.height = 200, .width = 200, .fx = 60, .fy = 60, .cx = 100, .cy = 100};
  const UndistortedImage straight = undistort(patterned_photograph(camera), camera, folded, "test");
  EXPECT_EQ(straight.image.size(), cv::Size(200, 200));
}

TEST_F(Lenses, SphericalCamerasAreRefusedWithTheWayOut) {
  testing::write_colmap_text(scene_);
  testing::write_text(folder_.path() / "sparse/0/cameras.txt", "1 EQUIRECTANGULAR 32 24 32 24\n");
  const std::string failure = testing::load_failure(folder_.path());
  EXPECT_NE(failure.find("EQUIRECTANGULAR"), std::string::npos) << failure;
  EXPECT_NE(failure.find("perspective views"), std::string::npos) << failure;
}

TEST_F(Lenses, NotesSayWhatAWideViewBecomes) {
  testing::write_colmap_text(scene_);
  testing::write_text(folder_.path() / "sparse/0/cameras.txt",
                      "1 OPENCV_FISHEYE 32 24 13 13 16 12 0 0 0 0\n");
  const Scene scene = load_scene(folder_.path());
  ASSERT_EQ(scene.notes.size(), 2);
  EXPECT_NE(scene.notes[1].find("100° wide"), std::string::npos) << scene.notes[1];
}

}  // namespace
}  // namespace parallax
