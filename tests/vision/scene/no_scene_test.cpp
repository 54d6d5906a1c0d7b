// What is said of paths that hold no scene, and which folders look like one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/scene_fixture.h"
#include "vision/scene/formats/load_scene.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class NoScene : public ::testing::Test {
 protected:
  fs::path file(const std::string& name) const { return folder_.path() / name; }
  void write(const std::string& name, const std::string& text = "x") const {
    testing::write_text(file(name), text);
  }
  std::string failure(const std::string& name = "") const {
    return testing::load_failure(name.empty() ? folder_.path() : file(name));
  }

  testing::ScratchFolder folder_;
};

TEST_F(NoScene, ScenesBelowAreNamed) {
  const Scene scene = testing::make_small_scene(file("objects/a"));
  write("objects/a/transforms.json", testing::transforms_document(scene).dump());
  EXPECT_THAT(failure(), AllOf(HasSubstr("There is one below it"), HasSubstr("objects/a")));
  for (const char* name : {"b", "c", "d", "e", "f"}) {
    fs::copy(file("objects/a"), file("objects") / name, fs::copy_options::recursive);
  }
  EXPECT_THAT(failure("objects"),
              AllOf(HasSubstr("There are 6 below it"), HasSubstr("(a, b, c, d, e, …)")));
}

TEST_F(NoScene, WhatIsThereInsteadIsNamed) {
  EXPECT_THAT(failure(), AllOf(HasSubstr("COLMAP"), HasSubstr("opencv_cameras.json")));
  write("garden.mp4");
  write("readme.md");
  for (const char* path : {"", "garden.mp4"}) {
    EXPECT_THAT(failure(path), AllOf(HasSubstr("a video, garden.mp4"), HasSubstr("ffmpeg")));
  }
  write("Garden.ZIP");
  for (const char* path : {"", "Garden.ZIP"}) {
    EXPECT_THAT(failure(path),
                AllOf(HasSubstr("a packed archive, Garden.ZIP"), HasSubstr("Unpack")));
  }
  write("photos/1.jpg");
  EXPECT_THAT(failure("photos"), HasSubstr("1 photograph and no cameras"));
  write("photos/2.jpg");
  for (const char* path : {"", "photos"}) {
    EXPECT_THAT(failure(path),
                AllOf(HasSubstr("2 photographs and no cameras"), HasSubstr("from-photos")));
  }
  write("chair.glb");
  EXPECT_THAT(failure("chair.glb"), HasSubstr("--mesh"));
  write("garden.splat");
  EXPECT_THAT(failure("garden.splat"), HasSubstr("Gaussian splats"));
  write("nvs.safetensors");
  EXPECT_THAT(failure("nvs.safetensors"), HasSubstr("the model with --model"));
  write("model.onnx");
  EXPECT_THAT(failure("model.onnx"),
              AllOf(HasSubstr("another program"), HasSubstr(".safetensors")));
  EXPECT_THAT(failure("photos/1.jpg"), HasSubstr("alone has no camera"));
  EXPECT_THAT(failure("readme.md"), AllOf(HasSubstr("no scene"), HasSubstr("COLMAP")));
}

TEST_F(NoScene, CamerasUnderAnotherNameAreNamed) {
  write("images/1.jpg");
  write("transforms_colmap.json", "{}");
  EXPECT_THAT(failure(), HasSubstr("Name the file: " + file("transforms_colmap.json").string()));
}

// Files of cameras have names of people's own: photographs beside one are a scene, not a folder of
// pictures.
TEST_F(NoScene, CamerasUnderAnyNameMakeAScene) {
  write("a/1.jpg");
  write("a/notes.xml", "<annotation/>");
  write("a/table.csv", "name,class\n");
  write("a/job.out", "done\n");
  EXPECT_FALSE(looks_like_scene(file("a")));
  write("b/statue of me.xml", "<?xml version=\"1.0\"?>\n<document version=\"2.0.0\">");
  write("c/registration.out", "# Bundle file v0.3\n0 0\n");
  write("d/registration.csv", "#name,x,y,alt,heading,pitch,roll\n");
  write("e/1.jpg");
  write("e.txt", "https://example.org/watch\n");
  for (const char* name : {"b", "c", "d", "e"}) {
    EXPECT_TRUE(looks_like_scene(file(name))) << name;
  }
}

}  // namespace
}  // namespace parallax
