// Connects the viewer's state and the worker: turns what is shown into requests, carries out
// commands, merges results. Never waits.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "vision/viewer/render_worker.h"
#include "vision/viewer/view_state.h"

namespace parallax {

// A worker and the requests made for one ViewState.
class Session {
 public:
  Session(view::WorkFunctions functions, view::WorkerOptions options)
      : worker_(std::move(functions), std::move(options)) {}

  // To be called once per frame of the interface. Commands that need the window (exports of images,
  // screenshots, quit) stay in the state's list.
  void update(view::ViewState& state, double seconds);

  void open_scene(view::ViewState& state,
                  const std::string& path,
                  std::vector<std::string> added = {});

  // Nothing in progress, nothing waiting, everything shown.
  bool is_idle(const view::ViewState& state) const;
  // The full frame of the current request has arrived.
  bool is_shown(const view::ViewState& state) const;
  bool is_busy() const { return worker_.is_busy(); }

  // Whether the table and the curve wait until they are on the screen.
  bool only_shown_work = false;

  // The camera to start a scene with, if one is stored.
  std::function<std::optional<Camera>(const std::string& scene)> first_camera =
      [](const std::string&) { return std::nullopt; };

 private:
  void open(view::ViewState& state, const view::DetectedFile& file);
  void take_events(view::ViewState& state);
  void run_commands(view::ViewState& state);
  bool run_command(view::ViewState& state, const view::Command& command);
  void load_needed_models(view::ViewState& state);
  void request_frame(view::ViewState& state);
  void request_thumbnails(const view::ViewState& state);
  void start_background(view::ViewState& state);
  void cancel_background();
  void start_projection(view::ViewState& state);
  void start_task(view::ViewState& state, const view::TaskRequest& task);
  void play(view::ViewState& state, double seconds);
  void run_track(view::ViewState& state, const view::TrackCommand& command);

  view::RenderWorker worker_;
  std::optional<view::FrameRequest> requested_;
  std::optional<view::FrameRequest> background_;  // what table and curve are computed for
  std::vector<uint64_t> background_tasks_;        // its tasks that have not ended
  std::optional<view::ProjectionTask> projection_;
  std::set<uint64_t> detections_;  // of what paths are; what is shown is about to change
  std::map<uint64_t, view::ThumbnailTask> thumbnails_;  // in progress, by their tasks' ids
  std::set<std::string> dropped_;  // dropped paths whose kind is being detected
  double play_clock_ = 0;
};

}  // namespace parallax
