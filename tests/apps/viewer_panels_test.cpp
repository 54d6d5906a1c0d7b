// The panels on ImGui without a window, in every state: nothing open, no model, errors, a huge
// scene, one pixel; and the effect of clicks and keys.
#include <gtest/gtest.h>
#include <imgui.h>

#include <cmath>
#include <fstream>
#include <opencv2/core.hpp>

#include "apps/viewer/completion.h"
#include "apps/viewer/exports.h"
#include "apps/viewer/frame_times.h"
#include "apps/viewer/png_text.h"
#include "apps/viewer/script.h"
#include "apps/viewer/state_json.h"
#include "core/image/image.h"
#include "tests/support/scratch_folder.h"

namespace parallax {
namespace {

using nlohmann::json;
using testing::ScratchFolder;
using view::ViewState;

view::ImagePtr picture(int rows, int cols, float value) {
  const auto size = static_cast<size_t>(rows) * static_cast<size_t>(cols) * 3;
  return std::make_shared<const view::Image>(
      view::Image{rows, cols, std::vector<float>(size, value)});
}

// ImGui with a font but without a window; the screen is 1280 × 720 unless told otherwise.
class ViewerPanels : public ::testing::Test {
 protected:
  ViewerPanels() {
    ImGui::CreateContext();
    ImGuiIO& io = ImGui::GetIO();
    io.IniFilename = nullptr;
    io.BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset;  // like the window's backend
    unsigned char* pixels = nullptr;
    int width = 0;
    int height = 0;
    io.Fonts->GetTexDataAsRGBA32(&pixels, &width, &height);
    ui_.draw_pane = [this](int, const PaneDrawing& drawing) {
      drawings_.push_back(drawing);
      return nullptr;
    };
    ui_.texture_of = [](const view::ImagePtr&) { return nullptr; };
    resize(1280, 720);
    view::reset_panes(state_, "nvs");
    state_.models = {{.name = "nvs", .variant = "2", .summary = "no weight norm"},
                     {.name = "nvs-v6", .variant = "6", .summary = "linear attention"}};
  }
  ~ViewerPanels() override { ImGui::DestroyContext(); }

  static void resize(float width, float height) { ImGui::GetIO().DisplaySize = {width, height}; }

  // Draws a frame and returns its number of vertices.
  int draw(Script* script = nullptr) {
    ImGui::GetIO().DeltaTime = 1.0F / 60;
    drawings_.clear();
    if (script != nullptr) {
      script->inject(ui_);
    }
    ImGui::NewFrame();
    handle_shortcuts(state_, ui_, 1.0 / 60);
    draw_viewer(state_, ui_);
    ImGui::Render();
    return ImGui::GetDrawData()->TotalVtxCount;
  }

  void draw_everything() {
    for (const view::Screen screen :
         {view::Screen::kCompare, view::Screen::kClassify, view::Screen::kProbe}) {
      state_.screen = screen;
      for (int tab = 0; tab < 7; ++tab) {
        ui_.side_tab = tab;
        for (int frame = 0; frame < 2; ++frame) {
          EXPECT_GT(draw(), 0);
        }
      }
    }
    ui_.show_help = ui_.show_open = ui_.show_messages = ui_.show_stats = true;
    state_.split = true;
    draw();
    EXPECT_GT(draw(), 0);
    ui_.show_help = ui_.show_open = ui_.show_messages = ui_.show_stats = false;
    state_.split = false;
    state_.screen = view::Screen::kCompare;
  }

  // Draws frames until a script's steps are done.
  void play(const json& steps) {
    draw();
    draw();  // item positions are known from the previous frame
    Script script(steps);
    Script::Actions actions;
    actions.is_idle = actions.is_shown = [] { return true; };
    actions.set = [this](const json& fields) { apply_settings(fields, state_, ui_); };
    double now = 0;
    for (int frame = 0; frame < 500 && !script.is_done(); ++frame) {
      draw(&script);
      script.advance(actions, now += 1.0 / 60);
    }
    EXPECT_TRUE(script.is_done());
    draw();
  }

  void open_scene(int views, int rows, int cols) {
    view::OpenedScene scene{
        .id = 1, .path = "a/scene", .name = "scene", .height = rows, .width = cols};
    for (int i = 0; i < views; ++i) {
      Camera camera{.height = rows, .width = cols, .fx = 50, .fy = 50, .cx = 1, .cy = 1};
      camera.c2w(0, 3) = std::sin(i) * 3;
      camera.c2w(2, 3) = -3;
      scene.views.push_back({"view " + std::to_string(i), camera});
    }
    scene.inputs = {0};
    view::apply_event(state_, view::ModelLoaded{state_.models[0], 6});
    view::apply_event(state_, scene);
    view::Frame frame{.serial = 1, .full = true, .scene = 1, .view = state_.snapped};
    frame.truth = picture(rows, cols, 0.5F);
    for (const Form form : {Form::kRecurrent, Form::kParallel}) {
      frame.sources.push_back({.source = {"nvs", form},
                               .picture = picture(rows, cols, 0.25F),
                               .render_ms = 5,
                               .quality = {20, 0.5, 15}});
    }
    frame.pairs.push_back({.source = {"nvs"}, .psnr = 140, .max_absolute = 1e-6});
    view::apply_event(state_, frame);
  }

  void fill_results() {
    for (const Form form : {Form::kRecurrent, Form::kParallel}) {
      view::apply_event(state_,
                        view::TableRow{.scene = 1,
                                       .source = {"nvs", form},
                                       .variant = "2",
                                       .mean = {20, 0.5, 15},
                                       .views = {1, 2},
                                       .psnrs = {19, 21},
                                       .all_views = 4});
    }
    view::apply_event(state_,
                      view::TableRow{.scene = 1, .source = {"odd"}, .error = "does not fit"});
    state_.curve_model = "nvs";
    view::apply_event(state_, view::CurvePoint{1, "nvs", 1, 18, 18});
    view::apply_event(state_, view::CurvePoint{1, "nvs", 2, 20, INFINITY});
    view::TokenProjection projection{.queries = {{0, 0}, {1, 1}}, .keys = {{1, 0}, {0, 1}}};
    projection.losses = {-1, -2};
    view::apply_event(state_, projection);
    view::LabState& lab = state_.lab;
    lab.probes = {{.name = "ascent", .title = "100 %s?"}, {.name = "streaming", .chosen = false}};
    lab.folder = {.path = "out", .page = "out/lab.html", .seconds = {{"ascent", 1.5}}};
    lab.folder.findings = {{"a claim", "holds here"}, {"b", "does not hold here", "1 dB", "%n"}};
    lab.run = {.title = "nvs on scene", .is_running = true, .probe = "ascent", .work = "1 of 2"};
  }

  ViewState state_;
  Ui ui_;
  std::vector<PaneDrawing> drawings_;
};

TEST_F(ViewerPanels, NothingIsOpen) { draw_everything(); }

TEST_F(ViewerPanels, ThereIsNoModelAtAll) {
  state_.models.clear();
  view::reset_panes(state_, "");
  draw_everything();
}

TEST_F(ViewerPanels, ASceneIsBeingReadAndAModelLoaded) {
  state_.opening = "a/scene";
  state_.loading.insert("nvs");
  state_.load_progress = view::TaskProgress{view::WorkQueue::kLoad, 1, 0.4, "12 of 30 views read"};
  state_.task_progress = view::TaskProgress{view::WorkQueue::kTask, 1, NAN, "odd"};
  draw_everything();
}

TEST_F(ViewerPanels, TheStripSaysWhichThumbnailsAreOnTheScreen) {
  open_scene(2000, 64, 64);
  draw();
  draw();
  const view::ViewRange shown = state_.shown_thumbnails;
  EXPECT_EQ(shown.first, 0);
  EXPECT_GT(shown.last, 5);
  EXPECT_LT(shown.last, 30) << "the window is 1280 wide, and a thumbnail 54";
  EXPECT_EQ(view::missing_thumbnails(state_).size(), static_cast<size_t>(shown.last));
  ui_.strip = Shown::kHidden;
  draw();
  EXPECT_TRUE(view::missing_thumbnails(state_).empty());
  ui_.strip = Shown::kShown;
  state_.screen = view::Screen::kProbe;
  draw();
  EXPECT_TRUE(view::missing_thumbnails(state_).empty());
  EXPECT_FALSE(state_.results_shown);
  state_.screen = view::Screen::kCompare;
  ui_.side_tab = 2;
  draw();
  EXPECT_TRUE(state_.results_shown);
}

TEST_F(ViewerPanels, Errors) {
  state_.model_errors["nvs"] = "the checkpoint is cut off";
  view::complain(state_, std::string(5000, 'x'));
  view::complain(state_, "100 %s %n");
  open_scene(3, 64, 64);
  state_.full->sources[0] = {.source = {"nvs"}, .error = "no parallel form"};
  state_.frame = state_.full;
  state_.classify.rows.push_back({.path = "broken.png", .error = "cut off"});
  state_.classify.selected = 0;
  draw_everything();
}

TEST_F(ViewerPanels, AWholeScene) {
  open_scene(20, 64, 64);
  fill_results();
  for (int i = 0; i < 20; ++i) {
    view::apply_event(state_, view::Thumbnail{1, i, picture(64, 64, 0.5F)});
  }
  for (int i = 0; i < 30; ++i) {
    view::ClassifiedRow row{.index = i, .path = "a.png", .thumbnail = picture(30, 48, 0.5F)};
    row.top = {{"goldfish", 0.5, 0.5}, {"tench", NAN, 2}};
    row.truth = i % 2 == 0 ? "goldfish" : "";
    state_.classify.rows.push_back(row);
  }
  state_.classify.selected = 3;
  state_.track.keyframes = {state_.view.camera, state_.scene->views[3].camera};
  draw_everything();
}

TEST_F(ViewerPanels, AHugeScene) {
  open_scene(20000, 30, 4000);
  fill_results();
  state_.frame->truth = nullptr;
  draw_everything();
  EXPECT_LT(ui_.items.size(), 1000U);  // invisible items are not drawn
}

TEST_F(ViewerPanels, OnePixel) {
  open_scene(1, 1, 1);
  fill_results();
  draw_everything();
  for (const auto& [width, height] : {std::pair{1.0F, 1.0F}, {40.0F, 900.0F}, {4000.0F, 30.0F}}) {
    resize(width, height);
    draw_everything();
  }
}

TEST_F(ViewerPanels, PicturesArePlacedOnWholePixelsAndZoomKeepsThePixelUnderTheCursor) {
  open_scene(3, 64, 64);
  EXPECT_EQ(place_picture(state_, 300, 200).shown_width, 200);
  state_.whole_pixels = true;
  const PaneDrawing drawing = place_picture(state_, 300, 200);
  EXPECT_EQ(drawing.shown_width, 192);
  EXPECT_EQ(drawing.x, 54);
  EXPECT_EQ(drawing.y, 4);
  play(json::array({{{"scroll", {{"item", "pane/0"}, {"by", 3}, {"ctrl", true}}}}}));
  EXPECT_NEAR(state_.zoom.factor, std::pow(1 / 0.9, 3), 1e-4);
  EXPECT_NEAR(state_.zoom.centre_x, 0.5, 0.02);  // the cursor was near the middle
  EXPECT_NEAR(state_.hovered_row, 32, 1);
}

TEST_F(ViewerPanels, DraggingOrbitsAndClicksSnap) {
  open_scene(6, 64, 64);
  ASSERT_EQ(state_.snapped, 1);
  const cv::Matx44d before = state_.view.camera.c2w;
  play(json::array({{{"drag", {{"item", "pane/0"}, {"by", {50, 10}}}}}}));
  EXPECT_EQ(state_.snapped, -1);
  EXPECT_NE(state_.view.camera.c2w, before);
  play(json::array({{{"click", "thumbnail/3"}}}));
  EXPECT_EQ(state_.snapped, 3);
  EXPECT_EQ(state_.view.camera.c2w, state_.scene->views[3].camera.c2w);
}

TEST_F(ViewerPanels, MenusChooseModelsAndKeysThePanes) {
  open_scene(6, 64, 64);
  play(json::array({{{"click", "pane/0/model"}}, {{"click", "pane/0/model/nvs-v6"}}}));
  EXPECT_EQ(state_.panes[0].source.model, "nvs-v6");
  EXPECT_EQ(state_.panes[0].previous_model, "nvs");
  play(json::array({{{"key", "2"}}, {{"key", "b"}}, {{"key", "k"}}, {{"key", "f3"}}}));
  EXPECT_EQ(state_.panes.size(), 2U);
  EXPECT_EQ(state_.panes[1].source.reading, view::ReadMode::kStreamed);
  EXPECT_EQ(state_.track.keyframes.size(), 1U);
  EXPECT_EQ(state_.screen, view::Screen::kProbe);
  play(json::array({{{"key", "shift+/"}}}));
  EXPECT_TRUE(ui_.show_help);
}

TEST_F(ViewerPanels, AModelTrainedStreamedIsReadSo) {
  open_scene(6, 64, 64);
  for (view::ModelChoice& model : state_.models) {
    model.reading = model.name == "nvs-v6" ? view::ReadMode::kStreamed : view::ReadMode::kBatch;
  }
  play(json::array({{{"click", "pane/0/model"}}, {{"click", "pane/0/model/nvs-v6"}}}));
  EXPECT_EQ(state_.panes[0].source.reading, view::ReadMode::kStreamed);
  // The user's choice stays with other models.
  play(json::array({{{"click", "pane/0/model"}}, {{"click", "pane/0/model/nvs"}}}));
  EXPECT_EQ(state_.panes[0].source.reading, view::ReadMode::kStreamed);
}

TEST_F(ViewerPanels, DroppedImagesMayBecomeAScene) {
  state_.output = "out";
  state_.dropped_photos = "my/photos/";
  play({{{"click", "dropped photos/scene"}}});
  EXPECT_TRUE(state_.dropped_photos.empty());
  ASSERT_EQ(state_.commands.size(), 2U);
  const auto& command = std::get<view::TaskCommand>(state_.commands.back());
  const auto& task = std::get<view::PhotosTask>(command.task);
  EXPECT_EQ(task.folder, "my/photos/");
  EXPECT_EQ(task.output, "out/photos_scene");
  // What COLMAP made of them is opened, and its notes are shown.
  state_.commands.clear();
  view::apply_event(state_, view::SceneOfPhotos{"out/photos_scene", {"2 are blurred"}});
  EXPECT_EQ(state_.messages.back().text, "2 are blurred");
  EXPECT_EQ(std::get<view::OpenDetectedCommand>(state_.commands.back()).file.path,
            "out/photos_scene");

  state_.commands.clear();
  state_.dropped_photos = "my/photos";
  play({{{"click", "dropped photos/classify"}}});
  EXPECT_TRUE(state_.dropped_photos.empty());
  EXPECT_TRUE(state_.commands.empty());
}

TEST_F(ViewerPanels, TheGainMakesTheDifferenceVisible) {
  open_scene(3, 64, 64);
  draw();
  const auto found = std::find_if(drawings_.begin(), drawings_.end(), [](const auto& drawing) {
    return drawing.mode == PaneDrawing::Mode::kAbsolute;
  });
  ASSERT_NE(found, drawings_.end());
  EXPECT_EQ(found->gain, 1);  // the two forms' test images are equal
  state_.panes[3].second = 2;
  const auto drawing = pane_drawing(state_, state_.panes[3], 100, 100);
  ASSERT_TRUE(drawing);
  EXPECT_EQ(drawing->gain, 4);  // 0.25
}

TEST_F(ViewerPanels, ScriptsSayWhatTheyCannotDo) {
  EXPECT_THROW(Script(json::parse(R"([{"dance": 1}])")), Error);
  EXPECT_THROW(Script(json::parse(R"({"wait": 1})")), Error);
  Script script(json::parse(R"([{"click": "no/such/thing"}])"));
  EXPECT_THROW(script.inject(ui_), Error);
  // What there is instead is in the sentence.
  const auto message = [](const char* steps) -> std::string {
    try {
      Script script(json::parse(steps));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message(R"([{"dance": 1}])").find("describe"), std::string::npos);
  EXPECT_NE(message(R"([{"key": "escap"}])").find("escape"), std::string::npos);
  EXPECT_NE(message(R"([{"hold": {"key": "alt+x", "seconds": 1}}])").find("ctrl+"),
            std::string::npos);
  EXPECT_NE(message(R"([{"wait": "frames"}])").find("idle"), std::string::npos);
  EXPECT_NE(
      message(R"([{"drag": {"item": "pane/0", "by": [1, 1], "button": "top"}}])").find("middle"),
      std::string::npos);
  EXPECT_EQ(message(R"([{"key": "?"}, {"key": "ctrl++"}, {"key": "shift+/"}])"), "");
  EXPECT_THROW(apply_settings({{"colour", 1}}, state_, ui_), Error);
  EXPECT_THROW(apply_settings({{"screen", "Dance"}}, state_, ui_), Error);
  EXPECT_THROW(apply_settings({{"split", "yes"}}, state_, ui_), Error);
  EXPECT_THROW(apply_settings({{"panes", json::array()}}, state_, ui_), Error);
}

TEST_F(ViewerPanels, StateGoesThroughItsJson) {
  open_scene(3, 64, 64);
  state_.panes[1].source = {"nvs-v6", Form::kParallel, view::ReadMode::kStreamed};
  state_.screen = view::Screen::kProbe;
  state_.track.keyframes = {state_.view.camera};
  ViewState other;
  Ui ui;
  apply_settings(settings_json(state_, ui_), other, ui);
  EXPECT_EQ(other.panes[1].source, state_.panes[1].source);
  EXPECT_EQ(other.screen, view::Screen::kProbe);
  EXPECT_EQ(other.kept_keyframes.at("a/scene").size(), 1U);
  const auto camera = kept_camera(settings_json(state_, ui_), "a/scene");
  ASSERT_TRUE(camera);
  EXPECT_EQ(camera->c2w, state_.view.camera.c2w);
  EXPECT_FALSE(kept_camera(settings_json(state_, ui_), "another"));
}

TEST_F(ViewerPanels, LongNamesKeepTheirEnds) {
  draw();
  ImGui::GetIO().DeltaTime = 1.0F / 60;
  ImGui::NewFrame();
  const std::string name = "a_model_of_mine_with_a_very_long_name_φφφφφφφφ_trained_for_2000_steps";
  for (const float width : {0.0F, 50.0F, 120.0F, 200.0F, 300.0F}) {
    const std::string text = middle_ellipsis(name, width);
    EXPECT_LE(ImGui::CalcTextSize(text.c_str()).x, std::max(width, 10.0F)) << text;
    if (width >= 120) {
      EXPECT_TRUE(text.starts_with("a_mo")) << text;
      EXPECT_TRUE(text.ends_with("eps")) << text;
    }
  }
  EXPECT_EQ(middle_ellipsis("short", 500), "short");
  ImGui::EndFrame();
}

TEST_F(ViewerPanels, ManyModelsWithLongNames) {
  open_scene(6, 64, 64);
  for (int i = 0; i < 24; ++i) {
    const std::string name = "a_model_of_mine_with_a_very_long_name_" + std::to_string(i);
    view::apply_event(state_,
                      view::TableRow{.scene = 1, .source = {name}, .variant = "2", .mean = {20}});
  }
  draw_everything();
}

TEST_F(ViewerPanels, TheManualNamesEveryStepKeyAndField) {
  std::ifstream file(PARALLAX_SOURCE_DIR "/docs/user/viewer.md");
  const std::string manual{std::istreambuf_iterator<char>(file), {}};
  for (const auto& names : {script_steps(), script_keys(), settings_fields()}) {
    for (const std::string& name : names) {
      EXPECT_NE(manual.find("`" + name + "`"), std::string::npos) << name;
    }
  }
}

TEST(ViewerFiles, FreePathsAreNumbered) {
  const ScratchFolder scratch;
  const auto next = [&] { return next_free_path(scratch.path() / "a.png"); };
  const auto path = [&](const char* name) { return (scratch.path() / name).string(); };
  EXPECT_EQ(next(), path("a.png"));
  scratch.write("a.png", "");
  scratch.write("a_9.png", "");
  scratch.write("a_more.png", "");
  EXPECT_EQ(next(), path("a_002.png"));
  scratch.write("a_011.png", "");
  EXPECT_EQ(next(), path("a_012.png"));
  scratch.write("v_002.mp4", "");
  EXPECT_EQ(next_free_path(scratch.path(), "v", ""), path("v_003"));
  EXPECT_EQ(next_free_path(scratch.path() / "none" / "a.png"), path("none/a.png"));
}

TEST(ViewerFiles, PngTextGoesThroughTheFile) {
  const ScratchFolder scratch;
  const cv::Mat image(3, 5, CV_8UC3, cv::Scalar(10, 20, 30));
  const PngText text = {{"Pose", "{\"c2w\": 1}"}, {"View", "φ × 3"}};
  write_png(scratch.path() / "deep" / "a.png", image, text);
  EXPECT_EQ(read_png_text(scratch.path() / "deep" / "a.png"), text);
  EXPECT_EQ(cv::norm(read_image(scratch.path() / "deep" / "a.png"), image, cv::NORM_INF), 0);
  EXPECT_THROW(read_png_text(scratch.write("no.png", "nothing")), Error);
}

TEST(ViewerFiles, PathsAreCompleted) {
  const ScratchFolder scratch;
  scratch.write("alpha.json", "");
  scratch.write(".hidden", "");
  std::filesystem::create_directories(scratch.path() / "alps");
  const std::string base = scratch.path().string() + "/";
  EXPECT_EQ(complete_path(base + "al"),
            (std::vector<std::string>{base + "alps/", base + "alpha.json"}));
  EXPECT_EQ(complete_path(base).size(), 2U);
  EXPECT_EQ(complete_path(base + ".h"), std::vector<std::string>{base + ".hidden"});
  EXPECT_TRUE(complete_path(base + "none/x").empty());
}

TEST(ViewerFiles, FrameTimesArePercentiles) {
  FrameClock clock;
  for (int i = 0; i < 103; ++i) {
    clock.add(i < 3 ? 1000 : i - 2, i % 2 == 0);
  }
  EXPECT_NE(clock.report().find("100 frames, median 51.00 ms, 95 % within 95.00 ms"),
            std::string::npos)
      << clock.report();
  EXPECT_EQ(clock.summary().frames, 103);
}

}  // namespace
}  // namespace parallax
