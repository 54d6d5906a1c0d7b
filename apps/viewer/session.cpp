// One pass per frame.
#include "apps/viewer/session.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "apps/viewer/exports.h"
#include "core/base/error.h"
#include "core/base/paths.h"
#include "vision/viewer/keyframes.h"

namespace parallax {

using view::ViewState;

namespace {

// Few, so that what is on the screen now is read next, and enough to keep the worker busy.
constexpr size_t kThumbnailsAtOnce = 4;

}  // namespace

void Session::update(ViewState& state, double seconds) {
  take_events(state);
  run_commands(state);
  play(state, seconds);
  load_needed_models(state);
  request_frame(state);
  request_thumbnails(state);
  start_background(state);
  start_projection(state);
}

void Session::take_events(ViewState& state) {
  for (const view::Event& event : worker_.take_events()) {
    view::apply_event(state, event);
    if (const auto* ended = std::get_if<view::Ended>(&event)) {
      std::erase(background_tasks_, ended->id);
      detections_.erase(ended->id);
      thumbnails_.erase(ended->id);
    }
    if (const auto* opened = std::get_if<view::OpenedScene>(&event)) {
      requested_.reset();
      background_.reset();
      projection_.reset();
      if (const auto camera = first_camera(opened->path)) {
        view::snap(
            state.view, view::resize_camera(*camera, opened->height, opened->width), opened->focus);
        view::camera_moved(state);
      }
    }
  }
}

void Session::run_commands(ViewState& state) {
  std::deque<view::Command> left;
  while (!state.commands.empty()) {
    const view::Command command = state.commands.front();
    state.commands.pop_front();
    try {
      if (!run_command(state, command)) {
        left.push_back(command);
      }
    } catch (const std::exception& error) {
      view::complain(state, error.what());
    }
  }
  state.commands = std::move(left);
}

bool Session::run_command(ViewState& state, const view::Command& command) {
  if (const auto* open = std::get_if<view::OpenCommand>(&command)) {
    if (open->dropped) {
      dropped_.insert(open->path);
    }
    detections_.insert(worker_.detect(open->path));
  } else if (const auto* add = std::get_if<view::AddViewsCommand>(&command)) {
    if (state.scene != nullptr) {
      std::vector<std::string> added = state.scene->added;
      added.push_back(add->path);
      open_scene(state, state.scene->path, std::move(added));
    }
  } else if (const auto* known = std::get_if<view::OpenDetectedCommand>(&command)) {
    this->open(state, known->file);
  } else if (std::holds_alternative<view::CancelLoadingCommand>(command)) {
    worker_.cancel_loading();
  } else if (std::holds_alternative<view::CancelTasksCommand>(command)) {
    worker_.cancel_tasks();
  } else if (const auto* task = std::get_if<view::TaskCommand>(&command)) {
    start_task(state, task->task);
  } else if (const auto* track = std::get_if<view::TrackCommand>(&command)) {
    run_track(state, *track);
  } else if (const auto* numbers = std::get_if<view::ExportCommand>(&command);
             numbers != nullptr && !numbers->path.ends_with(".png")) {
    const std::string path = next_free_path(numbers->path);
    export_numbers(state, path);
    view::say(state, "Written: " + path);
  } else {
    return false;
  }
  return true;
}

void Session::start_task(ViewState& state, const view::TaskRequest& task) {
  if (!std::holds_alternative<view::ClassifyFolderTask>(task)) {
    worker_.start_task(task);
    return;
  }
  // Tasks that the user waits for come before the table, which is restarted when it is shown.
  if (!background_tasks_.empty()) {
    cancel_background();
    background_.reset();
  }
  if (state.classify.task != 0) {
    worker_.cancel_task(state.classify.task);
  }
  state.classify.task = worker_.start_task(task);
}

void Session::run_track(ViewState& state, const view::TrackCommand& command) {
  if (command.write) {
    create_folder(std::filesystem::absolute(command.path).parent_path());
    view::write_track(command.path, state.track);
    view::say(state, "Written: " + command.path);
    return;
  }
  view::CameraTrack track = view::read_track(command.path);
  view::change_keyframes(state, std::exchange(track.keyframes, {}));
  state.track.frames = track.frames;
  state.track.frames_per_second = track.frames_per_second;
  view::say(state, "The path of " + command.path + " is loaded.");
}

void Session::open_scene(ViewState& state,
                         const std::string& path,
                         std::vector<std::string> added) {
  worker_.cancel_tasks();
  state.opening = path;
  view::OpenRequest request = state.open;
  request.path = path;
  request.added = std::move(added);
  worker_.open(std::move(request));
}

void Session::open(ViewState& state, const view::DetectedFile& file) {
  const std::string& path = file.path;
  switch (file.kind) {
    case view::FileKind::kScene:
      if (dropped_.erase(path) != 0 && state.scene != nullptr) {
        state.dropped_scene = path;
      } else {
        open_scene(state, path);
      }
      break;
    case view::FileKind::kImageFolder:
      if (dropped_.erase(path) != 0) {
        state.dropped_photos = path;
      }
      state.screen = view::Screen::kClassify;
      state.classify.folder = path;
      view::remember(state, path);
      if (!state.classify.model.empty() || !state.classifiers.empty()) {
        start_task(state,
                   view::ClassifyFolderTask{path, state.classify.model, state.classify.variant});
      } else {
        view::complain(state, "Name a classifier, bundled or a checkpoint, to classify " + path);
      }
      break;
    case view::FileKind::kClassifier:
      state.screen = view::Screen::kClassify;
      state.classify.model = path;
      view::remember(state, path);
      view::say(state, "The classifier is " + path + "; name a folder of images.");
      break;
    case view::FileKind::kModel:
      view::remember(state, path);
      if (!state.panes.empty()) {
        view::Pane& pane = state.panes.front();
        pane.previous_model = pane.source.model;
        pane.kind = view::PaneKind::kModel;
        pane.source.model = path;
      }
      break;
  }
}

void Session::load_needed_models(ViewState& state) {
  for (const std::string& name : view::needed_models(state)) {
    if (state.loaded.count(name) == 0 && state.loading.count(name) == 0 &&
        state.model_errors.count(name) == 0) {
      state.loading.insert(name);
      worker_.load_model(name);
    }
  }
}

void Session::request_frame(ViewState& state) {
  const auto wanted = view::wanted_frame(state);
  if (!wanted) {
    if (requested_) {
      worker_.cancel_frame();
      requested_.reset();
      state.frame_request = 0;
    }
    return;
  }
  if (!requested_ || !view::is_same_request(*requested_, *wanted)) {
    requested_ = wanted;
    state.frame_request = worker_.request_frame(*wanted);
  }
}

void Session::request_thumbnails(const ViewState& state) {
  for (const int view : view::missing_thumbnails(state)) {
    if (thumbnails_.size() >= kThumbnailsAtOnce) {
      return;
    }
    const bool is_in_progress =
        std::any_of(thumbnails_.begin(), thumbnails_.end(), [&](const auto& entry) {
          return entry.second.scene == state.scene->id && entry.second.view == view;
        });
    if (!is_in_progress) {
      const view::ThumbnailTask task{.scene = state.scene->id, .view = view};
      thumbnails_[worker_.start_short_task(task)] = task;
    }
  }
}

// Starts the table and the curve for the current input views, once the first full frame has
// arrived.
void Session::start_background(ViewState& state) {
  if (!state.full || state.frame_request != 0 || state.screen != view::Screen::kCompare ||
      (only_shown_work && !state.results_shown)) {
    return;
  }
  view::FrameRequest now{.scene = state.scene->id, .inputs = view::input_views(state)};
  if (now.inputs.empty() || view::held_out_views(state).empty() ||
      (background_ && background_->scene == now.scene && background_->inputs == now.inputs)) {
    return;
  }
  cancel_background();
  background_ = now;
  state.table.clear();
  state.curve.clear();
  state.curve_model = state.open.model;
  background_tasks_ = {
      worker_.start_task(view::table_task(state)),
      worker_.start_task(view::CurveTask{now.scene, state.curve_model, now.inputs})};
}

void Session::cancel_background() {
  for (const uint64_t task : background_tasks_) {
    worker_.cancel_task(task);
  }
}

void Session::start_projection(ViewState& state) {
  if (state.screen != view::Screen::kProbe || state.scene == nullptr ||
      state.loaded.count(state.probe.model) == 0 || view::input_views(state).empty()) {
    return;
  }
  view::ProjectionTask task{.scene = state.scene->id,
                            .source = {state.probe.model, state.probe.form},
                            .inputs = view::input_views(state),
                            .block = state.probe.block};
  task.source.change = state.probe.change;
  if (projection_ && projection_->scene == task.scene && projection_->source == task.source &&
      projection_->inputs == task.inputs && projection_->block == task.block) {
    return;
  }
  if (state.probe.task != 0) {
    worker_.cancel_task(state.probe.task);
  }
  projection_ = task;
  state.probe.task = worker_.start_task(task);
}

void Session::play(ViewState& state, double seconds) {
  if (!state.playing || state.scene == nullptr) {
    return;
  }
  const std::vector<Camera> cameras = view::track_cameras(state.track);
  if (cameras.empty()) {
    state.playing = false;
    return;
  }
  play_clock_ += seconds * state.track.frames_per_second;
  const auto steps = static_cast<int>(play_clock_);
  play_clock_ -= steps;
  if (steps > 0) {
    state.playhead = (state.playhead + steps) % static_cast<int>(cameras.size());
    view::snap(
        state.view,
        view::resize_camera(cameras[state.playhead], state.scene->height, state.scene->width),
        state.scene->focus);
    view::camera_moved(state);
  }
}

bool Session::is_idle(const ViewState& state) const {
  return !worker_.is_busy() && state.commands.empty() && state.loading.empty() &&
         state.opening.empty() && !state.playing;
}

bool Session::is_shown(const ViewState& state) const {
  if (!state.commands.empty() || !state.loading.empty() || !state.opening.empty() ||
      !detections_.empty()) {
    return false;
  }
  const auto wanted = view::wanted_frame(state);
  return !wanted || (requested_ && view::is_same_request(*requested_, *wanted) && state.full &&
                     state.frame_request == 0);
}

}  // namespace parallax
