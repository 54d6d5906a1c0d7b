// The real window as a user meets it: at several scales and sizes, with Esc, screenshots, keyframes
// and the start page.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include "core/image/image.h"
#include "tests/support/viewer_window.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

class ViewerManners : public ViewerWindow {
 protected:
  void add(json step) { steps_.push_back(std::move(step)); }
  void key(const std::string& name) { add({{"key", name}}); }
  void describe(const std::string& name) {
    // Windows that open or change their size take some frames. The first wait may count those of a
    // gesture before it, the second begins anew.
    add({{"wait", "frame"}});
    add({{"wait", "frame"}});
    add({{"describe", file(name + ".json")}});
  }
  void frame_as(const std::string& name) {
    describe(name);
    add({{"capture", file(name + ".png")}});
  }

  json steps_ = json::array();
};

double share(double area, const json& window) {
  return area / (window.at(0).get<double>() * window.at(1).get<double>());
}

double item_share(const json& state, const std::string& item) {
  const json& rect = state.at("items").at(item);
  return share((rect.at(2).get<double>() - rect.at(0).get<double>()) *
                   (rect.at(3).get<double>() - rect.at(1).get<double>()),
               state.at("window"));
}

double images_share(const json& state) {
  double area = 0;
  for (const json& drawing : state.at("drawings")) {
    area += drawing.at("width").get<double>() * drawing.at("height").get<double>();
  }
  return share(area, state.at("window"));
}

void expect_inside(const json& state, const std::string& item) {
  const json& rect = state.at("items").at(item);
  EXPECT_GE(rect.at(0).get<double>(), 0) << item;
  EXPECT_LE(rect.at(2).get<double>(), state.at("window").at(0).get<double>()) << item;
  EXPECT_LE(rect.at(3).get<double>(), state.at("window").at(1).get<double>()) << item;
}

// Images had 16 % of a window of ordinary scale, and at twice the scale 1 %.
TEST_F(ViewerManners, ImagesComeFirstAtEveryScale) {
  for (const char* scale : {"1", "1.5", "2"}) {
    add({{"set", {{"ui_scale", std::stod(scale)}}}});
    frame_as(std::string("scale_") + scale);
    key("h");
    frame_as(std::string("alone_") + scale);
    key("esc");
  }
  key("p");
  frame_as("panel");
  const ProgramResult result = run_script(steps_, {kScene, "--window", "1280x720"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const auto& [scale, least] : {std::pair{"1", 0.28}, {"1.5", 0.2}, {"2", 0.15}}) {
    const json state = read(std::string("scale_") + scale + ".json");
    EXPECT_EQ(state.at("scale"), std::stod(scale));
    EXPECT_GT(item_share(state, "panes"), 0.5) << scale;
    EXPECT_GT(images_share(state), least) << scale;
    for (const char* item : {"pane/0", "pane/3", "screen/Probe", "pane/0/model", "pane/1/form"}) {
      expect_inside(state, item);
    }
    EXPECT_EQ(state.at("items").contains("side"), std::string(scale) == "1") << scale;
    EXPECT_GT(images_share(read(std::string("alone_") + scale + ".json")), 0.5) << scale;
    // The font is uploaded again at each scale, and everything is drawn with its texture.
    cv::Scalar mean;
    cv::Scalar deviation;
    cv::meanStdDev(read_image(file(std::string("scale_") + scale + ".png")), mean, deviation);
    EXPECT_GT(deviation[0], 20) << scale;
  }
  const json panel = read("panel.json");
  EXPECT_LE(item_share(panel, "side"), 0.5);
  for (const char* tab : {"Camera", "Views", "Table", "Per view", "Views read", "Path", "Scene"}) {
    expect_inside(panel, std::string("tab/") + tab);
  }
}

TEST_F(ViewerManners, ASmallWindowHasRoomForImages) {
  frame_as("small");
  const double width = 240;
  add({{"drag", {{"item", "handle"}, {"by", {-60, 0}}}}});
  describe("wider");
  add({{"click", "handle"}});
  describe("hidden");
  add({{"set", {{"side", "shown"}, {"side_width", width}}}});
  describe("shown");
  const ProgramResult result = run_script(steps_, {kScene, "--window", "1024x640"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json small = read("small.json");
  EXPECT_GT(item_share(small, "panes"), 0.5);
  EXPECT_GT(images_share(small), 0.2);
  EXPECT_GT(item_share(read("wider.json"), "side"), item_share(small, "side") * 1.1);
  EXPECT_FALSE(read("hidden.json").at("items").contains("side"));
  EXPECT_GT(images_share(read("hidden.json")), images_share(small));
  EXPECT_NEAR(item_share(read("shown.json"), "side"), width / 1024, 0.1);
}

TEST_F(ViewerManners, TheScaleIsTheMonitorsUnlessOneIsGiven) {
  const std::string set_density = "DISPLAY=" + display_.name() +
                                  " xprop -root -f RESOURCE_MANAGER 8s -set RESOURCE_MANAGER "
                                  "'Xft.dpi: 192' >/dev/null 2>&1";
  if (std::system(set_density.c_str()) != 0) {
    GTEST_SKIP() << "there is no xprop on this machine";
  }
  describe("state");
  add({{"key", "ctrl+-"}});
  describe("smaller");
  add({{"key", "ctrl+0"}});
  describe("again");
  ASSERT_EQ(run_script(steps_).exit_code, 0);
  EXPECT_EQ(read("state.json").at("scale"), 2);
  EXPECT_EQ(read("smaller.json").at("scale"), 1.75);
  EXPECT_EQ(read("again.json").at("scale"), 2);
  // As large as the monitor, not twice the usual size.
  EXPECT_EQ(read("state.json").at("window"), json::array({1280, 720}));
  ASSERT_EQ(run_script(steps_, {"--ui-scale", "1.5"}).exit_code, 0);
  EXPECT_EQ(read("state.json").at("scale"), 1.5);
}

TEST_F(ViewerManners, StartsWithWhatThereIsToOpenAndNumbersItsScreenshots) {
  describe("start");
  for (int i = 0; i < 3; ++i) {
    key("f12");
  }
  key("?");
  describe("help");
  key("escape");
  describe("no_help");
  key("ctrl+o");
  describe("dialog");
  key("esc");
  describe("no_dialog");
  add({{"capture", file("start.png")}});
  add({{"click", "start/model/nvs-v6"}});
  add({{"click", "start/scene/0"}});
  frame_as("opened");
  const ProgramResult result = run_script(steps_);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json start = read("start.json");
  EXPECT_EQ(start.at("classifier"), "classify");  // as on the command line
  EXPECT_TRUE(start.at("items").contains("start/scene/1"));
  EXPECT_FALSE(start.at("items").contains("pane/0"));
  for (const char* name : {"screenshot.png", "screenshot_002.png", "screenshot_003.png"}) {
    EXPECT_TRUE(fs::exists(fs::path(file("out")) / name)) << name;
  }
  EXPECT_TRUE(read("help.json").at("open").at("help"));
  EXPECT_FALSE(read("no_help.json").at("open").at("help"));
  EXPECT_TRUE(read("dialog.json").at("open").at("open"));
  EXPECT_FALSE(read("no_dialog.json").at("open").at("open"));
  EXPECT_EQ(read("opened.json").at("scene"), kScene);
  EXPECT_EQ(read("opened.json").at("frame").at("sources").at(0).at("label"), "nvs-v6 recurrent");
}

TEST_F(ViewerManners, EscClosesListsAndKeyframesComeBack) {
  add({{"wait", "frame"}});
  add({{"click", "pane/0/model"}});
  describe("list");
  key("esc");
  describe("no_list");
  key("k");
  key("k");
  add({{"click", "tab/Path"}});
  add({{"click", "path/turntable"}});
  describe("asked");
  key("esc");
  describe("kept");
  add({{"click", "path/turntable"}});
  add({{"click", "question/1"}});
  describe("appended");
  add({{"click", "path/turntable"}});
  add({{"click", "question/0"}});
  describe("replaced");
  key("ctrl+z");
  key("ctrl+z");
  describe("undone");
  const std::string other = std::string(PARALLAX_SOURCE_DIR) + "/assets/scenes/procedural_b";
  add({{"open", other}});
  add({{"wait", "frame"}});
  describe("other");
  add({{"open", kScene}});
  add({{"wait", "frame"}});
  describe("back");
  const ProgramResult result = run_script(steps_, {kScene});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(read("list.json").at("open").at("list"));
  EXPECT_FALSE(read("no_list.json").at("open").at("list"));
  EXPECT_NE(read("asked.json").at("question"), "");
  EXPECT_EQ(read("kept.json").at("question"), "");
  const std::pair<const char*, int> counts[] = {
      {"asked", 2}, {"kept", 2}, {"appended", 15}, {"replaced", 13}, {"undone", 2}};
  for (const auto& [name, count] : counts) {
    const json state = read(std::string(name) + ".json");
    EXPECT_EQ(state.at("keyframe_count"), count) << name;
  }
  EXPECT_EQ(read("other.json").at("keyframe_count"), 0);
  EXPECT_EQ(read("back.json").at("keyframe_count"), 2);
  // Kept with the settings, for the next time.
  EXPECT_EQ(read("config/parallax/viewer.json").at("keyframes").at(kScene).size(), 2U);
}

}  // namespace
}  // namespace parallax::testing
