// Writing scenes in other formats: what is kept to the last bit, and what is said to be lost.
#include "vision/scene/writers/convert_scene.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "core/image/image.h"
#include "tests/support/scene_fixture.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/view_loader.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const fs::path kConvertCaptures = fs::path(PARALLAX_SOURCE_DIR) / "tests" / "captures";
constexpr std::array kWrittenFormats = {SceneFormat::kOpencvJson,
                                        SceneFormat::kTransforms,
                                        SceneFormat::kColmap};

class ConvertScene : public ::testing::Test {
 protected:
  fs::path out(SceneFormat format) const { return scratch_.path() / scene_format_name(format); }

  testing::ScratchFolder scratch_;
};

// Views without a lens: bytes of the photographs and numbers of the cameras.
void expect_the_same(const Scene& before, const Scene& after, double tolerance) {
  ASSERT_EQ(before.views.size(), after.views.size());
  for (size_t i = 0; i < before.views.size(); ++i) {
    SCOPED_TRACE(before.views[i].name);
    const Camera& a = before.views[i].camera;
    const Camera& b = after.views[i].camera;
    EXPECT_LT(cv::norm(a.c2w - b.c2w, cv::NORM_INF), tolerance);
    EXPECT_EQ(a.width, b.width);
    EXPECT_EQ(a.height, b.height);
    EXPECT_DOUBLE_EQ(a.fx, b.fx);
    EXPECT_DOUBLE_EQ(a.fy, b.fy);
    EXPECT_DOUBLE_EQ(a.cx, b.cx);
    EXPECT_DOUBLE_EQ(a.cy, b.cy);
    EXPECT_EQ(before.views[i].lens.model, after.views[i].lens.model);
    EXPECT_EQ(before.views[i].lens.parameters, after.views[i].lens.parameters);
    if (!before.views[i].image_part) {
      EXPECT_EQ(testing::read_bytes(before.views[i].image_path),
                testing::read_bytes(after.views[i].image_path));
    }
    EXPECT_TRUE(
        torch::equal(load_view(before.views[i], {}).rgb, load_view(after.views[i], {}).rgb));
  }
}

TEST_F(ConvertScene, PinholeCamerasLoseNothing) {
  const Scene scene = testing::make_small_scene(scratch_.path() / "scene");
  for (const SceneFormat format : kWrittenFormats) {
    SCOPED_TRACE(scene_format_name(format));
    const ConvertedScene converted = convert_scene(scene, out(format), format);
    EXPECT_EQ(converted.views, 3);
    EXPECT_EQ(converted.copied, 3);
    EXPECT_THAT(converted.notes, IsEmpty());
    const Scene after = load_scene(out(format));
    EXPECT_EQ(after.format, format);
    expect_the_same(scene, after, 1e-12);
  }
}

TEST_F(ConvertScene, EveryLensIsKeptByColmap) {
  Scene scene = testing::make_small_scene(scratch_.path() / "scene");
  const std::vector<Lens> lenses = {
      {LensModel::kOpenCv, {0.01, 0.002, 0.001, 0.0005}},
      {LensModel::kOpenCv, {0.01, 0.002, 0.001, 0.0005, 1e-4, 1e-3, 1e-4, 1e-5}},
      {LensModel::kFisheye, {0.01, 0.002, 0.001, 0.0005}},
      {LensModel::kThinPrism, {0.01, 0.002, 1e-3, 1e-3, 1e-4, 1e-5, 1e-3, 1e-4}},
      {LensModel::kRadTanThinPrism, {0.01, 0.002, 0, 0, 0, 0, 1e-3, 1e-3, 1e-3, 0, 1e-3, 0}},
      {LensModel::kDivision, {-0.05}},
      {LensModel::kFieldOfView, {0.5}},
      {LensModel::kEucm, {0.6, 1.1}}};
  for (size_t i = 0; i < lenses.size(); ++i) {
    SCOPED_TRACE(i);
    scene.views[1].lens = lenses[i];  // cameras of two kinds
    const fs::path folder = scratch_.path() / std::to_string(i);
    EXPECT_EQ(convert_scene(scene, folder, SceneFormat::kColmap).copied, 3);
    expect_the_same(scene, load_scene(folder), 1e-12);
  }
}

// Lenses of other tools: undistorted, as nothing can say how else to read the photograph.
TEST_F(ConvertScene, LensesThatNoFormatHoldsAreUndone) {
  Scene scene = testing::make_small_scene(scratch_.path() / "scene");
  const std::vector<Lens> lenses = {
      {LensModel::kOpenCv, {}, 0.01},
      {LensModel::kBrown, {0.01, 0.002, 0, 0, 1e-4, 1e-4}},
      {LensModel::kThinPrism, {0.01, 0.002, 0, 0, 0, 0, 1e-3, 1e-4, 1e-3, 0, 1e-4, 0}},
      {LensModel::kEquisolid, {0.01, 0.002, 0, 0, 0, 0}},
      {LensModel::kRadialUndistortion, {-0.01}},
      {LensModel::kDual, {0.5, 0.01, 0.001}}};
  for (size_t i = 0; i < lenses.size(); ++i) {
    scene.views[1].lens = lenses[i];
    for (const SceneFormat format : kWrittenFormats) {
      SCOPED_TRACE(std::to_string(i) + ", " + scene_format_name(format));
      const fs::path folder = scratch_.path() / std::to_string(i) / scene_format_name(format);
      const ConvertedScene converted = convert_scene(scene, folder, format);
      EXPECT_EQ(converted.copied, 2);
      EXPECT_THAT(converted.notes, Contains(HasSubstr("written anew")));
      const Scene after = load_scene(folder);
      EXPECT_TRUE(after.views.at(1).lens.is_pinhole());
      EXPECT_TRUE(
          torch::equal(load_view(scene.views[1], {}).rgb, load_view(after.views[1], {}).rgb));
    }
  }
}

TEST_F(ConvertScene, TransformsKeepsTheSplitMasksAndItsLenses) {
  Scene scene = load_scene(kConvertCaptures / "mask-path");
  scene.views[1].is_held_out = true;
  scene.views[2].lens = {LensModel::kOpenCv, {0.01, 0.002, 0.001, 0.0005, 1e-4}};
  const fs::path folder = out(SceneFormat::kTransforms);
  EXPECT_THAT(convert_scene(scene, folder, SceneFormat::kTransforms).notes, IsEmpty());
  const Scene after = load_scene(folder);
  expect_the_same(scene, after, 1e-12);
  for (size_t i = 0; i < scene.views.size(); ++i) {
    EXPECT_EQ(after.views[i].is_held_out, i == 1);
    EXPECT_EQ(after.views[i].mask_path.empty(), scene.views[i].mask_path.empty());
    EXPECT_TRUE(
        torch::equal(load_view(scene.views[i], {}).alpha, load_view(after.views[i], {}).alpha));
  }
  // The others have no place for either: alpha holds the mask, and a note says what is lost.
  for (const SceneFormat format : {SceneFormat::kOpencvJson, SceneFormat::kColmap}) {
    const ConvertedScene converted = convert_scene(scene, out(format), format);
    EXPECT_THAT(converted.notes, Contains(HasSubstr("written anew")));
    EXPECT_THAT(converted.notes, Contains(HasSubstr("held out")));
    const Scene lossy = load_scene(out(format));
    EXPECT_TRUE(
        torch::equal(load_view(scene.views[0], {}).alpha, load_view(lossy.views[0], {}).alpha));
    EXPECT_TRUE(torch::equal(load_view(scene.views[2], {}).rgb, load_view(lossy.views[2], {}).rgb));
  }
}

TEST_F(ConvertScene, ChunksScaledPhotographsAndFoldersOfPhotographs) {
  // JPEG bytes leave the chunk as they are.
  const Scene chunk = load_scene(kConvertCaptures / "pixelsplat" / "def");
  convert_scene(chunk, scratch_.path() / "a", SceneFormat::kTransforms);
  const Scene after = load_scene(scratch_.path() / "a");
  expect_the_same(chunk, after, 1e-12);
  EXPECT_EQ(after.views[0].image_path.extension(), ".jpg");
  // Only images_4 is there: the cameras of the photographs' real size are written.
  const Scene scaled = load_scene(kConvertCaptures / "only-downscaled-images" / "colmap");
  convert_scene(scaled, scratch_.path() / "b", SceneFormat::kOpencvJson);
  const Scene real = load_scene(scratch_.path() / "b");
  const LoadedView expected = load_view(scaled.views[0], {});
  EXPECT_EQ(real.views[0].camera.width, expected.camera.width);
  EXPECT_NEAR(real.views[0].camera.fx, expected.camera.fx, 1e-9);
  EXPECT_EQ(load_view(real.views[0], {}).note, "");
  // Files of one name in two folders, and names that are no UTF-8.
  Scene twice = testing::make_small_scene(scratch_.path() / "scene");
  const fs::path images = scratch_.path() / "scene" / "images";
  for (int i = 0; i < 2; ++i) {
    const fs::path moved = images / (i == 0 ? "left" : "right\xff") / "a.png";
    fs::create_directories(moved.parent_path());
    fs::rename(twice.views[i].image_path, moved);
    twice.views[i].image_path = moved;
  }
  for (const SceneFormat format : kWrittenFormats) {
    convert_scene(twice, out(format), format);
    const Scene read = load_scene(out(format));
    ASSERT_THAT(read.views, SizeIs(3));
    EXPECT_TRUE(torch::equal(load_view(twice.views[0], {}).rgb, load_view(read.views[0], {}).rgb));
  }
}

TEST_F(ConvertScene, NothingIsOverwrittenAndOneBadViewCostsNoOther) {
  Scene scene = testing::make_small_scene(scratch_.path() / "scene");
  const auto failure = [&](const fs::path& folder, SceneFormat format) {
    try {
      convert_scene(scene, folder, format);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_THAT(failure(scratch_.path() / "scene", SceneFormat::kColmap),
              HasSubstr("own photographs"));
  EXPECT_THAT(failure(out(SceneFormat::kLlff), SceneFormat::kLlff), HasSubstr("llff"));
  fs::remove(scene.views[1].image_path);
  const ConvertedScene converted =
      convert_scene(scene, out(SceneFormat::kColmap), SceneFormat::kColmap);
  EXPECT_EQ(converted.views, 2);
  EXPECT_THAT(converted.notes, Contains(HasSubstr("1 of 3 views is left out")));
  EXPECT_THAT(load_scene(out(SceneFormat::kColmap)).views, SizeIs(2));
  EXPECT_THAT(failure(out(SceneFormat::kColmap), SceneFormat::kColmap), HasSubstr("already"));
}

// The cameras of `square-90` with the size of upright photographs, which are not square here.
TEST_F(ConvertScene, PhotographsTurnedByExifAreWrittenUpright) {
  const std::string quarter_turn(
      "\xff\xe1\0\x22"
      "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0",
      36);
  Scene scene = testing::make_small_scene(scratch_.path() / "phone");
  for (View& view : scene.views) {
    const cv::Mat stored = read_image(view.image_path);
    view.image_path.replace_extension(".jpg");
    write_image(view.image_path, stored);
    const std::string jpeg = testing::read_bytes(view.image_path);
    testing::write_text(view.image_path, jpeg.substr(0, 2) + quarter_turn + jpeg.substr(2));
    std::swap(view.camera.width, view.camera.height);
  }
  for (const SceneFormat format : kWrittenFormats) {
    const ConvertedScene result = convert_scene(scene, out(format), format);
    EXPECT_EQ(result.copied, 0);
    EXPECT_THAT(result.notes, Contains(HasSubstr("turned upright")));
    const Scene written = load_scene(out(format));
    for (size_t i = 0; i < scene.views.size(); ++i) {
      const LoadedView after = load_view(written.views[i], {});
      EXPECT_TRUE(torch::equal(after.rgb, load_view(scene.views[i], {}).rgb));
      EXPECT_EQ(after.note, "");
    }
  }
}

}  // namespace
}  // namespace parallax
