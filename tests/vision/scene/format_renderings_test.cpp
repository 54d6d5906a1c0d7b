// A scene in every format, and as every lens would have taken it, renders as the original does.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <set>

#include "core/image/image.h"
#include "tests/support/format_writers.h"
#include "tests/support/scratch_folder.h"
#include "vision/eval/evaluate.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/writers/convert_scene.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

const NvsModel& renderer() {
  static const NvsModel model = load_nvs_model("nvs");
  return model;
}

// Twelve views all around the object.
const Scene& original_scene() {
  static const Scene scene = [] {
    Scene all = load_scene(fs::path(PARALLAX_SOURCE_DIR) / "assets" / "scenes" / "procedural_a");
    all.views.resize(12);
    return all;
  }();
  return scene;
}

constexpr int kInputs = 8;

// The scene's first views as inputs, all others as targets.
PreparedScene prepare(const Scene& scene) {
  ViewSelection views;
  for (int i = 0; i < static_cast<int>(scene.views.size()); ++i) {
    (i < kInputs ? views.inputs : views.targets).push_back(i);
  }
  return prepare_scene(
      scene,
      renderer(),
      {.height = 64, .width = 64, .views = views, .normalisation = PoseNormalisation::kNone});
}

double psnr_of(const PreparedScene& prepared) {
  return evaluate_form(renderer(), prepared, Form::kParallel, {}).mean.psnr;
}

double original_psnr() {
  static const double psnr = psnr_of(prepare(original_scene()));
  return psnr;
}

TEST(FormatRenderings, EveryFormatRendersAsTheOriginal) {
  EXPECT_GT(original_psnr(), 20);
  std::set<SceneFormat> formats;
  for (const testing::FormatWriter& writer : testing::format_writers()) {
    SCOPED_TRACE(writer.name);
    formats.insert(writer.format);
    const testing::ScratchFolder scratch;
    const Scene scene = load_scene(writer.write(original_scene(), scratch.path()));
    EXPECT_EQ(scene.format, writer.format);
    ASSERT_EQ(scene.views.size(), original_scene().views.size());
    EXPECT_NEAR(psnr_of(prepare(scene)), original_psnr(), 0.05);
  }
  for (const SceneFormat format :
       {SceneFormat::kOpencvJson, SceneFormat::kTransforms, SceneFormat::kColmap}) {
    SCOPED_TRACE(scene_format_name(format));
    formats.insert(format);
    const testing::ScratchFolder scratch;
    const fs::path folder = scratch.path() / "converted";
    EXPECT_EQ(convert_scene(original_scene(), folder, format).copied, 12);
    const Scene scene = load_scene(folder);
    EXPECT_EQ(scene.format, format);
    ASSERT_EQ(scene.views.size(), 12);
    EXPECT_NEAR(psnr_of(prepare(scene)), original_psnr(), 0.05);
  }
  EXPECT_EQ(formats.size(), scene_formats().size()) << "a format that is read has no writer here";
}

// The point (x, y, 1) that the lens sends to `target`, by Newton's method; nothing if there is
// none.
std::optional<cv::Point2d> undistorted_point(const Lens& lens, const cv::Point2d& target) {
  cv::Point2d at = target;
  for (int step = 0; step < 50; ++step) {
    constexpr double kStep = 1e-6;
    const auto here = distort(lens, at.x, at.y);
    const auto right = distort(lens, at.x + kStep, at.y);
    const auto below = distort(lens, at.x, at.y + kStep);
    if (!here || !right || !below) {
      return std::nullopt;
    }
    const cv::Point2d error = target - *here;
    if (std::hypot(error.x, error.y) < 1e-9) {
      return at;
    }
    const cv::Point2d dx = (*right - *here) / kStep;
    const cv::Point2d dy = (*below - *here) / kStep;
    const double determinant = dx.x * dy.y - dx.y * dy.x;
    at.x += (error.x * dy.y - error.y * dy.x) / determinant;
    at.y += (error.y * dx.x - error.x * dx.y) / determinant;
  }
  return std::nullopt;
}

// The original's input views as if they had been taken through the lens, with the focal length at
// which their rows and columns end where the original's do.
Scene taken_through(const Lens& lens, const fs::path& folder) {
  Scene scene = original_scene();
  scene.views.resize(kInputs);
  const Camera& first = scene.views[0].camera;
  const double edge = 0.5 * first.width / first.fx;
  const double focal = edge / distort(lens, edge, 0)->x;
  for (size_t i = 0; i < scene.views.size(); ++i) {
    View& view = scene.views[i];
    const cv::Mat image = read_image(view.image_path);
    const Camera before = view.camera;
    view.camera.fx *= focal;
    view.camera.fy *= focal;
    cv::Mat map(image.size(), CV_32FC2, cv::Scalar(-9, -9));
    for (int row = 0; row < image.rows; ++row) {
      for (int column = 0; column < image.cols; ++column) {
        const cv::Point2d arrived((column + 0.5 - view.camera.cx) / view.camera.fx,
                                  (row + 0.5 - view.camera.cy) / view.camera.fy);
        if (const auto point = undistorted_point(lens, arrived)) {
          map.at<cv::Vec2f>(row, column) = {
              static_cast<float>(before.fx * point->x + before.cx - 0.5),
              static_cast<float>(before.fy * point->y + before.cy - 0.5)};
        }
      }
    }
    cv::Mat taken;
    cv::remap(image, taken, map, {}, cv::INTER_CUBIC, cv::BORDER_CONSTANT, cv::Scalar(0, 0, 0, 0));
    view.lens = lens;
    view.image_path = folder / fmt::format("{:04d}.png", i);
    write_image(view.image_path, taken);
  }
  return scene;
}

struct LensCase {
  const char* name;
  Lens lens;
  bool transforms = false;  // nerfstudio's file has fields for it
};

// Tangential distortion costs field of view, and with it what the inputs show: here it is small.
const std::vector<LensCase>& lens_cases() {
  static const std::vector<LensCase> cases = {
      {"radial", {LensModel::kOpenCv, {-0.12, 0.03, 0, 0}}, true},
      {"OpenCV", {LensModel::kOpenCv, {-0.1, 0.02, 0.001, -0.001}}, true},
      {"OpenCV with k3", {LensModel::kOpenCv, {-0.1, 0.02, 0.001, -0.001, 0.004}}, true},
      {"full OpenCV", {LensModel::kOpenCv, {-0.1, 0.02, 0.001, -0.001, 0.004, 0.01, -0.01, 0.002}}},
      {"ideal fisheye", {LensModel::kFisheye, {}}, true},
      {"fisheye", {LensModel::kFisheye, {-0.05, 0.01, -0.002, 0.0005}}, true},
      {"thin prism", {LensModel::kThinPrism, {-0.05, 0.01, 0.002, -0.001, 0, 0, 0.002, 0.001}}},
      {"RadTan thin prism",
       {LensModel::kRadTanThinPrism, {-0.05, 0.01, 0, 0, 0, 0, 0.002, -0.001, 0.001, 0, 0.002, 0}}},
      {"division", {LensModel::kDivision, {-0.15}}},
      {"field of view", {LensModel::kFieldOfView, {0.8}}},
      {"EUCM", {LensModel::kEucm, {0.6, 1.1}}},
  };
  return cases;
}

// Only the input views come from the scene that went through the lens: what is rendered and
// measured is the original's.
double psnr_from_inputs_of(const Scene& scene) {
  PreparedScene mixed = prepare(original_scene());
  mixed.inputs = prepare(scene).inputs;
  return psnr_of(mixed);
}

TEST(FormatRenderings, EveryLensRendersAsTheOriginal) {
  for (const LensCase& lens : lens_cases()) {
    SCOPED_TRACE(lens.name);
    const testing::ScratchFolder scratch;
    const Scene taken = taken_through(lens.lens, scratch.path());
    for (const SceneFormat format :
         {SceneFormat::kColmap, SceneFormat::kTransforms, SceneFormat::kOpencvJson}) {
      SCOPED_TRACE(scene_format_name(format));
      const fs::path folder = scratch.path() / scene_format_name(format);
      const ConvertedScene converted = convert_scene(taken, folder, format);
      const bool holds_lens =
          format == SceneFormat::kColmap || (format == SceneFormat::kTransforms && lens.transforms);
      EXPECT_EQ(converted.copied, holds_lens ? kInputs : 0);
      const Scene scene = load_scene(folder);
      ASSERT_EQ(scene.views.size(), kInputs);
      EXPECT_EQ(scene.views[0].lens.is_pinhole(), !holds_lens);
      EXPECT_NEAR(psnr_from_inputs_of(scene), original_psnr(), 0.3);
    }
  }
}

}  // namespace
}  // namespace parallax
