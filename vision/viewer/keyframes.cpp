// Keeps whole lists: a path has few keyframes.
#include "vision/viewer/keyframes.h"

#include <utility>

namespace parallax::view {
namespace {

constexpr size_t kMaxUndo = 100;
constexpr int kTurntableSteps = 12;

bool move_keyframes(ViewState& state,
                    std::vector<std::vector<Camera>>& from,
                    std::vector<std::vector<Camera>>& to) {
  if (from.empty()) {
    return false;
  }
  to.push_back(std::exchange(state.track.keyframes, std::move(from.back())));
  from.pop_back();
  return true;
}

}  // namespace

void change_keyframes(ViewState& state, std::vector<Camera> keyframes) {
  state.undo_keyframes.push_back(std::exchange(state.track.keyframes, std::move(keyframes)));
  if (state.undo_keyframes.size() > kMaxUndo) {
    state.undo_keyframes.erase(state.undo_keyframes.begin());
  }
  state.redo_keyframes.clear();
}

void add_keyframe(ViewState& state) {
  if (state.scene == nullptr) {
    return;
  }
  std::vector<Camera> keyframes = state.track.keyframes;
  keyframes.push_back(state.view.camera);
  change_keyframes(state, std::move(keyframes));
}

bool undo_keyframes(ViewState& state) {
  return move_keyframes(state, state.undo_keyframes, state.redo_keyframes);
}

bool redo_keyframes(ViewState& state) {
  return move_keyframes(state, state.redo_keyframes, state.undo_keyframes);
}

std::vector<Camera> turntable_keyframes(const ViewCamera& view) {
  std::vector<Camera> keyframes;
  for (int i = 0; i <= kTurntableSteps; ++i) {
    ViewCamera turned = view;
    orbit(turned, 2 * CV_PI * i / kTurntableSteps, 0);
    keyframes.push_back(turned.camera);
  }
  return keyframes;
}

void switch_keyframes(ViewState& state, const std::string& path) {
  if (state.scene != nullptr && state.scene->path == path) {
    return;  // read again, with further views
  }
  state.kept_keyframes = all_keyframes(state);
  const auto kept = state.kept_keyframes.extract(path);
  state.track.keyframes = kept.empty() ? std::vector<Camera>() : kept.mapped();
  state.undo_keyframes.clear();
  state.redo_keyframes.clear();
}

std::map<std::string, std::vector<Camera>> all_keyframes(const ViewState& state) {
  std::map<std::string, std::vector<Camera>> all = state.kept_keyframes;
  if (state.scene != nullptr && !state.track.keyframes.empty()) {
    all[state.scene->path] = state.track.keyframes;
  }
  return all;
}

}  // namespace parallax::view
