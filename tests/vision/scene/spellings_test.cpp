// What the files of scenes are called and how their text is written by tools and people: the
// cameras are the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <opencv2/core.hpp>

#include "core/image/image.h"
#include "tests/support/scene_fixture.h"
#include "vision/scene/formats/load_scene.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class Spellings : public ::testing::Test {
 protected:
  testing::ScratchFolder folder_;
  Scene scene_ = testing::make_small_scene(folder_.path());

  fs::path file(const std::string& name) const { return folder_.path() / name; }
  // The photographs' names as the scene file has them, extension included.
  json transforms_named(const std::vector<std::string>& names) const {
    json document = testing::transforms_document(scene_);
    for (size_t i = 0; i < names.size(); ++i) {
      document["frames"][i]["file_path"] = names[i];
    }
    return document;
  }
  void expect_scene(const fs::path& path) const {
    const Scene loaded = load_scene(path);
    ASSERT_EQ(loaded.views.size(), scene_.views.size());
    for (size_t i = 0; i < scene_.views.size(); ++i) {
      SCOPED_TRACE(i);
      EXPECT_NEAR(loaded.views[i].camera.fx, scene_.views[i].camera.fx, 1e-12);
      EXPECT_LT(cv::norm(loaded.views[i].camera.c2w - scene_.views[i].camera.c2w, cv::NORM_INF),
                1e-12);
      EXPECT_TRUE(fs::is_regular_file(loaded.views[i].image_path));
    }
  }
};

// instant-ngp reads its files with // and /* */, and people comment frames out.
TEST_F(Spellings, JsonMayHaveComments) {
  std::string text = testing::transforms_document(scene_).dump(1);
  text.insert(text.find("\"frames\""), "// \"frames\": [{\n /* aabb_scale: a power of 2 */ ");
  testing::write_text(file("transforms.json"), "// made by \"me\"\n" + text);
  expect_scene(folder_.path());
}

// Python writes None where a lens has no such coefficient.
TEST_F(Spellings, NullIsNoValue) {
  json document = testing::transforms_document(scene_);
  for (json& frame : document["frames"]) {
    for (const char* field : {"k1", "k4", "cx", "fl_x", "w", "camera_model", "mask_path"}) {
      frame[field] = nullptr;
    }
  }
  document["camera_angle_x"] = nullptr;
  document["test_filenames"] = nullptr;
  document["is_fisheye"] = nullptr;
  testing::write_text(file("transforms.json"), document.dump());
  expect_scene(folder_.path());
}

// As its data_format_from_neus.py writes it: OpenCV's axes, a matrix per frame.
TEST_F(Spellings, NeuS2sCamerasHaveOpenCvsAxes) {
  json document = testing::transforms_document(scene_);
  for (const char* field : {"fl_x", "fl_y", "cx", "cy", "camera_model", "k1"}) {
    document.erase(field);
  }
  document["from_na"] = true;
  for (const bool is_small : {false, true}) {
    for (size_t i = 0; i < scene_.views.size(); ++i) {
      const Camera& camera = scene_.views[i].camera;
      json& pose = document["frames"][i]["transform_matrix"];
      for (int row = 0; row < 4; ++row) {
        for (int column = 0; column < 4; ++column) {
          pose[row][column] = camera.c2w(row, column);
        }
      }
      document["frames"][i]["intrinsic_matrix"] = {{camera.fx, 2e-13, camera.cx, 0},
                                                   {0, camera.fy, camera.cy, 0},
                                                   {0, 0, 1, 0},
                                                   {0, 0, 0, 1}};
      if (is_small) {
        document["frames"][i]["intrinsic_matrix"] = {
            {camera.fx, 0, camera.cx}, {0, camera.fy, camera.cy}, {0, 0, 1}};
      }
    }
    testing::write_text(file("transform.json"), document.dump());
    expect_scene(folder_.path());
    for (const View& view : load_scene(file("transform.json")).views) {
      EXPECT_EQ(view.camera.cx, scene_.views[0].camera.cx);
      EXPECT_TRUE(view.lens.is_pinhole());
    }
  }
}

// nerf_matrix_to_ngp() of instant-ngp turns x and z of what OpenGL's axes become.
TEST_F(Spellings, MitsubasCamerasLookForwards) {
  json document = testing::transforms_document(scene_);
  document["normal_mts_args"] = json::array();
  for (json& frame : document["frames"]) {
    for (int row = 0; row < 3; ++row) {
      for (const int column : {0, 2}) {
        frame["transform_matrix"][row][column] =
            -frame["transform_matrix"][row][column].get<double>();
      }
    }
  }
  testing::write_text(file("transforms.json"), document.dump());
  expect_scene(folder_.path());
}

TEST_F(Spellings, InstantNgpsFieldOfViewIsInDegrees) {
  json document = testing::transforms_document(scene_);
  const Camera& camera = scene_.views[0].camera;
  const double half_width = 0.5 * camera.width;
  document["fl_x"] = 1.0;  // the field of view goes first
  document["fl_y"] = 1.0;
  for (json& frame : document["frames"]) {
    frame["x_fov"] = 2 * std::atan(half_width / camera.fx) * 180 / CV_PI;
    frame["y_fov"] = 2 * std::atan(0.5 * camera.height / camera.fy) * 180 / CV_PI;
  }
  testing::write_text(file("transforms.json"), document.dump());
  expect_scene(folder_.path());
}

// A PNG image beside a JPEG one of the same name is its mask.
TEST_F(Spellings, WithoutAnExtensionThePhotographGoesBeforeItsMask) {
  for (int i = 0; i < 3; ++i) {
    const fs::path png = file("images/view_" + std::to_string(i) + ".png");
    write_image(fs::path(png).replace_extension(".jpg"), read_image(png));
    write_image(png, cv::Mat(24, 32, CV_8UC1, cv::Scalar(255)));
  }
  const json document = transforms_named({"./images/view_0", "images/view_1", ".\\images\\view_2"});
  testing::write_text(file("transforms.json"), document.dump());
  expect_scene(folder_.path());
  for (const View& view : load_scene(folder_.path()).views) {
    EXPECT_EQ(view.image_path.extension(), ".jpg");
  }
}

// macOS stores letters and their marks apart, other systems together.
TEST_F(Spellings, LettersWithMarksMayBeStoredApart) {
  const std::vector<std::string> together = {
      "images/K\u00fcche.png", "images/\u1ea4m \u00e9t\u00e9.png", "images/\u30ac\uac01.png"};
  const std::vector<std::string> apart = {"images/Ku\u0308che.png",
                                          "images/A\u0302\u0301m e\u0301te\u0301.png",
                                          "images/\u30ab\u3099\u1100\u1161\u11a8.png"};
  for (int i = 0; i < 3; ++i) {
    fs::rename(file("images/view_" + std::to_string(i) + ".png"), file(apart[i]));
  }
  testing::write_text(file("transforms.json"), transforms_named(together).dump());
  expect_scene(folder_.path());
  for (int i = 0; i < 3; ++i) {
    fs::rename(file(apart[i]), file(together[i]));
  }
  testing::write_text(file("transforms.json"), transforms_named(apart).dump());
  expect_scene(folder_.path());
}

// ETH3D's and hloc's models are in folders of other names beside the photographs'.
TEST_F(Spellings, ColmapModelsMayBeBesideThePhotographs) {
  testing::write_colmap_text(scene_);
  fs::rename(file("sparse/0"), file("dslr_calibration_undistorted"));
  fs::remove(file("sparse"));
  expect_scene(folder_.path());
  expect_scene(file("dslr_calibration_undistorted"));
  expect_scene(file("dslr_calibration_undistorted/images.txt"));
}

TEST_F(Spellings, NumbersOfColmapsTextMayHaveASign) {
  testing::write_colmap_text(scene_);
  std::string text = testing::read_bytes(file("sparse/0/images.txt"));
  const size_t id = text.find_first_not_of("0123456789");
  ASSERT_NE(text[id + 1], '-');
  text.insert(id + 1, "+");  // "1 +0.99 …"
  testing::write_text(file("sparse/0/images.txt"), text);
  expect_scene(folder_.path());
}

}  // namespace
}  // namespace parallax
