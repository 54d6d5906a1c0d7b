// The scene loaders on valid scenes: every format gives the same cameras, and the peculiarities of
// each are read.
#include "vision/scene/formats/load_scene.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "core/base/error.h"
#include "core/image/image.h"
#include "tests/support/scene_fixture.h"
#include "vision/scene/camera_path.h"
#include "vision/scene/formats/opencv_json.h"
#include "vision/scene/view_loader.h"
#include "vision/viewer/view_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

void expect_same_cameras(const Scene& got, const Scene& expected) {
  ASSERT_EQ(got.views.size(), expected.views.size());
  for (size_t i = 0; i < expected.views.size(); ++i) {
    SCOPED_TRACE(i);
    const Camera& a = got.views[i].camera;
    const Camera& b = expected.views[i].camera;
    EXPECT_EQ(a.height, b.height);
    EXPECT_EQ(a.width, b.width);
    EXPECT_NEAR(a.fx, b.fx, 1e-12);
    EXPECT_NEAR(a.fy, b.fy, 1e-12);
    EXPECT_NEAR(a.cx, b.cx, 1e-12);
    EXPECT_NEAR(a.cy, b.cy, 1e-12);
    EXPECT_LT(cv::norm(a.c2w - b.c2w, cv::NORM_INF), 1e-12);
    EXPECT_TRUE(fs::equivalent(got.views[i].image_path, expected.views[i].image_path));
    EXPECT_TRUE(got.views[i].lens.parameters.empty());
  }
}

class SceneLoading : public ::testing::Test {
 protected:
  testing::ScratchFolder folder_;
  Scene scene_ = testing::make_small_scene(folder_.path());

  fs::path file(const char* name) const { return folder_.path() / name; }
  void write_json(const char* name, const json& document) const {
    testing::write_text(file(name), document.dump());
  }
};

TEST_F(SceneLoading, OpenCvJsonRoundTrips) {
  save_opencv_json(scene_, file("opencv_cameras.json"));
  const Scene loaded = load_scene(folder_.path());
  EXPECT_EQ(loaded.format, SceneFormat::kOpencvJson);
  EXPECT_EQ(loaded.name, folder_.path().filename());
  EXPECT_EQ(loaded.views[1].name, "images/view_1.png");
  expect_same_cameras(loaded, scene_);
  expect_same_cameras(load_scene(file("opencv_cameras.json")), scene_);
  expect_same_cameras(load_scene(folder_.path() / ""), scene_);
}

TEST_F(SceneLoading, OpenCvJsonMayHaveAnyNameAndMayWrapItsFrames) {
  write_json("cameras.json", testing::opencv_document(scene_));
  expect_same_cameras(load_scene(file("cameras.json")), scene_);
  write_json("wrapped.json", {{"scene", "x"}, {"frames", testing::opencv_document(scene_)}});
  expect_same_cameras(load_scene(file("wrapped.json")), scene_);
}

TEST_F(SceneLoading, DuplicateViewsAreFine) {
  scene_.views.push_back(scene_.views[0]);
  write_json("opencv_cameras.json", testing::opencv_document(scene_));
  expect_same_cameras(load_scene(folder_.path()), scene_);
}

TEST_F(SceneLoading, TransformsGiveTheSameCameras) {
  write_json("transforms.json", testing::transforms_document(scene_));
  const Scene loaded = load_scene(folder_.path());
  EXPECT_EQ(loaded.format, SceneFormat::kTransforms);
  expect_same_cameras(loaded, scene_);
}

TEST_F(SceneLoading, TransformsFieldsMayBePerFrame) {
  json document = testing::transforms_document(scene_);
  for (json& frame : document["frames"]) {
    for (const char* field : {"w", "h", "fl_x", "fl_y", "cx", "cy"}) {
      frame[field] = document[field];
    }
  }
  document["fl_x"] = 1.0;  // the frame's own value goes first
  document.erase("w");
  document.erase("h");
  write_json("transforms.json", document);
  expect_same_cameras(load_scene(folder_.path()), scene_);
}

// The NeRF synthetic scenes: a field of view, no size, names without extension.
TEST_F(SceneLoading, TransformsOfSyntheticScenesTakeTheSizeFromTheImage) {
  json document = testing::transforms_document(scene_);
  for (const char* field : {"w", "h", "fl_x", "fl_y", "cx", "cy", "camera_model", "k1"}) {
    document.erase(field);
  }
  document["camera_angle_x"] = 2 * std::atan(16 / 40.5);
  for (json& frame : document["frames"]) {
    const std::string name = frame["file_path"];
    frame["file_path"] = "./" + name.substr(0, name.size() - 4);
  }
  write_json("transforms_train.json", document);
  // Its images do not make it a folder of images to classify.
  EXPECT_EQ(view::detect_file(folder_.path()), view::FileKind::kScene);
  const Scene loaded = load_scene(folder_.path());
  for (View& view : scene_.views) {
    view.camera.fy = view.camera.fx;
    view.camera.cx = 16;
    view.camera.cy = 12;
  }
  expect_same_cameras(loaded, scene_);
  EXPECT_THAT(loaded.notes, ElementsAre());
  fs::copy(folder_.path() / "images", folder_.path() / "test");
  for (json& frame : document["frames"]) {
    frame["file_path"] =
        "test/" + fs::path(frame["file_path"].get<std::string>()).filename().string();
  }
  write_json("transforms_test.json", document);
  write_json("transforms_val.json", document);
  const Scene split = load_scene(folder_.path());
  ASSERT_EQ(split.views.size(), 6U);
  EXPECT_FALSE(split.views[2].is_held_out);
  EXPECT_TRUE(split.views[3].is_held_out);
  EXPECT_THAT(split.notes,
              ElementsAre(HasSubstr("transforms_test.json are held out"),
                          HasSubstr("transforms_val.json is not part")));
  EXPECT_TRUE(load_scene(file("transforms_test.json")).notes.empty());
}

TEST_F(SceneLoading, PathsOfAnotherMachineAreFoundByTheirEnds) {
  for (const char* prefix : {"/home/someone/capture/", "C:\\Users\\someone\\"}) {
    json document = testing::transforms_document(scene_);
    for (json& frame : document["frames"]) {
      frame["file_path"] = prefix + frame["file_path"].get<std::string>();
    }
    write_json("transforms.json", document);
    expect_same_cameras(load_scene(folder_.path()), scene_);
  }
}

// Intrinsics are for images/ where photographs are taken from images_4/ and nothing says a size.
TEST_F(SceneLoading, TransformsWithoutSizesAreForTheFullPhotographs) {
  json document = testing::transforms_document(scene_);
  document.erase("w");
  document.erase("h");
  write_json("transforms.json", document);
  std::filesystem::rename(folder_.path() / "images", folder_.path() / "images_4");
  const Scene loaded = load_scene(folder_.path());
  ASSERT_EQ(loaded.views.size(), 3U);
  EXPECT_EQ(loaded.views[0].camera.width, 4 * 32);
  EXPECT_EQ(load_view(loaded.views[0], {}).camera.fx, scene_.views[0].camera.fx / 4);
}

TEST_F(SceneLoading, TransformsMayLackMasks) {
  json document = testing::transforms_document(scene_);
  for (int i = 0; i < 3; ++i) {
    document["frames"][i]["mask_path"] = "masks/view_" + std::to_string(i) + ".png";
  }
  write_json("transforms.json", document);
  // Zeros and ones, and one mask among those of smaller photographs.
  const cv::Mat mask = cv::Mat::ones(24, 32, CV_8UC1);
  std::filesystem::create_directories(folder_.path() / "masks");
  std::filesystem::create_directories(folder_.path() / "masks_2");
  write_image(folder_.path() / "masks/view_0.png", mask);
  write_image(folder_.path() / "masks_2/view_1.png", cv::Mat(12, 16, CV_8UC1, cv::Scalar(0)));
  const Scene loaded = load_scene(folder_.path());
  ASSERT_EQ(loaded.views.size(), 3U);
  EXPECT_THAT(loaded.notes, ElementsAre(HasSubstr("1 of 3 views are used without their masks")));
  EXPECT_EQ(load_view(loaded.views[0], {}).alpha.mean().item<float>(), 1);
  EXPECT_EQ(load_view(loaded.views[1], {}).alpha.mean().item<float>(), 0);
  EXPECT_FALSE(load_view(loaded.views[2], {}).alpha.defined());
}

TEST_F(SceneLoading, MasksThatNothingNamesAreMentioned) {
  std::filesystem::create_directories(folder_.path() / "masks");
  write_json("transforms.json", testing::transforms_document(scene_));
  EXPECT_THAT(load_scene(folder_.path()).notes,
              ElementsAre(HasSubstr("are not used: nothing says")));
}

TEST_F(SceneLoading, NerfstudiosListsHoldViewsOut) {
  json document = testing::transforms_document(scene_);
  document["test_filenames"] = json::array();
  document["val_filenames"] = {"./" + document["frames"][1]["file_path"].get<std::string>()};
  write_json("transforms.json", document);
  EXPECT_FALSE(load_scene(folder_.path()).views[0].is_held_out);
  EXPECT_TRUE(load_scene(folder_.path()).views[1].is_held_out);
}

TEST_F(SceneLoading, TransformsRecordDistortionInOpenCvsOrder) {
  json document = testing::transforms_document(scene_);
  document["k1"] = 0.1;
  document["k2"] = 0.2;
  document["p1"] = 0.3;
  document["frames"][1]["k3"] = 0.5;
  write_json("transforms.json", document);
  const Scene loaded = load_scene(folder_.path());
  EXPECT_THAT(loaded.views[0].lens.parameters, ElementsAre(0.1, 0.2, 0.3, 0));
  EXPECT_THAT(loaded.views[1].lens.parameters, ElementsAre(0.1, 0.2, 0.3, 0, 0.5));
  EXPECT_THAT(loaded.notes, ElementsAre(HasSubstr("3 of 3 views have lens distortion")));
  EXPECT_THROW(save_opencv_json(loaded, file("opencv_cameras.json")), Error);
}

TEST_F(SceneLoading, ColmapTextGivesTheSameCamerasSortedByName) {
  testing::write_colmap_text(scene_);
  const Scene loaded = load_scene(folder_.path());
  EXPECT_EQ(loaded.format, SceneFormat::kColmap);
  EXPECT_EQ(loaded.name, folder_.path().filename());
  EXPECT_EQ(loaded.views[2].name, "view_2.png");
  expect_same_cameras(loaded, scene_);
}

TEST_F(SceneLoading, ColmapModelsMayBeNamedInEveryWay) {
  testing::write_colmap_binary(scene_);
  for (const char* name :
       {"", "sparse", "sparse/0", "sparse/0/cameras.bin", "sparse/0/images.bin"}) {
    SCOPED_TRACE(name);
    expect_same_cameras(load_scene(folder_.path() / name), scene_);
  }
  fs::rename(file("sparse/0/cameras.bin"), file("sparse/cameras.bin"));
  fs::rename(file("sparse/0/images.bin"), file("sparse/images.bin"));
  expect_same_cameras(load_scene(folder_.path()), scene_);
}

TEST_F(SceneLoading, ColmapImagesMayLieInAFolderGivenByName) {
  testing::write_colmap_binary(scene_);
  fs::rename(file("images"), file("photos of it"));
  EXPECT_THROW(load_scene(folder_.path()), Error);
  const Scene loaded = load_scene(folder_.path(), {.image_folder = "photos of it"});
  EXPECT_EQ(loaded.views[0].image_path, file("photos of it/view_0.png"));
  EXPECT_THROW(load_scene(folder_.path(), {.image_folder = "nowhere"}), Error);
}

TEST_F(SceneLoading, ColmapCameraModelsBecomeOpenCvsOrder) {
  testing::write_colmap_text(scene_);
  const auto load_with = [&](const char* line) {
    testing::write_text(file("sparse/0/cameras.txt"), line);
    return load_scene(folder_.path()).views[0];
  };
  const View simple = load_with("1 SIMPLE_PINHOLE 32 24 40 16 12");
  EXPECT_EQ(simple.camera.fy, 40);
  EXPECT_EQ(simple.camera.cx, 16);
  EXPECT_TRUE(simple.lens.parameters.empty());
  EXPECT_THAT(load_with("1 SIMPLE_RADIAL 32 24 40 16 12 0.1").lens.parameters,
              ElementsAre(0.1, 0, 0, 0));
  EXPECT_THAT(load_with("1 RADIAL 32 24 40 16 12 0.1 0.2").lens.parameters,
              ElementsAre(0.1, 0.2, 0, 0));
  EXPECT_THAT(load_with("1 OPENCV 32 24 40 41 16 12 0.1 0.2 0.3 0.4").lens.parameters,
              ElementsAre(0.1, 0.2, 0.3, 0.4));
  EXPECT_THAT(load_with("1 FULL_OPENCV 32 24 40 41 16 12 1 2 3 4 5 0 0 0").lens.parameters,
              ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(load_with("1 FULL_OPENCV 32 24 40 41 16 12 1 2 3 4 5 6 7 8").lens.parameters,
              ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_TRUE(load_with("1 OPENCV 32 24 40 41 16 12 0 0 0 0").lens.parameters.empty());
  EXPECT_TRUE(load_with("1 FOV 32 24 40 41 16 12 0").lens.parameters.empty());
}

TEST_F(SceneLoading, OfSeveralFormatsTheFirstInTheListIsTaken) {
  testing::write_colmap_text(scene_);
  EXPECT_EQ(load_scene(folder_.path()).format, SceneFormat::kColmap);
  write_json("transforms.json", testing::transforms_document(scene_));
  EXPECT_EQ(load_scene(folder_.path()).format, SceneFormat::kTransforms);
  write_json("opencv_cameras.json", testing::opencv_document(scene_));
  EXPECT_EQ(load_scene(folder_.path()).format, SceneFormat::kOpencvJson);
}

TEST_F(SceneLoading, WhereThereIsNoSceneTheFormatsAreNamed) {
  EXPECT_THAT(testing::load_failure(folder_.path()),
              AllOf(HasSubstr("no scene"), HasSubstr("opencv_cameras.json"), HasSubstr("COLMAP")));
  EXPECT_THAT(testing::load_failure(file("images/view_0.png")), HasSubstr("no scene"));
  EXPECT_THAT(testing::load_failure(file("nothing")), HasSubstr("no such file"));
  EXPECT_THAT(testing::load_failure(""), HasSubstr("no such file"));
  write_json("other.json", {{"a", 1}});
  EXPECT_THAT(testing::load_failure(file("other.json")), HasSubstr("no scene"));
}

// Photographs beside a file of cameras are a scene, whatever the file is called, and so is the
// file.
TEST_F(SceneLoading, DroppedFilesOfCamerasAreScenes) {
  EXPECT_EQ(view::detect_file(file("images")), view::FileKind::kImageFolder);
  testing::write_text(file("images/my statue.xml"),
                      "<document version=\"2.0.0\"><chunk/></document>");
  testing::write_text(file("bundle.out"), "# Bundle file v0.3\n");
  EXPECT_EQ(view::detect_file(file("images")), view::FileKind::kScene);
  EXPECT_EQ(view::detect_file(file("images/my statue.xml")), view::FileKind::kScene);
  EXPECT_EQ(view::detect_file(file("bundle.out")), view::FileKind::kScene);
  testing::write_text(file("video.txt"), "https://example.org/watch\n");
  EXPECT_EQ(view::detect_file(file("video.txt")), view::FileKind::kScene);
  testing::write_text(file("notes.txt"), "of mine");
  EXPECT_THROW(view::detect_file(file("notes.txt")), Error);
}

// Those of tests/scenes, and what there is in $PARALLAX_SCENES, else in <source folder>/../shared.
std::vector<fs::path> real_scenes() {
  const fs::path source(PARALLAX_SOURCE_DIR);
  const char* variable = std::getenv("PARALLAX_SCENES");
  const bool is_set = variable != nullptr && *variable != '\0';
  const fs::path more = is_set ? fs::path(variable) : source / ".." / "shared" / "scenes";
  std::vector<fs::path> folders = {source / "tests" / "scenes"};
  if (is_set || fs::is_directory(more)) {
    folders.push_back(more);
  }
  std::vector<fs::path> scenes;
  for (const fs::path& folder : folders) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.is_directory()) {
        scenes.push_back(entry.path());
      }
    }
  }
  return scenes;
}

TEST(RealScenes, LoadAndSurroundTheirObjects) {
  for (const fs::path& folder : real_scenes()) {
    SCOPED_TRACE(folder);
    const Scene scene = load_scene(folder);
    EXPECT_GT(scene.views.size(), 1);
    const std::vector<Camera> cameras = scene_cameras(scene);
    EXPECT_TRUE(cameras_surround_object(cameras));
    const std::vector<int> inputs = farthest_point_sample(cameras, 2);
    for (const LoadedView& view : load_views(scene, inputs, {.height = 64, .width = 64})) {
      EXPECT_EQ(view.rgb.sizes(), (torch::IntArrayRef{3, 64, 64}));
      EXPECT_GT(view.alpha.mean().item<double>(), 0.01);
    }
  }
}

// nerfstudio before version 1.1 wrote RealityCapture's coefficients as text, and its dataparser
// makes numbers of whatever it finds.
TEST(TransformsLenses, NumbersMayBeText) {
  const testing::ScratchFolder folder;
  const Scene scene = testing::make_small_scene(folder.path());
  nlohmann::json document = testing::transforms_document(scene);
  const Scene plain = [&] {
    testing::write_text(folder.path() / "transforms.json", document.dump());
    return load_scene(folder.path() / "transforms.json");
  }();
  for (nlohmann::json& frame : document["frames"]) {
    frame["k1"] = "-0.0712";
    frame["p2"] = "1.5e-3";
    for (const char* name : {"w", "h", "fl_x", "fl_y", "cx", "cy"}) {
      if (frame.contains(name)) {
        frame[name] = frame[name].dump();
      }
    }
  }
  testing::write_text(folder.path() / "transforms.json", document.dump());
  const Scene texts = load_scene(folder.path() / "transforms.json");
  ASSERT_EQ(texts.views.size(), plain.views.size());
  EXPECT_EQ(texts.views[1].camera.fx, plain.views[1].camera.fx);
  EXPECT_EQ(texts.views[1].lens.parameters, (std::vector<double>{-0.0712, 0, 0, 0.0015}));
  document["frames"][1]["k1"] = "about 0.1";
  testing::write_text(folder.path() / "transforms.json", document.dump());
  EXPECT_THAT(load_scene(folder.path() / "transforms.json").notes,
              ::testing::Contains(HasSubstr("'k1'")));
}

// instant-ngp's colmap2nerf.py wrote paths as seen from where it was started, beside `data`.
TEST(TransformsPaths, MayBeginElsewhere) {
  const testing::ScratchFolder folder;
  const Scene scene = testing::make_small_scene(folder.path() / "data" / "fox");
  for (const char* beginning :
       {"./data/fox/", "../fox/", "~/nerf/data/fox/", "file:///home/me/fox/"}) {
    nlohmann::json document = testing::transforms_document(scene);
    for (nlohmann::json& frame : document["frames"]) {
      frame["file_path"] = beginning + frame["file_path"].get<std::string>();
    }
    testing::write_text(scene.root / "transforms.json", document.dump());
    const Scene loaded = load_scene(scene.root);
    ASSERT_EQ(loaded.views.size(), 3) << beginning;
    EXPECT_EQ(loaded.views[2].image_path, scene.views[2].image_path);
    // What two names could mean belongs to neither but the first.
    document["frames"][1]["file_path"] = "elsewhere/images/view_0.png";
    testing::write_text(scene.root / "transforms.json", document.dump());
    EXPECT_EQ(load_scene(scene.root).views.size(), 2) << beginning;
  }
}

// Extrinsics are often written without their last row, 0 0 0 1.
TEST(OpenCvJsonPoses, ThreeRowsAreAPose) {
  const testing::ScratchFolder folder;
  const Scene scene = testing::make_small_scene(folder.path());
  nlohmann::json document = testing::opencv_document(scene);
  document[1]["w2c"].erase(3);
  testing::write_text(folder.path() / "opencv_cameras.json", document.dump());
  const Scene loaded = load_scene(folder.path());
  ASSERT_EQ(loaded.views.size(), 3);
  EXPECT_LT(cv::norm(loaded.views[1].camera.c2w - scene.views[1].camera.c2w, cv::NORM_INF), 1e-9);
}

// nerfstudio's dataparser takes a frame's list of coefficients, which Project Aria's are alone in.
TEST(TransformsLenses, ListsOfCoefficientsAreTheLens) {
  const testing::ScratchFolder folder;
  const Scene scene = testing::make_small_scene(folder.path());
  const auto lens_of = [&](const char* model, const std::vector<double>& list) {
    nlohmann::json document = testing::transforms_document(scene);
    for (nlohmann::json& frame : document["frames"]) {
      frame.erase("camera_model");
      frame["distortion_params"] = list;
    }
    document["camera_model"] = model;
    testing::write_text(folder.path() / "transforms.json", document.dump());
    return load_scene(folder.path() / "transforms.json").views.at(1).lens;
  };
  // k1 k2 k3 k4 p1 p2 there, k1 k2 p1 p2 k3 here.
  const Lens brown = lens_of("opencv", {0.2, 0.05, 0.03, 0, 0.01, 0.02});
  EXPECT_EQ(brown.model, LensModel::kOpenCv);
  EXPECT_EQ(brown.parameters, (std::vector<double>{0.2, 0.05, 0.01, 0.02, 0.03}));
  const Lens fisheye = lens_of("OPENCV_FISHEYE", {0.2, 0.05, 0.03, 0.04, 0, 0});
  EXPECT_EQ(fisheye.model, LensModel::kFisheye);
  EXPECT_EQ(fisheye.parameters, (std::vector<double>{0.2, 0.05, 0.03, 0.04}));
  const std::vector<double> aria = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.01, 0.02, 0.03, 0.04, 0.05, 0};
  EXPECT_EQ(lens_of("FISHEYE624", aria).model, LensModel::kRadTanThinPrism);
  EXPECT_EQ(lens_of("FISHEYE624", aria).parameters, aria);
  EXPECT_THROW(lens_of("OPENCV", {0.2, 0.05}), Error);
  EXPECT_THROW(lens_of("FISHEYE624", {0.2, 0.05, 0, 0, 0, 0}), Error);
}

}  // namespace
}  // namespace parallax
