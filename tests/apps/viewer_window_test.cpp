// The real window under Xvfb: synthetic mouse and keys, images compared with those that `render`
// writes, every screen and tab, drops of broken files. Screenshots are kept if a test fails.
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <optional>

#include "apps/viewer/png_text.h"
#include "core/image/image.h"
#include "tests/support/viewer_window.h"
#include "tests/support/wait_until.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The pane's image read from the screen, one pixel per pixel of the image.
cv::Mat picture_on_screen(const cv::Mat& screen, const json& drawing, int rows, int cols) {
  const double x = drawing.at("x");
  const double y = drawing.at("y");
  const double scale = drawing.at("width").get<double>() / cols;
  EXPECT_EQ(scale, std::floor(scale));
  cv::Mat picture(rows, cols, CV_8UC3);
  for (int row = 0; row < rows; ++row) {
    for (int col = 0; col < cols; ++col) {
      picture.at<cv::Vec3b>(row, col) = screen.at<cv::Vec3b>(
          static_cast<int>(y + (row + 0.5) * scale), static_cast<int>(x + (col + 0.5) * scale));
    }
  }
  return picture;
}

double largest_difference(const cv::Mat& a, const cv::Mat& b) {
  return cv::norm(a, b, cv::NORM_INF);
}

TEST_F(ViewerWindow, PanesShowWhatRenderWritesToTheLastBit) {
  const ProgramResult rendered = run_program_with({"render",
                                                   kScene,
                                                   "--target-views",
                                                   "3,",
                                                   "--views-per-pass",
                                                   "1",
                                                   "--turntable",
                                                   "0",
                                                   "-o",
                                                   file("render")},
                                                  options());
  ASSERT_EQ(rendered.exit_code, 0) << rendered.err;
  const json difference_of_panes = {
      {"kind", "difference"}, {"first", 0}, {"second", 2}, {"gain", 1}, {"false_colour", false}};
  const json panes = {{{"kind", "model"}, {"form", "recurrent"}},
                      {{"kind", "model"}, {"form", "parallel"}},
                      {{"kind", "truth"}},
                      difference_of_panes};
  const ProgramResult result =
      run_script(json::array({{{"wait", "frame"}},
                              {{"set", {{"panes", panes}, {"whole_pixels", true}}}},
                              {{"set", {{"view", 3}}}},
                              {{"wait", "frame"}},
                              {{"move", "menu/View"}},
                              {{"wait", "frame"}},
                              {{"describe", file("state.json")}},
                              {{"capture", file("compare.png")}}}),
                 {kScene});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json state = read("state.json");
  EXPECT_EQ(state.at("snapped"), 3);
  EXPECT_TRUE(state.at("frame").at("full"));
  const cv::Mat screen = read_image(file("compare.png"));
  const char* const names[] = {"recurrent", "parallel", "truth"};
  cv::Mat pictures[3];
  for (int i = 0; i < 3; ++i) {
    pictures[i] = picture_on_screen(screen, state.at("drawings").at(i), 64, 64);
    const cv::Mat expected =
        read_image(file(std::string("render/views/0003_") + names[i] + ".png"));
    EXPECT_EQ(largest_difference(pictures[i], expected), 0) << names[i];
  }
  cv::Mat expected;
  cv::absdiff(pictures[0], pictures[2], expected);
  // The shader subtracts before it rounds.
  EXPECT_LE(
      largest_difference(picture_on_screen(screen, state.at("drawings").at(3), 64, 64), expected),
      1);
  const PngText text = read_png_text(file("compare.png"));
  EXPECT_EQ(text.at("View"), "3");
  EXPECT_NE(text.at("Models").find("fnv1a64:"), std::string::npos);
  EXPECT_NE(text.at("Pose").find("c2w"), std::string::npos);
}

TEST_F(ViewerWindow, MouseAndKeysReachEverything) {
  json steps = json::array({{{"wait", "frame"}}, {{"describe", file("opened.json")}}});
  const auto add = [&](json step) { steps.push_back(std::move(step)); };
  const auto then = [&](const std::string& name) {
    add({{"wait", "frame"}});
    add({{"describe", file(name + ".json")}});
    add({{"capture", file(name + ".png")}});
  };
  add({{"drag", {{"item", "pane/0"}, {"by", {70, 20}}}}});
  then("orbited");
  add({{"drag", {{"item", "pane/1"}, {"by", {30, 0}}, {"button", "right"}}}});
  then("panned");
  add({{"scroll", {{"item", "pane/2"}, {"by", 2}}}});
  then("dollied");
  add({{"hold", {{"key", "w"}, {"seconds", 0.3}}}});
  then("flown");
  add({{"click", "thumbnail/4"}});
  then("snapped");
  add({{"key", "]"}});
  then("next");
  add({{"click", "pane/0/model"}});
  add({{"click", "pane/0/model/nvs-v6"}});
  then("variant");
  add({{"key", "2"}});
  add({{"key", "x"}});
  then("split");
  add({{"key", "x"}});
  add({{"key", "4"}});
  for (const char* tab : {"Camera", "Views", "Table", "Per view", "Views read", "Path", "Scene"}) {
    add({{"click", std::string("tab/") + tab}});
    then(std::string("tab_") + tab);
  }
  add({{"click", "screen/Classify"}});
  then("classify");
  add({{"click", "screen/Probe"}});
  add({{"wait", "idle"}});
  then("probe");
  add({{"click", "screen/Compare"}});
  add({{"key", "shift+/"}});
  then("help");
  const ProgramResult result = run_script(steps, {kScene});
  ASSERT_EQ(result.exit_code, 0) << result.err;

  EXPECT_GE(read("opened.json").at("snapped").get<int>(), 0);
  EXPECT_EQ(read("orbited.json").at("snapped"), -1);
  json last = read("opened.json").at("camera");
  for (const char* name : {"orbited", "panned", "dollied", "flown", "snapped", "next"}) {
    const json camera = read(std::string(name) + ".json").at("camera");
    EXPECT_NE(camera, last) << name;
    last = camera;
  }
  EXPECT_EQ(read("snapped.json").at("snapped"), 4);
  EXPECT_EQ(read("next.json").at("snapped"), 5);
  EXPECT_EQ(read("variant.json").at("frame").at("sources").at(0).at("label"), "nvs-v6 recurrent");
  EXPECT_EQ(read("split.json").at("panes").size(), 2U);
  EXPECT_EQ(read("classify.json").at("screen"), "Classify");
  const json probe = read("probe.json");
  EXPECT_EQ(probe.at("screen"), "Probe");
  EXPECT_EQ(probe.at("probe_losses").size(), 3U);
  // Every screen has drawn something different.
  EXPECT_GT(largest_difference(read_image(file("classify.png")), read_image(file("probe.png"))),
            100);
}

// The window with someone before it: xdotool sends the display's events, screenshots tell what
// became of them.
class ViewerWindowInUse : public ViewerWindow {
 protected:
  void SetUp() override {
    ViewerWindow::SetUp();
    if (IsSkipped()) {
      return;
    }
    if (std::system("command -v xdotool >/dev/null") != 0) {
      GTEST_SKIP() << "there is no xdotool on this machine";
    }
    program_.emplace(std::vector<std::string>{"view", kScene, "-o", file("out")}, options());
    // Keys go where the focus is: none is pressed before it is there.
    ASSERT_TRUE(wait_until([&] {
      return program_->has_ended() ||
             act("search --onlyvisible --name Parallax windowfocus --sync");
    }));
    ASSERT_FALSE(program_->has_ended()) << program_->wait().err;
    ASSERT_TRUE(wait_until([&] {
      opened_ = look();
      return opened_["Numbers"].size() >= 10 || HasFailure();
    })) << "no frame was rendered";
  }

  bool act(const std::string& words) {
    const std::string tool = "DISPLAY=" + display_.name() + " xdotool ";
    return std::system((tool + words + " >/dev/null 2>&1").c_str()) == 0;
  }

  // The screenshot's metadata says where the camera is. It shows a frame that was drawn after all
  // events before it: the display delivers them in order.
  PngText look() {
    fs::remove(file("out/screenshot.png"));
    EXPECT_TRUE(act("key F12"));
    EXPECT_TRUE(wait_until([&] { return fs::exists(file("out/screenshot.png")); }));
    return read_png_text(file("out/screenshot.png"));
  }

  std::optional<RunningProgram> program_;
  PngText opened_;
};

TEST_F(ViewerWindowInUse, RealEventsOfTheDisplayReachIt) {
  // As a hand does: a frame or more between the steps.
  for (const char* words : {"mousemove 220 160",
                            "mousedown 1",
                            "mousemove 240 165",
                            "mousemove 260 170",
                            "mouseup 1"}) {
    EXPECT_TRUE(act(words));
    look();
  }
  PngText after = look();
  EXPECT_EQ(after["View"], "none of the scene's");
  EXPECT_NE(after["Pose"], opened_["Pose"]);
  // Faster than frames are drawn: each counts. Not without xdotool's pauses of some milliseconds:
  // of two presses of a key in one, GLFW 3.3.8 takes the second for the input method's echo.
  EXPECT_TRUE(act("key bracketright bracketright bracketright"));
  EXPECT_EQ(look()["View"], "2");
  EXPECT_TRUE(act("key ctrl+q"));
  ASSERT_TRUE(wait_until([&] { return program_->has_ended(); })) << "Ctrl+Q does not quit";
  EXPECT_EQ(program_->wait().exit_code, 0);
}

TEST_F(ViewerWindowInUse, AKeyLetGoAndPressedAgainDuringOneLongFrameCounts) {
  const int view = std::stoi(opened_["View"]);
  EXPECT_TRUE(act("keydown bracketright"));
  look();
  look();  // it has been down for several frames
  program_->stop();
  EXPECT_TRUE(act("keyup bracketright key bracketright bracketright"));
  program_->send(SIGCONT);
  EXPECT_EQ(std::stoi(look()["View"]), view + 3);
}

TEST_F(ViewerWindow, BadDropsEndInAMessageAndNothingIsLost) {
  scratch_.write("notes.txt", "hello");
  scratch_.write("broken.safetensors", std::string(100, 'x'));
  fs::create_directories(folder() / "scene");
  fs::copy(kScene, folder() / "scene", fs::copy_options::recursive);
  fs::remove_all(folder() / "scene" / "renderings");
  json steps = json::array({{{"wait", "idle"}}});
  for (const char* name : {"notes.txt", "broken.safetensors", "nowhere", "scene"}) {
    steps.push_back({{"drop", {file(name)}}});
    steps.push_back({{"wait", "idle"}});
  }
  steps.push_back({{"capture", file("dropped.png")}});
  steps.push_back({{"click", "dropped/open"}});
  steps.push_back({{"wait", "idle"}});
  steps.push_back({{"set", {{"show", "messages"}}}});
  steps.push_back({{"wait", "idle"}});
  steps.push_back({{"describe", file("state.json")}});
  steps.push_back({{"capture", file("messages.png")}});
  const ProgramResult result = run_script(steps, {kScene});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json state = read("state.json");
  for (const char* part : {"notes.txt", "broken.safetensors", "/scene", "there is no such file"}) {
    bool found = false;
    for (const json& message : state.at("messages")) {
      found |= message.at("error").get<bool>() &&
               message.at("text").get<std::string>().find(part) != std::string::npos;
    }
    EXPECT_TRUE(found) << part << " in " << state.at("messages");
  }
  EXPECT_EQ(state.at("scene"), kScene);
  EXPECT_TRUE(state.at("frame").at("full"));
}

TEST_F(ViewerWindow, KeepsLayoutCameraAndRecentFiles) {
  const ProgramResult first = run_script(
      json::array({{{"wait", "frame"}}, {{"drag", {{"item", "pane/0"}, {"by", {70, 20}}}}}}),
      {kScene});
  ASSERT_EQ(first.exit_code, 0) << first.err;
  const json kept = read("config/parallax/viewer.json");
  EXPECT_EQ(kept.at("recent").at(0), kScene);
  EXPECT_EQ(kept.at("scene"), kScene);
  EXPECT_TRUE(kept.contains("camera"));
  scratch_.write("config/parallax/viewer.json", "damaged");
  EXPECT_EQ(run_script(json::array({{{"wait", "frame"}}}), {kScene}).exit_code, 0);
}

TEST_F(ViewerWindow, WritesNumbersPathAndVideo) {
  const ProgramResult result = run_script(json::array({{{"wait", "idle"}},
                                                       {{"click", "menu/File"}},
                                                       {{"click", "export/compare.csv"}},
                                                       {{"click", "menu/File"}},
                                                       {{"click", "export/compare.json"}},
                                                       {{"click", "menu/File"}},
                                                       {{"click", "export/panes.png"}},
                                                       {{"click", "tab/Path"}},
                                                       {{"click", "path/turntable"}},
                                                       {{"set", {{"track_frames", 4}}}},
                                                       {{"click", "path/export"}},
                                                       {{"click", "path/video"}},
                                                       {{"wait", "idle"}},
                                                       {{"describe", file("state.json")}},
                                                       {{"capture", file("path.png")}}}),
                                          {kScene});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json numbers = json::parse(read_bytes(file("out/compare.json")));
  EXPECT_EQ(numbers.at("table").size(), 18U);  // nine models in both forms
  EXPECT_EQ(numbers.at("curve").at("points").size(), 8U);
  EXPECT_NE(read_bytes(file("out/compare.csv")).find("nvs-v6"), std::string::npos);
  EXPECT_GT(read_image(file("out/panes.png")).cols, 400);
  const json state = read("state.json");
  EXPECT_EQ(state.at("keyframe_count"), 13);
  EXPECT_EQ(state.at("videos"), 2);
  EXPECT_TRUE(fs::exists(file("out/path.json")));
  EXPECT_TRUE(fs::exists(file("out/path_nvs_recurrent.mp4")) ||
              fs::exists(file("out/path_nvs_recurrent.gif")));
}

TEST(Viewer, SaysThatThereIsNoDisplayBeforeItLoadsAnything) {
  const ProgramResult result =
      run_program_with({"view", PARALLAX_SOURCE_DIR "/docs"},
                       {.environment = {{"DISPLAY", ""}, {"WAYLAND_DISPLAY", ""}}});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_NE(result.err.find("there is no display"), std::string::npos) << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  const ProgramResult wrong =
      run_program_with({"view"}, {.environment = {{"DISPLAY", ":4711"}, {"WAYLAND_DISPLAY", ""}}});
  EXPECT_EQ(wrong.exit_code, 1);
  EXPECT_NE(wrong.err.find("display"), std::string::npos) << wrong.err;
}

}  // namespace
}  // namespace parallax::testing
