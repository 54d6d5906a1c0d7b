// Scores of captured scenes (tests/captures): variants of the same photographs render alike,
// whatever a tool did to their files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "vision/eval/evaluate.h"
#include "vision/scene/formats/load_scene.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;

const NvsModel& score_model() {
  static const NvsModel loaded = load_nvs_model("nvs");
  return loaded;
}

Scene captured_scene(const char* name) {
  return load_scene(fs::path(PARALLAX_SOURCE_DIR) / "tests" / "captures" / name);
}

struct CapturedScore {
  double psnr = 0;  // dB
  double masked_psnr = 0;
  std::vector<std::string> notes;
};

// `parallax render SCENE --input-views INPUTS --form parallel`.
CapturedScore score_of_scene(const Scene& scene, const std::string& inputs = "4") {
  const PreparedScene prepared = prepare_scene(scene, score_model(), {.input_views = inputs});
  const FormEvaluation result = evaluate_form(score_model(), prepared, Form::kParallel, {});
  return {result.mean.psnr, result.mean.masked_psnr, prepared.notes};
}

// The difference that one rounding of 8-bit pixels, or another order of sums, may make.
constexpr double kSameScore = 0.02;  // dB

TEST(CapturedScores, ExifOrientationsChangeNothing) {
  const CapturedScore plain = score_of_scene(captured_scene("exif-orientation/none"));
  const CapturedScore tagged = score_of_scene(captured_scene("exif-orientation/square-90"));
  EXPECT_DOUBLE_EQ(tagged.psnr, plain.psnr);
  EXPECT_GT(plain.psnr, 22.3);  // what a model of 2026-11-26 reached
  EXPECT_THAT(tagged.notes, Contains(HasSubstr("10 of 10 photographs have an EXIF orientation")));
  EXPECT_GT(score_of_scene(captured_scene("exif-orientation/undistorted-by-colmap")).psnr, 20);
}

// Photographs that somebody cropped afterwards: the error says so, and nothing of counts.
TEST(CapturedScores, AnErrorSaysWhyNoViewIsLeft) {
  Scene scene = captured_scene("photos_in_input");
  for (View& view : scene.views) {
    view.camera.height *= 2;
  }
  std::string error;
  try {
    score_of_scene(scene);
  } catch (const std::exception& thrown) {
    error = thrown.what();
  }
  EXPECT_THAT(error, HasSubstr("aspect ratio"));
  EXPECT_THAT(error, HasSubstr("none of the other 11 views can be used"));
}

TEST(CapturedScores, HowAModelIsWrittenDoesNotMatter) {
  const double expected = score_of_scene(captured_scene("two-submodels")).psnr;
  EXPECT_GT(expected, 19.96);
  for (const char* name : {"one-line-per-image",
                           "only-downscaled-images/colmap",
                           "only-downscaled-images/transforms"}) {
    EXPECT_NEAR(score_of_scene(captured_scene(name)).psnr, expected, kSameScore) << name;
  }
  const double other = score_of_scene(captured_scene("unused_fisheye_camera")).psnr;
  for (const char* name : {"photos_in_input", "transforms_images_4", "re10k_txt/abc.txt"}) {
    EXPECT_NEAR(score_of_scene(captured_scene(name)).psnr, other, kSameScore) << name;
  }
}

TEST(CapturedScores, AStrayCameraSpoilsNothing) {
  const Scene scene = captured_scene("outlier-camera");
  Scene without = scene;
  std::erase_if(without.views, [](const View& view) { return view.name == "view_999.png"; });
  ASSERT_EQ(without.views.size() + 1, scene.views.size());
  EXPECT_NEAR(score_of_scene(scene, "8").psnr, score_of_scene(without, "8").psnr, 0.2);
}

TEST(CapturedScores, SizesThatNobodyDeclaresScoreAsDeclaredOnes) {
  EXPECT_GT(score_of_scene(captured_scene("sizes-not-declared")).psnr, 17.4);
}

TEST(CapturedScores, MasksAreMeasuredWithin) {
  const CapturedScore score = score_of_scene(captured_scene("mask-path"));
  EXPECT_GT(score.masked_psnr, 15);
  EXPECT_NEAR(score.psnr, score_of_scene(captured_scene("two-submodels")).psnr, 3);
}

TEST(CapturedScores, DivisionLensesScoreAsPinholesDo) {
  EXPECT_NEAR(score_of_scene(captured_scene("simple_division")).psnr,
              score_of_scene(captured_scene("unused_fisheye_camera")).psnr,
              1.5);  // another crop of the same photographs
}

}  // namespace
}  // namespace parallax
