// One scene in every format (tests/captures/every-format), and the comparison with it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "core/base/torch.h"
#include "tests/support/scene_fixture.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/view_loader.h"

namespace parallax::testing {

inline const std::filesystem::path kEveryFormat =
    std::filesystem::path(PARALLAX_SOURCE_DIR) / "tests" / "captures" / "every-format";

// A copy to damage.
class EveryFormat : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::copy(kEveryFormat, folder(), std::filesystem::copy_options::recursive);
  }

  std::filesystem::path folder() const { return scratch_.path() / "scene"; }
  std::filesystem::path file(const char* name) const { return folder() / name; }
  std::string failure() const { return load_failure(folder()); }
  // Leaves the folder with what the format needs.
  void keep(const std::vector<std::string>& names) const {
    for (const auto& entry : std::filesystem::directory_iterator(kEveryFormat)) {
      const std::string name = entry.path().filename().string();
      if (name != "images" && std::find(names.begin(), names.end(), name) == names.end()) {
        std::filesystem::remove_all(folder() / name);
      }
    }
  }
  std::string text(const char* name) const {
    std::ifstream stream(file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void replace_in(const char* name, const std::string& what, const std::string& with) const {
    std::string all = text(name);
    const size_t at = all.find(what);
    ASSERT_NE(at, std::string::npos);
    write_text(file(name), all.replace(at, what.size(), with));
  }
  nlohmann::json document(const char* name) const { return nlohmann::json::parse(text(name)); }
  void write(const char* name, const nlohmann::json& document) const {
    write_text(file(name), document.dump());
  }
  // The photographs as RENAME(i) in `to`, which is created.
  template <typename Rename>
  void move_images(const std::filesystem::path& to, const Rename& rename) const {
    std::filesystem::create_directories(to);
    for (int i = 0; i < 6; ++i) {
      std::filesystem::rename(file("images") / ("view_" + std::to_string(i) + ".png"),
                              to / rename(i));
    }
    std::filesystem::remove(file("images"));
  }

  ScratchFolder scratch_;
};

// The scene has the cameras and images of opencv_cameras.json.
inline void expect_the_scene(const Scene& scene, SceneFormat format, double tolerance) {
  static const Scene expected = load_scene(kEveryFormat / "opencv_cameras.json");
  EXPECT_EQ(scene.format, format);
  ASSERT_EQ(scene.views.size(), expected.views.size());
  for (size_t i = 0; i < scene.views.size(); ++i) {
    SCOPED_TRACE(scene.views[i].name);
    const LoadedView got = load_view(scene.views[i], {.height = 32, .width = 32});
    const LoadedView truth = load_view(expected.views[i], {.height = 32, .width = 32});
    EXPECT_TRUE(torch::equal(got.rgb, truth.rgb));
    EXPECT_EQ(got.note, "");
    EXPECT_LT(cv::norm(got.camera.c2w - truth.camera.c2w, cv::NORM_INF), tolerance);
    EXPECT_NEAR(got.camera.fx, truth.camera.fx, tolerance * truth.camera.fx);
    EXPECT_NEAR(got.camera.fy, truth.camera.fy, tolerance * truth.camera.fy);
    EXPECT_NEAR(got.camera.cx, truth.camera.cx, tolerance * truth.camera.cx);
    EXPECT_NEAR(got.camera.cy, truth.camera.cy, tolerance * truth.camera.cy);
  }
}

}  // namespace parallax::testing
