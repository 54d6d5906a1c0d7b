// Evaluation indices: their forms, what is wrong with one, and how scenes are found and counted.
#include "vision/eval/evaluation_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.h"
#include "tests/support/scene_fixture.h"
#include "vision/scene/formats/load_scene.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const fs::path kIndexCaptures = fs::path(PARALLAX_SOURCE_DIR) / "tests" / "captures";

class EvaluationIndex : public ::testing::Test {
 protected:
  std::vector<IndexedViews> read(const std::string& text) const {
    return read_evaluation_index(scratch_.write("index.json", text));
  }
  std::string failure(const std::string& text) const {
    try {
      read(text);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  testing::ScratchFolder scratch_;
};

TEST_F(EvaluationIndex, EveryFormIsRead) {
  // pixelSplat's, with a scene that has no valid views; DepthSplat's for DL3DV; latentSplat's
  // lists.
  const auto index = read(R"({
    "b": {"context": [22, 67], "target": [41, 50, 60]},
    "a": null,
    "1K/c": {"context": [0, 19, 29], "target": [3], "overlap": 0.7},
    "d": [{"context": [1], "target": [2]}, {"context": [3], "target": [4]}],
    "e": {"context": [0.0], "target": [1, 1]}})");
  ASSERT_THAT(index, SizeIs(5));
  EXPECT_EQ(index[0].scene, "1K/c");
  EXPECT_EQ(index[1].label, "b");
  EXPECT_THAT(index[1].context, ElementsAre(22, 67));
  EXPECT_THAT(index[1].target, ElementsAre(41, 50, 60));
  EXPECT_EQ(index[2].scene, "d");
  EXPECT_EQ(index[3].label, "d (2)");
  EXPECT_THAT(index[3].target, ElementsAre(4));
}

TEST_F(EvaluationIndex, OneBadEntryCostsNoOther) {
  const auto index = read(
      R"({"a": {"context": [0], "target": [1]}, "b": {"context": [-1], "target": [1]},
          "c": {"target": [1]}, "d": {"context": [], "target": [1]},
          "e": {"context": ["0"], "target": [1]}, "f": {"context": [0.5], "target": [1]}})");
  ASSERT_THAT(index, SizeIs(6));
  EXPECT_EQ(index[0].problem, "");
  for (size_t i = 1; i < index.size(); ++i) {
    EXPECT_THAT(index[i].problem,
                AllOf(HasSubstr("index.json, scene '" + index[i].scene), HasSubstr("context")));
  }
}

TEST_F(EvaluationIndex, WhatIsNoIndexIsRefused) {
  for (const char* text : {"{}",
                           "[]",
                           R"({"a": null})",
                           R"({"abc": "000000.torch"})",  // the chunks' index
                           R"({"frames": [{"file_path": "a.png"}]})",
                           R"({"a": {"context": 1}})"}) {
    EXPECT_THAT(failure(text), AllOf(HasSubstr("not an index"), HasSubstr("index.json"))) << text;
  }
  EXPECT_THAT(failure("{"), HasSubstr("not valid JSON"));
  EXPECT_THROW(read_evaluation_index(scratch_.path() / "none.json"), Error);
}

// A view that cannot be used must not shift the numbers of those after it.
TEST_F(EvaluationIndex, NumbersCountViewsThatAreLeftOut) {
  fs::copy(kIndexCaptures / "every-format", scratch_.path() / "scene", fs::copy_options::recursive);
  fs::remove(scratch_.path() / "scene/images/view_2.png");
  const Scene scene = load_scene(scratch_.path() / "scene" / "opencv_cameras.json");
  ASSERT_THAT(scene.views, SizeIs(5));
  const ViewSelection chosen =
      select_indexed_views(scene, {.scene = "scene", .context = {0, 3}, .target = {5}});
  EXPECT_THAT(chosen.inputs, ElementsAre(0, 2));
  EXPECT_EQ(scene.views[chosen.targets.at(0)].name, "images/view_5.png");
  try {
    select_indexed_views(scene, {.scene = "scene", .context = {0, 2}, .target = {5}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("view 2"), HasSubstr("view_2.png")));
  }
  EXPECT_THROW(select_indexed_views(scene, {.scene = "scene", .context = {6}, .target = {5}}),
               Error);
}

TEST_F(EvaluationIndex, ScenesOfEveryLayoutAreFound) {
  const fs::path root = scratch_.path();
  const auto touch = [&](const char* name) { testing::write_text(root / name, "{}"); };
  touch("plain/opencv_cameras.json");
  touch("deeper/garden/sparse/0/cameras.bin");
  touch("captured/colmap/sparse/0/cameras.bin");
  touch("dl3dv/nerfstudio/transforms.json");
  touch("metadata/lvsm.json");
  touch("images/lvsm/0.png");
  touch("test/video.txt");
  touch("test/video/100.png");
  fs::copy(kIndexCaptures / "pixelsplat", root / "chunks", fs::copy_options::recursive);
  const SceneFinder finder({root.string()});
  const auto found = [&](const std::string& key) {
    const auto path = finder.find(key);
    return path ? path->lexically_relative(root).generic_string() : "none";
  };
  EXPECT_EQ(found("plain"), "plain");
  EXPECT_EQ(found("1K/plain"), "plain") << "DL3DV's keys may name the subset";
  EXPECT_EQ(found("garden"), "deeper/garden");
  EXPECT_EQ(found("captured"), "captured") << "nerfstudio keeps its model in colmap";
  EXPECT_EQ(found("dl3dv"), "dl3dv") << "whose transforms.json is in nerfstudio";
  EXPECT_EQ(found("lvsm"), "metadata/lvsm.json");
  EXPECT_EQ(found("video"), "test/video.txt");
  EXPECT_EQ(found("abc"), "chunks/abc");
  EXPECT_EQ(found("nothing"), "none");
  EXPECT_TRUE(SceneFinder({(root / "plain").string() + "/"}).find("plain")) << "a scene itself";
  EXPECT_TRUE(SceneFinder({(root / "chunks/000001.torch").string()}).find("1K/ghi"));
  EXPECT_THROW(SceneFinder({(root / "missing").string()}), Error);
}

}  // namespace
}  // namespace parallax
