// Merges the worker's events into the state.
#include <algorithm>

#include "vision/viewer/keyframes.h"
#include "vision/viewer/view_state.h"

namespace parallax::view {
namespace {

// 48 KiB each, and several windows wide.
constexpr size_t kMostThumbnails = 256;

void apply(ViewState& state, const OpenedScene& opened) {
  switch_keyframes(state, opened.path);
  state.scene = std::make_shared<const OpenedScene>(opened);
  state.reads.assign(opened.views.size(), 0);
  for (const int view : opened.inputs) {
    state.reads[view] = 1;
  }
  state.thumbnails.clear();
  state.shown_thumbnails = {};
  state.frame.reset();
  state.full.reset();
  state.table.clear();
  state.curve.clear();
  state.playing = false;
  state.view.up = opened.up;
  const std::vector<int> held_out = held_out_views(state);
  snap_to_view(state, held_out.empty() ? 0 : held_out.front());
  remember(state, opened.path);
  for (const std::string& note : opened.notes) {
    say(state, note);
  }
}

void apply(ViewState& state, const Frame& frame) {
  if (state.scene == nullptr || frame.scene != state.scene->id) {
    return;
  }
  state.frame = frame;
  if (frame.full) {
    state.full = frame;
  }
}

void apply(ViewState& state, const ModelLoaded& loaded) {
  state.loading.erase(loaded.model.name);
  state.model_errors.erase(loaded.model.name);
  state.loaded[loaded.model.name] = loaded;
  const auto known = std::find_if(state.models.begin(), state.models.end(), [&](const auto& model) {
    return model.name == loaded.model.name;
  });
  if (known == state.models.end()) {
    state.models.push_back(loaded.model);
  } else {
    *known = loaded.model;
  }
}

void apply(ViewState& state, const DetectedFile& file) {
  state.commands.emplace_back(OpenDetectedCommand{file});
}

void apply(ViewState& state, const TableRow& row) {
  if (state.scene == nullptr || row.scene != state.scene->id) {
    return;
  }
  const auto known = std::find_if(state.table.begin(), state.table.end(), [&](const TableRow& r) {
    return r.source == row.source;
  });
  if (known == state.table.end()) {
    state.table.push_back(row);
  } else {
    *known = row;
  }
}

void apply(ViewState& state, const CurvePoint& point) {
  if (state.scene != nullptr && point.scene == state.scene->id &&
      point.model == state.curve_model) {
    state.curve.push_back(point);
  }
}

void apply(ViewState& state, const Thumbnail& thumbnail) {
  if (state.scene == nullptr || thumbnail.scene != state.scene->id) {
    return;
  }
  state.thumbnails[thumbnail.view] = thumbnail.picture;
  // Those farthest from what is on the screen are at an end of the list.
  const ViewRange& shown = state.shown_thumbnails;
  const size_t most = std::max(kMostThumbnails, static_cast<size_t>(shown.last - shown.first));
  while (state.thumbnails.size() > most) {
    const int before = shown.first - state.thumbnails.begin()->first;
    const int after = state.thumbnails.rbegin()->first - shown.last;
    state.thumbnails.erase(before > after ? state.thumbnails.begin()
                                          : std::prev(state.thumbnails.end()));
  }
}

void apply(ViewState& state, const VideoWritten& video) {
  state.videos.push_back(video);
  say(state, "Written: " + video.path);
}

void apply(ViewState& state, const ClassifyStarted& started) {
  state.classify.rows.clear();
  state.classify.selected = -1;
  state.classify.large = {};
  state.classify.images = started.images;
}

void apply(ViewState& state, const ClassifiedRow& row) { state.classify.rows.push_back(row); }

void apply(ViewState& state, const LargeImage& image) { state.classify.large = image; }

void apply(ViewState& state, const TokenProjection& projection) {
  state.probe.projection = projection;
}

void apply(ViewState& state, const SceneOfPhotos& made) {
  for (const std::string& note : made.notes) {
    say(state, note);
  }
  state.screen = Screen::kCompare;
  state.commands.emplace_back(OpenDetectedCommand{{made.path, FileKind::kScene}});
}

void apply(ViewState& state, const TaskProgress& progress) {
  (progress.queue == WorkQueue::kLoad ? state.load_progress : state.task_progress) = progress;
}

// Undoes a model switch that failed: restores the model shown before.
void restore_model(ViewState& state, const std::string& name) {
  state.loading.erase(name);
  for (Pane& pane : state.panes) {
    if (pane.source.model == name && !pane.previous_model.empty()) {
      pane.source.model = pane.previous_model;
    }
  }
}

void apply_load_end(ViewState& state, const Ended& ended) {
  state.load_progress.reset();
  if (ended.what == state.opening) {
    state.opening.clear();
  }
  if (state.loading.count(ended.what) == 0) {
    return;
  }
  if (!ended.error.empty()) {
    state.model_errors[ended.what] = ended.error;
  }
  if (ended.cancelled) {
    restore_model(state, ended.what);
    if (needed_models(state).count(ended.what) != 0) {
      state.model_errors[ended.what] = "Loading was cancelled; choose the model again to load it.";
    }
  }
  state.loading.erase(ended.what);
}

void apply(ViewState& state, const Ended& ended) {
  switch (ended.queue) {
    case WorkQueue::kLoad:
      apply_load_end(state, ended);
      break;
    case WorkQueue::kFrame:
      state.frame_request = state.frame_request == ended.id ? 0 : state.frame_request;
      break;
    case WorkQueue::kTask:
      if (state.task_progress && state.task_progress->id == ended.id) {
        state.task_progress.reset();
      }
      state.classify.task = state.classify.task == ended.id ? 0 : state.classify.task;
      state.probe.task = state.probe.task == ended.id ? 0 : state.probe.task;
      break;
  }
  if (!ended.error.empty() && !ended.cancelled) {
    complain(state, ended.error);
  }
}

}  // namespace

void apply_event(ViewState& state, const Event& event) {
  std::visit([&](const auto& what) { apply(state, what); }, event);
}

}  // namespace parallax::view
