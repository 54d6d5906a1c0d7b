// One scene in the formats of other tools (tests/captures/every-format says who wrote them): the
// same cameras come out of each, and what is broken in one is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <functional>

#include "core/base/error.h"
#include "core/io/npy.h"
#include "tests/support/every_format.h"
#include "tests/support/scene_fixture.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/view_selection.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using testing::EveryFormat;
using testing::expect_the_scene;

TEST_F(EveryFormat, LlffGivesTheSameCameras) {
  expect_the_scene(load_scene(file("poses_bounds.npy")), SceneFormat::kLlff, 1e-12);
  keep({"poses_bounds.npy"});
  expect_the_scene(load_scene(folder()), SceneFormat::kLlff, 1e-12);
}

// The rotations were rounded to float32; COLMAP stores them as unit quaternions.
TEST_F(EveryFormat, BundlerGivesTheSameCameras) {
  expect_the_scene(load_scene(file("colmap.bundle.out")), SceneFormat::kBundler, 1e-6);
  keep({"colmap.bundle.out", "colmap.list.txt"});
  fs::rename(file("colmap.bundle.out"), file("bundle.out"));
  fs::rename(file("colmap.list.txt"), file("list.txt"));
  expect_the_scene(load_scene(folder()), SceneFormat::kBundler, 1e-6);
  fs::create_directory(file("bundle"));
  fs::rename(file("bundle.out"), file("bundle/bundle.out"));
  replace_in("list.txt", "view_0.png", "./images/view_0.png 0 274.5");  // as Bundler itself does
  expect_the_scene(load_scene(folder()), SceneFormat::kBundler, 1e-6);
}

TEST_F(EveryFormat, LvsmGivesTheSameCameras) {
  expect_the_scene(load_scene(file("lvsm.json")), SceneFormat::kLvsmJson, 1e-12);
  // As its data processing lays things out: metadata/SCENE.json, images/SCENE/*.png.
  const fs::path root = scratch_.path() / "re10k";
  fs::create_directories(root / "metadata");
  fs::copy(file("lvsm.json"), root / "metadata" / "abc.json");
  fs::copy(file("images"), root / "images");
  expect_the_scene(load_scene(root / "metadata" / "abc.json"), SceneFormat::kLvsmJson, 1e-12);
}

// LVSM's scripts write absolute paths or those from where they were started.
TEST_F(EveryFormat, LvsmsPathsMayBeginAnywhere) {
  const nlohmann::json original = document("lvsm.json");
  fs::create_directories(file("small"));
  fs::copy(file("images"), file("small/images"));
  for (const char* beginning : {"datasets/re10k/", "/home/someone/re10k/"}) {
    SCOPED_TRACE(beginning);
    nlohmann::json moved = original;
    for (nlohmann::json& frame : moved["frames"]) {
      frame["image_path"] = beginning + frame["image_path"].get<std::string>();
    }
    write("lvsm.json", moved);
    expect_the_scene(load_scene(file("lvsm.json")), SceneFormat::kLvsmJson, 1e-12);
    const Scene chosen = load_scene(file("lvsm.json"), {.image_folder = "small"});
    expect_the_scene(chosen, SceneFormat::kLvsmJson, 1e-12);
    EXPECT_EQ(chosen.views.at(0).image_path, file("small/images/view_0.png"));
    // Nothing says whose of two names an end is.
    moved["frames"][1]["image_path"] =
        "another/" + original["frames"][0]["image_path"].get<std::string>();
    write("lvsm.json", moved);
    EXPECT_THAT(testing::load_failure(file("lvsm.json")), HasSubstr("already"));
  }
}

TEST_F(EveryFormat, TheTestSplitOfSyntheticScenesIsHeldOut) {
  keep({"transforms_train.json", "transforms_test.json"});
  const Scene scene = load_scene(folder());
  expect_the_scene(scene, SceneFormat::kTransforms, 1e-12);
  EXPECT_THAT(scene.notes, ElementsAre(HasSubstr("transforms_test.json")));
  const ViewSelection all = select_views(scene, "4", "all");
  EXPECT_THAT(all.inputs, ::testing::UnorderedElementsAre(0, 1, 2, 3));
  EXPECT_THAT(all.targets, ElementsAre(4, 5));
  const ViewSelection two = select_views(scene, "2", "all");
  EXPECT_THAT(two.targets, ElementsAre(4, 5)) << "views of the training split are not for testing";
  EXPECT_THROW(select_views(scene, "5", "all"), UsageError);
  EXPECT_THAT(select_views(scene, "4,5", "0,").inputs, Each(Ge(4))) << "lists mean what they say";
}

// Blender's cameras may be scaled, exporters round, and some leave out the row 0 0 0 1.
TEST_F(EveryFormat, PosesMayBeScaledRoundedOrThreeRows) {
  const nlohmann::json original = document("transforms_train.json");
  const auto load_changed = [&](const std::function<void(nlohmann::json&)>& change) {
    nlohmann::json changed = original;
    for (nlohmann::json& frame : changed["frames"]) {
      change(frame["transform_matrix"]);
    }
    write("transforms_changed.json", changed);
    return load_scene(file("transforms_changed.json"));
  };
  const Scene expected = load_scene(file("transforms_train.json"));
  const auto expect_poses = [&](const Scene& scene, double tolerance) {
    ASSERT_EQ(scene.views.size(), expected.views.size());
    for (size_t i = 0; i < scene.views.size(); ++i) {
      EXPECT_LT(cv::norm(scene.views[i].camera.c2w - expected.views[i].camera.c2w, cv::NORM_INF),
                tolerance);
    }
  };
  expect_poses(load_changed([](nlohmann::json& rows) { rows.erase(3); }), 1e-15);
  const auto every = [](nlohmann::json& rows, int columns, const auto& change) {
    for (int i = 0; i < 3 * columns; ++i) {
      nlohmann::json& value = rows[i / columns][i % columns];
      value = change(value.get<double>());
    }
  };
  expect_poses(load_changed([&](nlohmann::json& rows) {
                 every(rows, 3, [](double value) { return 0.1 * value; });
               }),
               1e-6);
  expect_poses(load_changed([&](nlohmann::json& rows) {
                 every(rows, 4, [](double value) { return std::round(value * 100) / 100; });
               }),
               0.01);
}

// ScanNet++ lists its test views apart, and keeps photographs of the same names twice.
TEST_F(EveryFormat, ScanNetsTestFramesAreHeldOut) {
  nlohmann::json document = this->document("transforms_train.json");
  const nlohmann::json test = this->document("transforms_test.json");
  for (nlohmann::json* part : {&document["frames"], &document["test_frames"]}) {
    *part = part == &document["frames"] ? document["frames"] : test["frames"];
    for (nlohmann::json& frame : *part) {
      frame["file_path"] = fs::path(frame["file_path"].get<std::string>()).filename().string();
    }
  }
  const fs::path dslr = scratch_.path() / "dslr";
  fs::create_directories(dslr / "nerfstudio");
  fs::copy(file("images"), dslr / "resized_images");
  fs::copy(file("images"), dslr / "resized_undistorted_images");
  for (const char* name : {"transforms.json", "transforms_undistorted.json"}) {
    testing::write_text(dslr / "nerfstudio" / name, document.dump());
  }
  const Scene scene = load_scene(dslr);
  EXPECT_EQ(scene.name, "dslr");
  expect_the_scene(scene, SceneFormat::kTransforms, 1e-12);
  EXPECT_EQ(scene.views[0].image_path.parent_path(), dslr / "resized_images");
  EXPECT_THAT(select_views(scene, "4", "all").targets, ElementsAre(4, 5));
  const Scene straight = load_scene(dslr / "nerfstudio" / "transforms_undistorted.json");
  EXPECT_EQ(straight.views[5].image_path.parent_path(), dslr / "resized_undistorted_images");
}

// People copy the training split where a tool insists on a test split: rendered from what was read,
// such views would be measured too well.
TEST_F(EveryFormat, APhotographBelongsToOneView) {
  keep({"transforms_train.json"});
  fs::copy_file(file("transforms_train.json"), file("transforms_test.json"));
  const Scene scene = load_scene(folder());
  ASSERT_THAT(scene.views, SizeIs(4));
  EXPECT_THAT(
      scene.notes,
      Contains(AllOf(HasSubstr("4 of 8 views are left out"), HasSubstr("is listed again"))));
  EXPECT_THAT(select_views(scene, "2", "all").targets, SizeIs(2)) << "no view is held out";
}

// What macOS and Windows leave in folders is no photograph.
TEST_F(EveryFormat, HiddenFilesAreNoPhotographsOfLlff) {
  keep({"poses_bounds.npy"});
  for (int i = 0; i < 6; ++i) {
    testing::write_text(file("images") / ("._view_" + std::to_string(i) + ".png"),
                        std::string("\0\5\x16\7", 4));
  }
  testing::write_text(file("images/Thumbs.db"), "x");
  expect_the_scene(load_scene(folder()), SceneFormat::kLlff, 1e-12);
}

TEST_F(EveryFormat, WhatIsWrongWithLlffIsNamed) {
  const std::string whole = text("poses_bounds.npy");
  const auto damaged = [&](const std::string& bytes, const std::string& words) {
    testing::write_text(file("poses_bounds.npy"), bytes);
    EXPECT_THAT(testing::load_failure(file("poses_bounds.npy")),
                AllOf(HasSubstr("poses_bounds.npy"), HasSubstr(words)));
  };
  damaged(whole.substr(0, whole.size() - 8), "fewer numbers");
  damaged(whole.substr(0, 60), "cut off");
  damaged(whole + "x", "size");
  damaged("nothing of the kind", "no .npy file");
  std::string integers = whole;
  integers[whole.find("<f8")] = '>';
  damaged(integers, ">f8");
  std::string nan = whole;
  const double number = std::nan("");
  std::memcpy(nan.data() + nan.size() - 16 * 17 / 2, &number, sizeof(number));
  damaged(nan, "1 of 6 views is left out");
  testing::write_text(file("poses_bounds.npy"), whole);
  fs::remove(file("images/view_3.png"));
  EXPECT_THAT(testing::load_failure(file("poses_bounds.npy")), HasSubstr("not equally many"));
}

TEST_F(EveryFormat, WhatIsWrongWithBundlerIsNamed) {
  const char* name = "colmap.bundle.out";
  const std::string whole = text(name);
  const auto damaged = [&](const std::string& bytes, const std::string& words) {
    testing::write_text(file(name), bytes);
    EXPECT_THAT(testing::load_failure(file(name)), HasSubstr(words));
  };
  damaged(whole.substr(0, 200), "a camera cannot be read");
  damaged("# Bundle file v0.3\n99999999999 0\n", "camera 0");
  damaged("# Bundle file v0.3\nmany\n", "line 2");
  damaged("# Bundle file v0.3\n1 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n0 0 0\n", "not equally many");
  testing::write_text(file("colmap.list.txt"), "view_0.png\n");
  damaged("# Bundle file v0.3\n1 0\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n0 0 0\n", "no camera was found");
  fs::remove(file("colmap.list.txt"));
  damaged(whole, "the list of photographs is missing");
}

// What follows a name of Bundler's list is cut off, whatever the line's length: a search that goes
// deeper with each character would end in a crash, and one that begins anew at each would not end.
TEST_F(EveryFormat, LongLinesOfBundlersListAreRead) {
  const std::string many(2'000'000, ' ');
  keep({"colmap.bundle.out", "colmap.list.txt"});
  replace_in("colmap.list.txt", "view_0.png", "view_0.png" + many + "0\t27.5e1" + many);
  replace_in("colmap.list.txt", "view_1.png", "view_1.png 0 1" + std::string(2'000'000, '0'));
  expect_the_scene(load_scene(folder()), SceneFormat::kBundler, 1e-6);
  replace_in("colmap.list.txt", "view_2.png", "view_2.png 0 x");
  replace_in("colmap.list.txt", "view_3.png", "view_3.png10 1");
  const Scene scene = load_scene(folder());
  EXPECT_EQ(scene.views.at(2).name, "view_2.png 0 x");
  EXPECT_EQ(scene.views.at(3).name, "view_3.png10 1");
}

// A name is looked for in many places, and each part of it may be another machine's.
TEST_F(EveryFormat, NamesLongerThanPathsAreMissing) {
  std::string deep = "/";
  while (deep.size() < 1'000'000) {
    deep += "a/";
  }
  replace_in("lvsm.json", "view_1.png", deep + "view_1.png");
  EXPECT_THAT(testing::load_failure(file("lvsm.json")),
              AllOf(HasSubstr("1 of 6 views is left out"), HasSubstr("bytes")));
}

TEST_F(EveryFormat, WhatIsWrongWithLvsmIsNamed) {
  replace_in("lvsm.json", "\"w2c\"", "\"w3c\"");
  EXPECT_THAT(testing::load_failure(file("lvsm.json")),
              AllOf(HasSubstr("view 0"), HasSubstr("w2c")));
  replace_in("lvsm.json", "view_1.png", "view_9.png");
  EXPECT_THAT(testing::load_failure(file("lvsm.json")), HasSubstr("2 of 6 views are left out"));
}

// As numpy.lib.format describes files.
std::string npy_bytes(const std::string& header, const std::string& numbers, char version = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += {version, '\0', static_cast<char>(header.size()), '\0'};
  bytes += version == 1 ? "" : std::string(2, '\0');
  return bytes + header + numbers;
}

TEST(Npy, WhatIsWrongWithHeadersIsNamed) {
  const testing::ScratchFolder scratch;
  const fs::path file = scratch.path() / "a.npy";
  const auto error_of = [&](const std::string& shape, const std::string& more = "") {
    std::string bytes =
        npy_bytes("{'descr': '<f8', 'fortran_order': False, 'shape': " + shape + more, "");
    const size_t length = bytes.size() - 10;
    bytes[8] = static_cast<char>(length & 0xff);
    bytes[9] = static_cast<char>(length >> 8);
    testing::write_text(file, bytes);
    try {
      read_npy(file);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("no error");
  };
  EXPECT_EQ(error_of("( 0 ,\t3 )}"), "no error");
  EXPECT_EQ(error_of("(0,)}", std::string(60'000, ' ')), "no error");
  EXPECT_THAT(error_of("(1" + std::string(60'000, ' ') + ")}"), HasSubstr("fewer numbers"));
  EXPECT_THAT(error_of("(" + std::string(60'000, '1') + ")}"), HasSubstr("header cannot be read"));
  EXPECT_THAT(error_of("(99999999999999999999,)}"), HasSubstr("header cannot be read"));
  for (const char* shape : {"(3 4)", "(-1,)", "(,)", "(3,", "[3]", "(3.5,)", "(a,)", ""}) {
    EXPECT_THAT(error_of(shape), HasSubstr("header cannot be read")) << shape;
  }
  std::string many = "(";
  for (int i = 0; i < 65; ++i) {
    many += "0,";
  }
  EXPECT_THAT(error_of(many + ")}"), HasSubstr("header cannot be read"));
}

TEST(Npy, ReadsBothOrdersAndPrecisions) {
  const testing::ScratchFolder scratch;
  const fs::path file = scratch.path() / "a.npy";
  const auto read = [&](const std::string& bytes) {
    testing::write_text(file, bytes);
    return read_npy(file);
  };
  const float floats[] = {1, 2, 3, 4, 5, 6};
  const std::string numbers(reinterpret_cast<const char*>(floats), sizeof(floats));
  const NpyArray c =
      read(npy_bytes("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", numbers));
  EXPECT_THAT(c.shape, ElementsAre(2, 3));
  EXPECT_THAT(c.values, ElementsAre(1, 2, 3, 4, 5, 6));
  const NpyArray fortran =
      read(npy_bytes("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n", numbers, 2));
  EXPECT_THAT(fortran.values, ElementsAre(1, 3, 5, 2, 4, 6));
  const NpyArray none =
      read(npy_bytes("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 17), }\n", ""));
  EXPECT_THAT(none.values, IsEmpty());
  // A shape whose product overflows is no reason to allocate.
  EXPECT_THROW(read(npy_bytes("{'descr': '<f8', 'fortran_order': False, 'shape': "
                              "(4294967296, 4294967296, 2), }\n",
                              "")),
               Error);
}

}  // namespace
}  // namespace parallax
