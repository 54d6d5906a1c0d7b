// Derives requests and the panes' content from the state.
#include "vision/viewer/view_state.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"

namespace parallax::view {
namespace {

constexpr size_t kMaxMessages = 100;
constexpr size_t kMaxRecent = 12;
constexpr double kShownShare = 0.995;  // of pixels whose difference is within the colours
constexpr double kMaxGain = 1e8;       // float32 images differ by 6e-8 or not at all

bool is_input(const ViewState& state, int view) {
  return view >= 0 && view < static_cast<int>(state.reads.size()) && state.reads[view] != 0;
}

void add_source(const ViewState& state, const ModelSource& source, std::vector<ModelSource>& list) {
  if (state.loaded.count(source.model) != 0 &&
      std::find(list.begin(), list.end(), source) == list.end()) {
    list.push_back(source);
  }
}

std::vector<ModelSource> shown_sources(const ViewState& state) {
  std::vector<ModelSource> sources;
  if (state.screen == Screen::kProbe) {
    ModelSource source{state.probe.model, state.probe.form};
    add_source(state, source, sources);
    source.change = state.probe.change;
    add_source(state, source, sources);
    return sources;
  }
  for (const Pane& pane : state.panes) {
    if (pane.kind == PaneKind::kModel) {
      add_source(state, pane.source, sources);
    }
  }
  return sources;
}

bool same_camera(const Camera& a, const Camera& b) {
  return a.height == b.height && a.width == b.width && a.fx == b.fx && a.fy == b.fy &&
         a.cx == b.cx && a.cy == b.cy && a.c2w == b.c2w;
}

}  // namespace

std::string source_label(const ModelSource& source) {
  std::string label = source.model + " " + std::string(form_name(source.form));
  label += source.reading == ReadMode::kStreamed ? ", streamed" : "";
  if (source.change != RuleOverride{}) {
    label += source.change.inner_steps != 1
                 ? ", " + std::to_string(source.change.inner_steps) + " inner steps"
                 : "";
    label += source.change.ascent ? ", ascent" : "";
    label += source.change.mse ? ", MSE" : "";
    label += source.change.key_as_query ? ", query := key" : "";
  }
  return label;
}

void reset_panes(ViewState& state, const std::string& model) {
  state.panes.assign(4, {});
  state.panes[0].source = {model, Form::kRecurrent};
  state.panes[1].source = {model, Form::kParallel};
  state.panes[2].kind = PaneKind::kTruth;
  state.panes[3].kind = PaneKind::kDifference;
  for (Pane& pane : state.panes) {
    pane.source.model = model;
  }
}

void say(ViewState& state, const std::string& text) {
  state.messages.push_back({text, false});
  if (state.messages.size() > kMaxMessages) {
    state.messages.erase(state.messages.begin());
  }
}

void complain(ViewState& state, const std::string& text) {
  say(state, text);
  state.messages.back().is_error = true;
}

std::vector<int> input_views(const ViewState& state) {
  std::vector<int> inputs;
  if (state.scene == nullptr) {
    return inputs;
  }
  for (const int view : state.scene->inputs) {
    if (is_input(state, view)) {
      inputs.push_back(view);
    }
  }
  for (int view = 0; view < static_cast<int>(state.reads.size()); ++view) {
    if (is_input(state, view) && std::find(inputs.begin(), inputs.end(), view) == inputs.end()) {
      inputs.push_back(view);
    }
  }
  return inputs;
}

std::vector<int> held_out_views(const ViewState& state) {
  std::vector<int> views;
  for (int view = 0; view < static_cast<int>(state.reads.size()); ++view) {
    if (!is_input(state, view)) {
      views.push_back(view);
    }
  }
  return views;
}

void snap_to_view(ViewState& state, int view) {
  if (state.scene != nullptr && view >= 0 && view < static_cast<int>(state.scene->views.size())) {
    snap(state.view, state.scene->views[view].camera, state.scene->focus);
    state.snapped = view;
  }
}

void remember(ViewState& state, const std::string& path) {
  std::erase(state.recent, path);
  state.recent.insert(state.recent.begin(), path);
  if (state.recent.size() > kMaxRecent) {
    state.recent.resize(kMaxRecent);
  }
}

void camera_moved(ViewState& state) { state.snapped = -1; }

std::set<std::string> needed_models(const ViewState& state) {
  std::set<std::string> names;
  for (const Pane& pane : state.panes) {
    if (pane.kind == PaneKind::kModel && !pane.source.model.empty()) {
      names.insert(pane.source.model);
    }
  }
  if (state.screen == Screen::kProbe && !state.probe.model.empty()) {
    names.insert(state.probe.model);
  }
  return names;
}

std::optional<FrameRequest> wanted_frame(const ViewState& state) {
  if (state.scene == nullptr || state.screen == Screen::kClassify) {
    return std::nullopt;
  }
  FrameRequest request{.scene = state.scene->id,
                       .sources = shown_sources(state),
                       .inputs = input_views(state),
                       .camera = state.view.camera,
                       .view = state.snapped};
  if (request.inputs.empty()) {
    return std::nullopt;
  }
  for (const ModelSource& source : request.sources) {
    const ModelSource other = other_form(source);
    if (std::find(request.sources.begin(), request.sources.end(), other) == request.sources.end()) {
      request.counterparts.push_back(other);
    }
  }
  return request;
}

bool is_same_request(const FrameRequest& a, const FrameRequest& b) {
  return a.scene == b.scene && a.sources == b.sources && a.counterparts == b.counterparts &&
         a.inputs == b.inputs && a.view == b.view && same_camera(a.camera, b.camera);
}

std::vector<int> missing_thumbnails(const ViewState& state) {
  std::vector<int> missing;
  for (int view = state.shown_thumbnails.first; view < state.shown_thumbnails.last; ++view) {
    if (!state.thumbnails.contains(view)) {
      missing.push_back(view);
    }
  }
  return missing;
}

TableTask table_task(const ViewState& state) {
  TableTask task{.scene = state.scene != nullptr ? state.scene->id : 0,
                 .inputs = input_views(state)};
  for (const ModelChoice& model : state.models) {
    task.sources.push_back({model.name, Form::kRecurrent});
    task.sources.push_back({model.name, Form::kParallel});
  }
  return task;
}

const SourceFrame* find_source(const ViewState& state, const ModelSource& source) {
  if (!state.frame) {
    return nullptr;
  }
  const auto& sources = state.frame->sources;
  const auto found = std::find_if(
      sources.begin(), sources.end(), [&](const auto& frame) { return frame.source == source; });
  return found == sources.end() ? nullptr : &*found;
}

ImagePtr pane_picture(const ViewState& state, const Pane& pane) {
  if (!state.frame) {
    return nullptr;
  }
  switch (pane.kind) {
    case PaneKind::kTruth:
      return state.frame->truth;
    case PaneKind::kNearestInput:
      return state.frame->nearest;
    case PaneKind::kModel: {
      const SourceFrame* source = find_source(state, pane.source);
      return source != nullptr ? source->picture : nullptr;
    }
    case PaneKind::kDifference:
      return nullptr;
  }
  return nullptr;
}

std::string pane_note(const ViewState& state, const Pane& pane) {
  if (state.scene == nullptr) {
    return state.opening.empty() ? "No scene is open." : "Reading " + state.opening + " ...";
  }
  if (input_views(state).empty()) {
    return "No view is read: switch on at least one input view.";
  }
  if (pane.kind == PaneKind::kModel) {
    if (state.loading.count(pane.source.model) != 0) {
      return "Loading " + pane.source.model + " ...";
    }
    if (const auto error = state.model_errors.find(pane.source.model);
        error != state.model_errors.end()) {
      return error->second;
    }
    const SourceFrame* source = find_source(state, pane.source);
    return source != nullptr && !source->error.empty() ? source->error : "Rendering ...";
  }
  if (pane.kind == PaneKind::kTruth && state.snapped < 0) {
    return "The camera is not at a view of the scene: there is no truth here.";
  }
  if (pane.kind == PaneKind::kTruth && state.frame && !state.frame->truth_error.empty()) {
    return state.frame->truth_error;
  }
  if (pane.kind == PaneKind::kDifference) {
    return "Nothing to compare: one of the two panes has no image.";
  }
  return "Rendering ...";
}

std::string pane_title(const ViewState& state, const Pane& pane) {
  switch (pane.kind) {
    case PaneKind::kModel:
      return source_label(pane.source);
    case PaneKind::kTruth:
      return state.snapped >= 0 ? "truth, view " + std::to_string(state.snapped) : "truth";
    case PaneKind::kNearestInput:
      return state.frame && state.frame->nearest_view >= 0
                 ? "nearest input, view " + std::to_string(state.frame->nearest_view)
                 : "nearest input";
    case PaneKind::kDifference:
      return std::string(kDifferenceNames[static_cast<int>(pane.difference)]) + " difference of " +
             std::to_string(pane.first + 1) + " and " + std::to_string(pane.second + 1);
  }
  return "";
}

std::optional<ImageDifference> compare_pictures(const ImagePtr& a, const ImagePtr& b) {
  if (a == nullptr || b == nullptr || a->rgb.size() != b->rgb.size() || a->width != b->width ||
      a->rgb.empty()) {
    return std::nullopt;
  }
  // A cache: every frame of the interface asks for the same few images.
  struct Known {
    std::weak_ptr<const Image> a;
    std::weak_ptr<const Image> b;
    ImageDifference difference;
  };
  thread_local std::array<Known, 4> known;
  thread_local size_t next = 0;
  for (const Known& entry : known) {
    if (entry.a.lock() == a && entry.b.lock() == b) {
      return entry.difference;
    }
  }
  double sum = 0;
  std::vector<double> pixels(a->rgb.size() / 3);  // the channel that differs most
  for (size_t i = 0; i < a->rgb.size(); ++i) {
    const double difference = static_cast<double>(std::clamp(a->rgb[i], 0.0F, 1.0F)) -
                              static_cast<double>(std::clamp(b->rgb[i], 0.0F, 1.0F));
    sum += difference * difference;
    pixels[i / 3] = std::max(pixels[i / 3], std::abs(difference));
  }
  const double largest = *std::max_element(pixels.begin(), pixels.end());
  const auto rank =
      static_cast<int64_t>(std::ceil(kShownShare * static_cast<double>(pixels.size())) - 1);
  std::nth_element(pixels.begin(), pixels.begin() + rank, pixels.end());
  const ImageDifference result{-10 * std::log10(sum / static_cast<double>(a->rgb.size())),
                               largest,
                               pixels[static_cast<size_t>(rank)]};
  known[next++ % known.size()] = {a, b, result};
  return result;
}

float automatic_gain(const ImageDifference& difference) {
  const double end = difference.percentile > 0 ? difference.percentile : difference.max_absolute;
  return end > 0 ? static_cast<float>(std::min(1 / end, kMaxGain)) : 1;
}

bool is_listed(const ClassifyState& classify, const ClassifiedRow& row) {
  switch (classify.filter) {
    case ClassifyState::Filter::kAll:
      return true;
    case ClassifyState::Filter::kDisagreements:
      return row.error.empty() && row.recurrent_top1 != row.parallel_top1;
    case ClassifyState::Filter::kMistakes:
      return row.error.empty() && !row.truth.empty() && row.truth != row.parallel_top1;
  }
  return true;
}

}  // namespace parallax::view
