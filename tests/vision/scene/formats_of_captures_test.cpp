// sdfstudio, NeuS's compressed archives and VisualSFM: one scene in each of their formats gives the
// same cameras, and what is broken or cannot be used is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "tests/support/every_format.h"
#include "vision/viewer/view_files.h"

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
constexpr double kRoundedRotations = 1e-6;

class FormatsOfCaptures : public testing::EveryFormat {};

TEST_F(FormatsOfCaptures, SdfStudioGivesTheSameCameras) {
  expect_the_scene(load_scene(file("meta_data.json")), SceneFormat::kSdfStudio, kRoundedRotations);
  keep({"meta_data.json"});
  EXPECT_TRUE(looks_like_scene(folder()));
  const Scene scene = load_scene(folder());
  expect_the_scene(scene, SceneFormat::kSdfStudio, kRoundedRotations);
  EXPECT_THAT(scene.notes, IsEmpty());
  EXPECT_EQ(scene_format_name(scene.format), "sdfstudio");
  fs::rename(file("meta_data.json"), file("scan65.json"));
  expect_the_scene(load_scene(file("scan65.json")), SceneFormat::kSdfStudio, kRoundedRotations);
}

TEST_F(FormatsOfCaptures, SdfStudiosMasksAndSizesAreUsed) {
  keep({"meta_data.json"});
  nlohmann::json meta = document("meta_data.json");
  for (size_t i = 0; i < 6; ++i) {
    meta["frames"][i]["foreground_mask"] = "masks/" + std::to_string(i) + ".png";
  }
  meta["width"] = nullptr;
  meta["height"] = nullptr;
  write("meta_data.json", meta);
  fs::create_directories(file("masks"));
  for (const char* name : {"masks/0.png", "masks/3.png"}) {
    fs::copy_file(file("images/view_0.png"), file(name));
  }
  const Scene scene = load_scene(folder());
  EXPECT_EQ(scene.views[0].mask_path, file("masks/0.png"));
  EXPECT_EQ(scene.views[1].mask_path, "");
  EXPECT_EQ(scene.views[3].mask_path, file("masks/3.png"));
  EXPECT_EQ(scene.views[3].camera.width, 256) << "the photograph's own";
  EXPECT_THAT(scene.notes, ElementsAre(AllOf(HasSubstr("4 of 6"), HasSubstr("masks"))));
  meta["width"] = 512;
  meta["height"] = 512;
  write("meta_data.json", meta);
  EXPECT_EQ(load_scene(folder()).views[0].camera.width, 512);
}

TEST_F(FormatsOfCaptures, BrokenViewsOfSdfStudioAreNamed) {
  keep({"meta_data.json"});
  nlohmann::json meta = document("meta_data.json");
  const nlohmann::json whole = meta;
  meta["frames"][1]["intrinsics"][0] = {1, 2};
  meta["frames"][2].erase("camtoworld");
  meta["frames"][4]["rgb_path"] = "000009_rgb.png";
  write("meta_data.json", meta);
  const Scene scene = load_scene(folder());
  EXPECT_EQ(scene.views.size(), 3);
  EXPECT_THAT(scene.notes,
              ElementsAre(AllOf(HasSubstr("3 of 6 views are left out"),
                                HasSubstr("view 1, field 'intrinsics'"),
                                HasSubstr("view 2, field 'camtoworld'"),
                                HasSubstr("000009_rgb.png"))));
  meta = whole;
  meta["height"] = 0;
  write("meta_data.json", meta);
  EXPECT_THAT(failure(), AllOf(HasSubstr("meta_data.json, field 'height'"), HasSubstr("pixels")));
  testing::write_text(file("meta_data.json"), R"({"frames": [{"image": 1}], "name": "another"})");
  EXPECT_THAT(failure(), HasSubstr("no scene was found"));
}

TEST_F(FormatsOfCaptures, CompressedArchivesOfNeusGiveTheSameCameras) {
  keep({"cameras_compressed.npz"});
  const std::string whole = text("cameras_compressed.npz");
  fs::rename(file("cameras_compressed.npz"), file("cameras_sphere.npz"));
  EXPECT_TRUE(looks_like_scene(folder()));
  expect_the_scene(load_scene(folder()), SceneFormat::kNeus, kRoundedRotations);
  const auto damaged = [&](const std::string& bytes) {
    testing::write_text(file("cameras_sphere.npz"), bytes);
    return failure();
  };
  // The first entry's data begin with the name behind its header of 30 bytes and 20 more.
  constexpr size_t kInside = 30 + 15 + 20 + 40;
  std::string changed = whole;
  changed.replace(kInside, 20, 20, '\x55');
  EXPECT_THAT(damaged(changed), AllOf(HasSubstr("world_mat_0.npy"), HasSubstr("damaged")));
  // Sizes in the archive's directory: 24 bytes into an entry, which begins with "PK" 1 2.
  const size_t entry = whole.find("PK\x01\x02");
  changed = whole;
  changed[entry + 24] = '\x01';
  EXPECT_THAT(damaged(changed), HasSubstr("damaged")) << "one byte too few";
  changed[entry + 26] = '\x7f';
  EXPECT_THAT(damaged(changed), AllOf(HasSubstr("too large"), HasSubstr("cameras_sphere.npz")));
  changed = whole;
  changed[entry + 8] = '\x01';
  EXPECT_THAT(damaged(changed), HasSubstr("encrypted"));
  EXPECT_THAT(damaged(whole.substr(0, 700)), HasSubstr("cameras_sphere.npz"));
}

TEST_F(FormatsOfCaptures, VisualSfmGivesTheSameCameras) {
  expect_the_scene(load_scene(file("visualsfm.nvm")), SceneFormat::kVisualSfm, kRoundedRotations);
  keep({"visualsfm.nvm"});
  EXPECT_TRUE(looks_like_scene(folder()));
  EXPECT_TRUE(is_file_of_scene(file("visualsfm.nvm")));
  const Scene scene = load_scene(folder());
  expect_the_scene(scene, SceneFormat::kVisualSfm, kRoundedRotations);
  EXPECT_THAT(scene.notes, IsEmpty());
  fs::copy_file(file("visualsfm.nvm"), file("visualsfm 2.nvm"));
  EXPECT_THAT(load_scene(folder()).notes, ElementsAre(HasSubstr("visualsfm 2.nvm")));
}

// The image's point at r from the middle, in focal lengths, is that of the ray at r (1 + k r²).
TEST_F(FormatsOfCaptures, VisualSfmsDistortionAndCalibrationAreRead) {
  keep({"visualsfm.nvm"});
  replace_in("visualsfm.nvm", "NVM_V3 ", "NVM_V3 FixedK 200 120.5 210 130");
  replace_in("visualsfm.nvm", " 0 0 \r", " -0.25 0 \r");
  const Scene scene = load_scene(folder());
  const View& view = scene.views[0];
  EXPECT_EQ(view.camera.cx, 120.5);
  EXPECT_EQ(view.camera.cy, 130);
  EXPECT_NEAR(view.camera.fy / view.camera.fx, 1.05, 1e-12);
  EXPECT_EQ(view.lens.model, LensModel::kRadialUndistortion);
  EXPECT_TRUE(view.lens.is_perspective());
  EXPECT_THAT(scene.notes, ElementsAre(HasSubstr("1 of 6 views have lens distortion")));
  for (const double k : {-0.25, -0.01, 0.0, 0.3, 5.0}) {
    const Lens lens{LensModel::kRadialUndistortion, {k}};
    for (const double r : {0.0, 1e-12, 0.1, 0.5, 0.7}) {
      const auto point = distort(lens, 0.6 * r, -0.8 * r);
      ASSERT_TRUE(point.has_value());
      const double reached = std::hypot(point->x, point->y);
      EXPECT_NEAR(reached * (1 + k * reached * reached), r, 1e-12);
      EXPECT_NEAR(point->x * -0.8, point->y * 0.6, 1e-12);
    }
  }
  EXPECT_FALSE(distort({LensModel::kRadialUndistortion, {-0.25}}, 0.8, 0).has_value());
}

TEST_F(FormatsOfCaptures, TheLargestModelOfVisualSfmIsRead) {
  keep({"visualsfm.nvm"});
  std::string lines = text("visualsfm.nvm");
  const std::string small =
      "2\r\nimages/view_0.png 100 1 0 0 0 9 9 9 0 0\r\nimages/view_1.png 100 1 0 0 0 9 9 9 0 "
      "0\r\n\r\n1\r\n0 0 0 1 1 1 0\r\n\r\n";
  const std::string unplaced = "1\r\nimages/view_9.png 100 1 0 0 0 0 0 0 0 0\r\n\r\n0\r\n\r\n";
  const size_t first = lines.find('6');
  testing::write_text(file("visualsfm.nvm"),
                      lines.substr(0, first) + small + unplaced + lines.substr(first));
  const Scene scene = load_scene(folder());
  expect_the_scene(scene, SceneFormat::kVisualSfm, kRoundedRotations);
  EXPECT_THAT(scene.notes,
              ElementsAre(AllOf(HasSubstr("2 photographs"), HasSubstr("another model")),
                          AllOf(HasSubstr("1 photographs"), HasSubstr("not placed"))));
}

TEST_F(FormatsOfCaptures, BrokenCamerasOfVisualSfmAreNamed) {
  keep({"visualsfm.nvm"});
  const std::string whole = text("visualsfm.nvm");
  testing::write_text(file("visualsfm.nvm"),
                      "NVM_V3\n\n5\nimages/view_0.png 100 1 0 0 0 9 9 9 0 0\n"
                      "images/view_1.png 100 1 0 0 0 9 9 9 0\n"
                      "images/view_2.png 100 1 0 0 0 9 nan 9 0 0\n"
                      "images/view_3.png 100 0 0 0 0 9 9 9 0 0\n"
                      "images/view_8.png 100 1 0 0 0 9 9 9 0 0\n0\n0\n");
  EXPECT_THAT(failure(),
              AllOf(HasSubstr("4 of 5 views are left out"),
                    HasSubstr("line 5"),
                    HasSubstr("a name and 10 numbers"),
                    HasSubstr("line 6"),
                    HasSubstr("line 7")));
  testing::write_text(file("visualsfm.nvm"), whole.substr(0, whole.find("images/view_3")));
  EXPECT_THAT(failure(), AllOf(HasSubstr("visualsfm.nvm"), HasSubstr("ends within the list")));
  testing::write_text(file("visualsfm.nvm"), "NVM_V3\nmany\n");
  EXPECT_THAT(failure(), HasSubstr("visualsfm.nvm, line 2"));
  testing::write_text(file("visualsfm.nvm"), "NVM_V3\n\n0\n");
  EXPECT_THAT(failure(), HasSubstr("no photograph was placed"));
  testing::write_text(file("visualsfm.nvm"), "NVM_V3_R9T\n\n0\n");
  EXPECT_THAT(failure(), HasSubstr("no scene was found"));
}

// OpenSfM's export of undistorted pictures lies beside its own cameras; converters leave
// meta_data.json beside the file that they read.
TEST_F(FormatsOfCaptures, OtherProgramsFilesComeBeforeTheirExports) {
  keep({"visualsfm.nvm", "meta_data.json", "reconstruction.json"});
  EXPECT_EQ(load_scene(folder()).format, SceneFormat::kOpenSfm);
  testing::write_text(file("meta_data.json"), "none");
  testing::write_text(file("visualsfm.nvm"), "NVM_V3\n\n0\n");
  EXPECT_EQ(load_scene(folder()).format, SceneFormat::kOpenSfm);
}

// Names of several cameras: without their folders nothing says whose a photograph is.
TEST_F(FormatsOfCaptures, PhotographsCalledAlikeAreNotGuessed) {
  keep({"visualsfm.nvm"});
  fs::create_directories(file("images/b"));
  for (int i = 0; i < 3; ++i) {
    const std::string own = "images/view_" + std::to_string(i) + ".png";
    const std::string other = "images/view_" + std::to_string(i + 3) + ".png";
    const std::string shared = "/view_" + std::to_string(i) + ".png";
    replace_in("visualsfm.nvm", own, "a" + shared);
    replace_in("visualsfm.nvm", other, "b" + shared);
    fs::remove(folder() / own);
    fs::rename(folder() / other, folder() / ("images/b" + shared));
  }
  const Scene scene = load_scene(folder());
  EXPECT_EQ(scene.views.size(), 3);
  EXPECT_EQ(scene.views[0].name.substr(0, 2), "b/");
  fs::rename(file("images/b"), file("pictures"));
  fs::remove_all(file("images"));
  fs::rename(file("pictures"), file("images"));
  EXPECT_THAT(failure(), HasSubstr("another of 2 files called so"));
}

// Common names of files alone make no scene.
TEST_F(FormatsOfCaptures, APlainFolderOfPhotographsIsNone) {
  keep({"images"});
  testing::write_text(file("traj.txt"), "1 2 3\n");
  testing::write_text(file("groundtruth.txt"), "1 2 3\n");
  testing::write_text(file("meta_data.json"), "{\"a\": 1}");
  fs::create_directories(file("image_2"));
  EXPECT_FALSE(looks_like_scene(folder()));
}

// What is dropped on the viewer.
TEST_F(FormatsOfCaptures, TheViewerTakesFilesOfScenes) {
  testing::write_text(file("sparse/0/images.bin"), "");
  for (const char* name : {"visualsfm.nvm",
                           "traj.txt",
                           "groundtruth.txt",
                           "meta_data.json",
                           "sparse/0/images.bin",
                           "cameras_sphere.npz"}) {
    EXPECT_EQ(view::detect_file(file(name)), view::FileKind::kScene) << name;
  }
  for (const char* name : {"calibration.txt", "make.py"}) {
    EXPECT_THROW(view::detect_file(file(name)), Error) << name;
    EXPECT_FALSE(is_file_of_scene(file(name))) << name;
  }
}

}  // namespace
}  // namespace parallax
