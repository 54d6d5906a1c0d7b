// Edits of the camera path's keyframes, each of which can be undone.
#pragma once

#include <string>
#include <vector>

#include "vision/viewer/view_state.h"

namespace parallax::view {

// Replaces the keyframes; the earlier ones come back with undo_keyframes.
void change_keyframes(ViewState& state, std::vector<Camera> keyframes);

// Appends the current camera. Does nothing without a scene.
void add_keyframe(ViewState& state);

// Return whether there was anything to undo or to redo.
bool undo_keyframes(ViewState& state);
bool redo_keyframes(ViewState& state);

// One turn around the target in 12 steps; the last camera is the first again.
std::vector<Camera> turntable_keyframes(const ViewCamera& view);

// Puts the open scene's keyframes away and takes out those of the scene that is opened at `path`.
void switch_keyframes(ViewState& state, const std::string& path);

// Keyframes by scene, the open one's included.
std::map<std::string, std::vector<Camera>> all_keyframes(const ViewState& state);

}  // namespace parallax::view
