// Runs window, panels, session and script once per frame.
#include "apps/viewer/app.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "apps/viewer/exports.h"
#include "apps/viewer/frame_times.h"
#include "apps/viewer/laboratory/lab_command.h"
#include "apps/viewer/laboratory/laboratory.h"
#include "apps/viewer/pane_renderer.h"
#include "apps/viewer/script.h"
#include "apps/viewer/session.h"
#include "apps/viewer/state_json.h"
#include "apps/viewer/window.h"
#include "core/base/clock.h"
#include "core/base/json_text.h"
#include "core/base/paths.h"
#include "core/io/atomic_file.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr double kFrameSeconds = 1.0 / 60;  // between two frames while something moves
constexpr double kIdleSeconds = 0.25;       // between two checks while nothing moves

class Viewer {
 public:
  explicit Viewer(const ViewerOptions& options)
      : options_(options),
        window_({options.width, options.height}),
        settings_(read_settings()),
        session_(view::make_work_functions(options.engine), {.on_event = [] { Window::wake(); }}) {
    prepare_state();
    prepare_ui();
    session_.first_camera = [this](const std::string& scene) {
      return kept_camera(settings_, scene);
    };
    if (!options.script.is_null()) {
      script_.emplace(options.script);
    } else if (!options.screenshot.empty()) {
      session_.only_shown_work = true;  // the picture waits for nothing else
      const std::string path = fs::absolute(options.screenshot).string();
      script_.emplace(
          nlohmann::json::array({{{"wait", "idle"}}, {{"capture", path}}, {{"quit", true}}}));
    }
    if (!options.scene.empty()) {
      state_.commands.emplace_back(view::OpenCommand{options.scene});
    }
  }

  // Whether the layout was stored at the end.
  bool run() {
    const auto start = Clock::now();
    auto last = start;
    while (!window_.should_close() && !quit_) {
      const double since = seconds_since(last);
      window_.wait(is_moving() ? std::max(kFrameSeconds - since, 0.0) : kIdleSeconds);
      const auto now = Clock::now();
      const double seconds = std::chrono::duration<double>(now - last).count();
      last = now;
      draw_frame(std::chrono::duration<double>(now - start).count(), std::min(seconds, 0.1));
    }
    const bool stored = save_settings();
    if (options_.stats) {
      fmt::print("{}", times_.report());
    }
    return stored;
  }

 private:
  void prepare_state() {
    state_.models = view::list_model_choices();
    state_.classifiers = view::list_classifier_choices();
    state_.bundled_scenes = view::list_scene_choices();
    state_.lab.probes = list_lab_probes();
    state_.open = options_.open;
    view::reset_panes(state_, options_.open.model);
    try {
      apply_settings(settings_, state_, ui_);
    } catch (const std::exception& error) {
      view::complain(state_,
                     std::string("the stored layout could not be restored: ") + error.what());
    }
    if (script_requested()) {
      // A script starts from what the command line says, whatever was open before.
      view::reset_panes(state_, options_.open.model);
      state_.screen = view::Screen::kCompare;
      state_.whole_pixels = false;
      ui_ = {};
      set_aside_ = std::exchange(state_.kept_keyframes, {});
      settings_.erase("camera");
    }
    state_.probe.model = options_.open.model;
    state_.classify.model = options_.classifier.empty() && !state_.classifiers.empty()
                                ? state_.classifiers.front()
                                : options_.classifier;
    if (!options_.output.empty()) {
      state_.output = options_.output;
    }
  }

  void prepare_ui() {
    ui_.scale_option = options_.ui_scale;
    ui_.draw_pane = [this](int pane, const PaneDrawing& drawing) {
      return panes_.draw_pane(pane, drawing);
    };
    ui_.texture_of = [this](const view::ImagePtr& picture) { return panes_.texture_of(picture); };
    window_.on_drawn = [this] { take_pictures(); };
  }

  bool script_requested() const {
    return !options_.script.is_null() || !options_.screenshot.empty();
  }

  bool is_moving() const {
    return (script_ && !script_->awaits_work()) || state_.playing || window_.has_unseen_keys() ||
           ImGui::IsAnyMouseDown() ||
           std::any_of(std::begin(ImGui::GetIO().KeysDown),
                       std::end(ImGui::GetIO().KeysDown),
                       [](bool down) { return down; });
  }

  void draw_frame(double now, double seconds) {
    const bool busy = session_.is_busy();
    const auto begin = Clock::now();
    window_.set_scale(ui_.scale_option > 0 ? ui_.scale_option : ui_.wanted_scale);
    ui_.scale = window_.scale();
    window_.begin_frame([this] {
      if (script_) {
        script_->inject(ui_);
      }
    });
    handle_shortcuts(state_, ui_, seconds);
    draw_viewer(state_, ui_);
    for (const std::string& path : window_.take_drops()) {
      state_.commands.emplace_back(view::OpenCommand{path, true});
    }
    session_.update(state_, seconds);
    laboratory_.update(state_);
    if (script_) {
      script_->advance(script_actions(), now);
      quit_ = quit_ || script_->is_done();
    }
    take_commands();
    window_.end_frame();
    panes_.end_frame();
    times_.add(1000 * seconds_since(begin), busy);
    ui_.times = times_.summary();
  }

  // Carries out the commands that need the window, and the laboratory's.
  void take_commands() {
    for (const view::Command& command : std::exchange(state_.commands, {})) {
      if (std::holds_alternative<view::QuitCommand>(command)) {
        quit_ = true;
      } else if (const auto* screenshot = std::get_if<view::ScreenshotCommand>(&command)) {
        pictures_.push_back({.path = screenshot->path, .numbered = true});
      } else if (const auto* grid = std::get_if<view::ExportCommand>(&command);
                 grid != nullptr && grid->path.ends_with(".png")) {
        pictures_.push_back({.path = grid->path, .panes_only = true, .numbered = true});
      } else if (!laboratory_.carry_out(state_, command)) {
        state_.commands.push_back(command);
      }
    }
  }

  // Called between drawing and showing.
  void take_pictures() {
    for (const PictureJob& job : std::exchange(pictures_, {})) {
      try {
        cv::Mat pixels = window_.pixels();
        if (job.panes_only) {
          pixels = pixels(panes_rect(pixels.size())).clone();
        }
        const std::string path = job.numbered ? next_free_path(job.path) : job.path;
        write_png(path, pixels, picture_metadata(state_));
        view::say(state_, "Written: " + path);
      } catch (const std::exception& error) {
        view::complain(state_, error.what());
      }
    }
  }

  cv::Rect panes_rect(const cv::Size& window) const {
    const auto item = ui_.items.find("panes");
    const cv::Rect all({0, 0}, window);
    if (item == ui_.items.end()) {
      return all;
    }
    const ItemRect& rect = item->second;
    const float scale = static_cast<float>(window.width) / ImGui::GetIO().DisplaySize.x;
    const auto point = [&](const ImVec2& at) {
      return cv::Point(static_cast<int>(at.x * scale), static_cast<int>(at.y * scale));
    };
    return cv::Rect(point(rect.min), point(rect.max)) & all;
  }

  Script::Actions script_actions() {
    return {.is_idle = [this] { return session_.is_idle(state_) && !laboratory_.is_running(); },
            .is_shown = [this] { return session_.is_shown(state_); },
            .has_item = [this](const std::string& name) { return ui_.items.count(name) != 0; },
            .open =
                [this](const std::string& path) {
                  state_.commands.emplace_back(view::OpenCommand{path});
                },
            .set = [this](const nlohmann::json& fields) { apply_settings(fields, state_, ui_); },
            .capture = [this](const std::string& path) { pictures_.push_back({.path = path}); },
            .describe =
                [this](const std::string& path) {
                  write_file_atomically(path, dump_json(describe_state(state_, ui_), 1) + "\n");
                },
            .drop =
                [this](const std::vector<std::string>& paths) {
                  for (const std::string& path : paths) {
                    state_.commands.emplace_back(view::OpenCommand{path, true});
                  }
                },
            .quit = [this] { quit_ = true; }};
  }

  bool save_settings() {
    try {
      state_.kept_keyframes.merge(set_aside_);
      create_folder(settings_path().parent_path());
      write_file_atomically(settings_path(), dump_json(settings_json(state_, ui_), 1) + "\n");
      return true;
    } catch (const std::exception& error) {
      fmt::print(stderr, "parallax: the layout was not stored: {}\n", error.what());
      return false;
    }
  }

  struct PictureJob {
    std::string path;
    bool panes_only = false;
    bool numbered = false;  // where the file exists, a number is added
  };

  ViewerOptions options_;
  Window window_;
  PaneRenderer panes_;
  nlohmann::json settings_;
  view::ViewState state_;
  Ui ui_;
  std::optional<Script> script_;
  std::vector<PictureJob> pictures_;
  std::map<std::string, std::vector<Camera>> set_aside_;  // keyframes that a script starts without
  FrameClock times_;
  bool quit_ = false;
  // Last: their threads end first.
  Laboratory laboratory_{[] { Window::wake(); }};
  Session session_;
};

}  // namespace

bool run_viewer(const ViewerOptions& options) { return Viewer(options).run(); }

}  // namespace parallax
