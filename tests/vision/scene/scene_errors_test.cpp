// Broken scenes of every format: each is refused with a message that names file, view and field.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "tests/support/scene_fixture.h"
#include "vision/scene/formats/common/json_fields.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

constexpr double kHuge = 1e6;

struct Damage {
  std::vector<const char*> expected;  // what the message must contain
  std::function<void(json&)> apply;
};

class BrokenScenes : public ::testing::Test {
 protected:
  testing::ScratchFolder folder_;
  Scene scene_ = testing::make_small_scene(folder_.path());

  void expect_failure(const std::vector<const char*>& expected) const {
    const std::string message = testing::load_failure(folder_.path());
    EXPECT_NE(message, "") << "loaded, although it should say: " << expected.front();
    for (const char* part : expected) {
      EXPECT_THAT(message, HasSubstr(part));
    }
  }

  // Applies each damage on its own to a fresh copy of the document.
  void expect_failures(const char* name,
                       const json& document,
                       const std::vector<Damage>& damages) const {
    for (const Damage& damage : damages) {
      json broken = document;
      damage.apply(broken);
      testing::write_text(folder_.path() / name, broken.dump());
      expect_failure({name});
      expect_failure(damage.expected);
    }
  }

  void expect_text_failures(const char* name,
                            const std::vector<std::pair<std::string, const char*>>& rows) const {
    for (const auto& [text, expected] : rows) {
      testing::write_text(folder_.path() / name, text);
      expect_failure({fs::path(name).filename().c_str(), expected});
    }
  }
};

TEST_F(BrokenScenes, OpenCvJson) {
  const std::vector<Damage> damages = {
      {{"no views"}, [](json& d) { d = json::array(); }},
      {{"not a list of cameras"}, [](json& d) { d = 5; }},
      {{"view 1", "not a JSON object"}, [](json& d) { d[1] = "x"; }},
      {{"view 1", "'fx'", "missing"}, [](json& d) { d[1].erase("fx"); }},
      {{"view 1", "'fx'", "not a number", "\"40\""}, [](json& d) { d[1]["fx"] = "40"; }},
      {{"view 0", "'fy'", "-1"}, [](json& d) { d[0]["fy"] = -1; }},
      {{"view 0", "'cx'", "null"}, [](json& d) { d[0]["cx"] = nullptr; }},
      {{"view 2", "'cy'"}, [](json& d) { d[2]["cy"] = json::array(); }},
      {{"view 2", "'w'", "0"}, [](json& d) { d[2]["w"] = 0; }},
      {{"view 2", "'h'", "-24"}, [](json& d) { d[2]["h"] = -24; }},
      {{"view 2", "'w'"}, [](json& d) { d[2]["w"] = kHuge; }},
      {{"view 2", "'w'", "32.5"}, [](json& d) { d[2]["w"] = 32.5; }},
      {{"view 1", "'w2c'", "4 rows", "2"},
       [](json& d) {
         d[1]["w2c"].erase(3);
         d[1]["w2c"].erase(2);
       }},
      {{"view 1", "'w2c'", "row 2"}, [](json& d) { d[1]["w2c"][2].erase(0); }},
      {{"view 1", "'w2c'", "row 0, column 3"}, [](json& d) { d[1]["w2c"][0][3] = "x"; }},
      {{"view 1", "'w2c'", "4 × 4"}, [](json& d) { d[1]["w2c"] = 1; }},
      {{"view 1", "'w2c'", "bottom row"}, [](json& d) { d[1]["w2c"][3][3] = 0; }},
      {{"view 1", "'w2c'", "singular"},
       [](json& d) {
         d[1]["w2c"][0] = {0, 0, 0, 1};
       }},
      {{"view 1", "'w2c'", "mirrors"}, [](json& d) { std::swap(d[1]["w2c"][0], d[1]["w2c"][1]); }},
      {{"view 0", "'file_path'", "images/none.png"},
       [](json& d) { d[0]["file_path"] = "images/none.png"; }},
      {{"view 0", "'file_path'"}, [](json& d) { d[0]["file_path"] = 7; }},
      {{"view 0", "'file_path'"}, [](json& d) { d[0]["file_path"] = ""; }},
      {{"view 0", "'file_path'"}, [](json& d) { d[0]["file_path"] = std::string(9999, 'x'); }},
  };
  expect_failures("opencv_cameras.json", testing::opencv_document(scene_), damages);
}

TEST_F(BrokenScenes, ScaledRotationsAreCalledThat) {
  json document = testing::opencv_document(scene_);
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 3; ++column) {
      document[1]["w2c"][row][column] = 2 * document[1]["w2c"][row][column].get<double>();
    }
  }
  testing::write_text(folder_.path() / "opencv_cameras.json", document.dump());
  expect_failure({"view 1", "'w2c'", "uniformly scaled", "scale 2"});
}

TEST_F(BrokenScenes, JsonText) {
  const std::string sound = testing::opencv_document(scene_).dump();
  std::string nan = sound;
  nan.replace(nan.find("40.5"), 4, "NaN");
  std::string infinity = sound;
  infinity.replace(infinity.find("15.75"), 5, "-Infinity");
  expect_text_failures("opencv_cameras.json",
                       {{"", "not valid JSON"},
                        {sound.substr(0, sound.size() / 2), "not valid JSON"},
                        {sound + "]", "not valid JSON"},
                        {std::string(100, '\0'), "not valid JSON"},
                        {"[{\"w\": 1e999}]", "not valid JSON"},
                        {nan, "view 0, field 'fx'"},
                        {nan, "NaN"},
                        {infinity, "view 0, field 'cx'"},
                        {infinity, "-Infinity"}});
  // Deep nesting must not use up the stack.
  testing::write_text(folder_.path() / "opencv_cameras.json", std::string(1000000, '['));
  expect_failure({"nested too deeply"});
}

// Reconstructions list millions of points that nothing here uses.
TEST_F(BrokenScenes, WhatIsLeftOutOfJsonIsLeftOutBesideNan) {
  const fs::path file = folder_.path() / "reconstruction.json";
  testing::write_text(file, R"({"points": [1, 2], "focal": NaN, "name": "-Infinity \"NaN"})");
  EXPECT_EQ(read_json_file(file, {"points"}),
            json({{"focal", "NaN"}, {"name", "-Infinity \"NaN"}}));
}

TEST_F(BrokenScenes, Transforms) {
  const std::vector<Damage> damages = {
      {{"no views"}, [](json& d) { d["frames"] = json::array(); }},
      {{"'frames'", "missing"}, [](json& d) { d.erase("frames"); }},
      {{"'frames'", "not a list"}, [](json& d) { d["frames"] = 3; }},
      {{"not a JSON object"}, [](json& d) { d["frames"][2] = 3; }},
      {{"view 2", "'file_path'", "missing"}, [](json& d) { d["frames"][2].erase("file_path"); }},
      {{"view 2", "'file_path'", "images/none"},
       [](json& d) { d["frames"][2]["file_path"] = "images/none"; }},
      {{"view 1", "'transform_matrix'", "missing"},
       [](json& d) { d["frames"][1].erase("transform_matrix"); }},
      {{"view 1", "'transform_matrix'", "singular"},  // 0 0 0 1 is none of the first three rows
       [](json& d) { d["frames"][1]["transform_matrix"].erase(0); }},
      {{"view 1", "'transform_matrix'", "4 rows", "2"},
       [](json& d) {
         d["frames"][1]["transform_matrix"].erase(0);
         d["frames"][1]["transform_matrix"].erase(0);
       }},
      {{"view 1", "'transform_matrix'", "bottom row"},
       [](json& d) {
         d["frames"][1]["transform_matrix"][3] = {0, 0, 1, 1};
       }},
      {{"view 1", "'transform_matrix'", "row 1, column 1"},
       [](json& d) { d["frames"][1]["transform_matrix"][1][1] = "NaN"; }},
      {{"'w'", "0"}, [](json& d) { d["w"] = 0; }},
      {{"'h'", "missing"}, [](json& d) { d.erase("h"); }},
      {{"'fl_x'", "-3"}, [](json& d) { d["fl_x"] = -3; }},
      {{"view 0", "'fl_x'", "missing"},
       [](json& d) {
         d.erase("fl_x");
         d.erase("fl_y");
       }},
      {{"'camera_angle_x'", "radians"},
       [](json& d) {
         d.erase("fl_x");
         d["camera_angle_x"] = 40.0;
       }},
      {{"view 1", "'cx'"}, [](json& d) { d["frames"][1]["cx"] = "16 px"; }},
      {{"'k1'"}, [](json& d) { d["k1"] = "none"; }},
      {{"view 2", "'ftheta_p0'", "f-theta"}, [](json& d) { d["frames"][2]["ftheta_p0"] = 0.1; }},
      {{"view 2", "'latlong'"}, [](json& d) { d["frames"][2]["latlong"] = true; }},
      {{"view 2", "'camera_model'", "EQUIRECTANGULAR"},
       [](json& d) { d["frames"][2]["camera_model"] = "EQUIRECTANGULAR"; }},
      {{"'is_equirectangular'", "perspective views"},
       [](json& d) { d["is_equirectangular"] = true; }},
      {{"'is_fisheye'"}, [](json& d) { d["is_fisheye"] = "no"; }},
  };
  expect_failures("transforms.json", testing::transforms_document(scene_), damages);
}

TEST_F(BrokenScenes, ColmapCamerasText) {
  testing::write_colmap_text(scene_);
  expect_text_failures("sparse/0/cameras.txt",
                       {{"", "'camera_id'"},  // the images' camera is not there
                        {"x PINHOLE 32 24 40 40 16 12", "line 1, field 'camera_id'"},
                        {"1", "'model'"},
                        {"1 PINHOLE 0 24 40 40 16 12", "'width'"},
                        {"1 PINHOLE 32 70000 40 40 16 12", "'height'"},
                        {"1 PINHOLE -32 24 40 40 16 12", "'width'"},
                        {"1 PINHOLE 32 24 40 40 16", "'params'"},
                        {"1 PINHOLE 32 24 40 40 16 12 0.1", "PINHOLE has 4 parameters"},
                        {"1 PINHOLE 32 24 40 4o 16 12", "'4o'"},
                        {"1 PINHOLE 32 24 nan 40 16 12", "'fx'"},
                        {"1 PINHOLE 32 24 40 0 16 12", "'fy'"},
                        {"1 PINHOLE 32 24 40 40 inf 12", "'cx'"},
                        {"1 OPENCV 32 24 40 40 16 12 nan 0 0 0", "distortion"},
                        {"1 FISHY 32 24 40 40 16 12", "FISHY"},
                        {"1 EQUIRECTANGULAR 32 24 32 24", "perspective views"},
                        {"1 PINHOLE 32.5 24 40 40 16 12", "whole number"},
                        {"\n1 PINHOLE 32 24 40 40 16 12\n1 PINHOLE 32 24 40 40 16 12",
                         "line 3, camera 1: the camera id occurs twice"}});
}

TEST_F(BrokenScenes, ColmapImagesText) {
  testing::write_colmap_text(scene_);
  const std::string first = testing::colmap_image_line(scene_, 0) + "\n\n";
  expect_text_failures("sparse/0/images.txt",
                       {{first + "2 1 0 0 0 0 0 0 9 view_1.png\n\n", "view 1 ('view_1.png')"},
                        {first + "2 1 0 0 0 0 0 0 9 view_1.png\n\n", "'camera_id'"},
                        {first + "2 1 0 0 0 0 0 0 1 none.png\n\n", "view 1 ('none.png')"},
                        {first + "2 1 0 0 0 0 0 0 1\n\n", "'name'"},
                        {first + "2 1 0 0\n\n", "'qvec'"},
                        {first + "2 1 0 0 0 0 0\n\n", "'tvec'"},
                        {first + "2 0 0 0 0 0 0 0 1 view_1.png\n\n", "'qvec'"},
                        {first + "2 1 0 0 0 nan 0 0 1 view_1.png\n\n", "'tvec'"},
                        {first + "2 1 0 0 0 1e999 0 0 1 view_1.png\n\n", "'tvec'"},
                        {"x" + first, "view 0 (line 1), field 'image_id'"}});
  testing::write_text(folder_.path() / "sparse/0/images.txt", "# nothing\n");
  expect_failure({"no views"});
  fs::remove(folder_.path() / "sparse/0/images.txt");
  expect_failure({"incomplete", "images.bin or images.txt"});
}

// Overwrites the bytes at `offset` with `value`.
template <typename T>
std::string patched(std::string bytes, size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
  return bytes;
}

TEST_F(BrokenScenes, ColmapBinary) {
  testing::write_colmap_binary(scene_);
  const std::string cameras = testing::colmap_cameras_binary(scene_);
  expect_text_failures("sparse/0/cameras.bin",
                       {{"", "ends too early"},
                        {cameras.substr(0, cameras.size() - 1), "camera 1, field 'params'"},
                        {patched<std::uint64_t>(cameras, 0, ~0ULL), "camera record 1"},
                        {patched<std::int32_t>(cameras, 12, 99), "number 99"},
                        {patched<std::int32_t>(cameras, 12, 5), "'params'"},
                        {patched<std::uint64_t>(cameras, 16, 1ULL << 40), "'width'"},
                        {patched<std::uint64_t>(cameras, 24, 0), "'height'"},
                        {patched<double>(cameras, 32, -1), "'fx'"}});
  testing::write_text(folder_.path() / "sparse/0/cameras.bin", cameras);

  const std::string images = testing::colmap_images_binary(scene_);
  const size_t name = 8 + 4 + 56 + 4;
  const size_t points = name + std::strlen("view_0.png") + 1;
  std::string endless = images.substr(0, name) + std::string(10000, 'x');
  expect_text_failures("sparse/0/images.bin",
                       {{images.substr(0, images.size() - 1), "'points2D'"},
                        {images.substr(0, 40), "view 0"},
                        {images.substr(0, name + 3), "'name'"},
                        {endless, "'name'"},
                        {patched<std::uint64_t>(images, 0, ~0ULL), "view 3"},
                        {patched<std::uint64_t>(images, points, ~0ULL), "'points2D'"},
                        {patched<std::uint64_t>(images, points, (1ULL << 63) / 12), "'points2D'"},
                        {patched<double>(images, 12, NAN), "view 0 ('view_0.png')"},
                        {patched<std::uint32_t>(images, 8 + 4 + 56, 2), "'camera_id'"},
                        {patched<char>(images, name, 'W'), "'name'"}});
  testing::write_text(folder_.path() / "sparse/0/images.bin", patched<std::uint64_t>(images, 0, 0));
  expect_failure({"no views"});
}

// Whatever the bytes, loading gives a scene or an Error.
TEST_F(BrokenScenes, RandomDamageNeverCrashes) {
  testing::write_colmap_binary(scene_);
  const std::string images = testing::colmap_images_binary(scene_);
  cv::RNG random(3);
  for (int round = 0; round < 300; ++round) {
    std::string broken = images;
    for (int i = 0; i < 4; ++i) {
      broken[random.uniform(0, static_cast<int>(broken.size()))] =
          static_cast<char>(random.uniform(0, 256));
    }
    broken.resize(random.uniform(0, static_cast<int>(broken.size())));
    testing::write_text(folder_.path() / "sparse/0/images.bin", broken);
    EXPECT_NE(testing::load_failure(folder_.path()), "");
  }
}

}  // namespace
}  // namespace parallax
