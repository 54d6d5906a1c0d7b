// Keys with their actions.
#include "apps/viewer/shortcuts.h"

#include <GLFW/glfw3.h>

#include <algorithm>

#include "apps/viewer/ui.h"
#include "vision/viewer/keyframes.h"

namespace parallax {
namespace {

using view::ViewState;

constexpr float kScaleStep = 0.25F;

void step_view(ViewState& state, int step) {
  if (state.scene == nullptr) {
    return;
  }
  const auto count = static_cast<int>(state.scene->views.size());
  const int from = state.snapped < 0 ? (step > 0 ? -1 : 0) : state.snapped;
  view::snap_to_view(state, ((from + step) % count + count) % count);
}

void toggle_reading(ViewState& state) {
  for (view::Pane& pane : state.panes) {
    pane.source.reading = pane.source.reading == view::ReadMode::kBatch ? view::ReadMode::kStreamed
                                                                        : view::ReadMode::kBatch;
  }
}

void set_pane_count(ViewState& state, size_t count) {
  while (state.panes.size() < count) {
    view::Pane pane = state.panes.back();
    pane.source.form = view::other_form(pane.source).form;
    state.panes.push_back(pane);
  }
  state.panes.resize(count);
}

// `step`: in steps of the scale; 0: the monitor's own again.
void change_scale(Ui& ui, float step) {
  ui.scale_option = 0;
  ui.wanted_scale =
      step == 0 ? 0 : std::clamp(ui.scale + step * kScaleStep, kLeastScale, kLargestScale);
}

const char* const kView = "View";
const char* const kPath = "Path";

}  // namespace

const std::vector<Shortcut>& shortcuts() {
  constexpr Modifier kNone = Modifier::kNone;
  constexpr Modifier kControl = Modifier::kControl;
  static const std::vector<Shortcut> list = {
      {GLFW_KEY_F1,
       kNone,
       "F1",
       "compare",
       kView,
       [](ViewState& state, Ui&) { state.screen = view::Screen::kCompare; }},
      {GLFW_KEY_F2,
       kNone,
       "F2",
       "classify",
       kView,
       [](ViewState& state, Ui&) { state.screen = view::Screen::kClassify; }},
      {GLFW_KEY_F3,
       kNone,
       "F3",
       "probe",
       kView,
       [](ViewState& state, Ui&) { state.screen = view::Screen::kProbe; }},
      {GLFW_KEY_P,
       kNone,
       "P",
       "panel at the side, on and off",
       kView,
       [](ViewState&, Ui& ui) { toggle_shown(ui.side, ui.side_is_shown); }},
      {GLFW_KEY_T,
       kNone,
       "T",
       "thumbnails, on and off",
       kView,
       [](ViewState&, Ui& ui) { toggle_shown(ui.strip, ui.strip_is_shown); }},
      {GLFW_KEY_H,
       kNone,
       "H",
       "images alone, on and off",
       kView,
       [](ViewState&, Ui& ui) { ui.pictures_only = !ui.pictures_only; }},
      {GLFW_KEY_1,
       kNone,
       "1",
       "one pane",
       kView,
       [](ViewState& state, Ui&) { set_pane_count(state, 1); }},
      {GLFW_KEY_2,
       kNone,
       "2",
       "two panes",
       kView,
       [](ViewState& state, Ui&) { set_pane_count(state, 2); }},
      {GLFW_KEY_3,
       kNone,
       "3",
       "three panes",
       kView,
       [](ViewState& state, Ui&) { set_pane_count(state, 3); }},
      {GLFW_KEY_4,
       kNone,
       "4",
       "four panes",
       kView,
       [](ViewState& state, Ui&) { set_pane_count(state, 4); }},
      {GLFW_KEY_X,
       kNone,
       "X",
       "split between the first two panes, on and off",
       kView,
       [](ViewState& state, Ui&) { state.split = !state.split; }},
      {GLFW_KEY_Z,
       kNone,
       "Z",
       "images at whole-number sizes, or fitting their panes",
       kView,
       [](ViewState& state, Ui&) { state.whole_pixels = !state.whole_pixels; }},
      {GLFW_KEY_R,
       kNone,
       "R",
       "whole image again",
       kView,
       [](ViewState& state, Ui&) { state.zoom = {}; }},
      {GLFW_KEY_LEFT_BRACKET,
       kNone,
       "[",
       "previous view of the scene",
       kView,
       [](ViewState& state, Ui&) { step_view(state, -1); }},
      {GLFW_KEY_RIGHT_BRACKET,
       kNone,
       "]",
       "next view of the scene",
       kView,
       [](ViewState& state, Ui&) { step_view(state, 1); }},
      {GLFW_KEY_B,
       kNone,
       "B",
       "all panes: batch or streamed reading",
       kView,
       [](ViewState& state, Ui&) { toggle_reading(state); }},
      {GLFW_KEY_EQUAL,
       kControl,
       "Ctrl+=",
       "larger text and controls",
       kView,
       [](ViewState&, Ui& ui) { change_scale(ui, 1); }},
      {GLFW_KEY_MINUS,
       kControl,
       "Ctrl+-",
       "smaller text and controls",
       kView,
       [](ViewState&, Ui& ui) { change_scale(ui, -1); }},
      {GLFW_KEY_0,
       kControl,
       "Ctrl+0",
       "text and controls as the monitor's scale says",
       kView,
       [](ViewState&, Ui& ui) { change_scale(ui, 0); }},
      {GLFW_KEY_F11,
       kNone,
       "F11",
       "frame times",
       kView,
       [](ViewState&, Ui& ui) { ui.show_stats = !ui.show_stats; }},
      {GLFW_KEY_K,
       kNone,
       "K",
       "keyframe here",
       kPath,
       [](ViewState& state, Ui&) { view::add_keyframe(state); }},
      {GLFW_KEY_SPACE,
       kNone,
       "Space",
       "play the path",
       kPath,
       [](ViewState& state, Ui&) { state.playing = !state.playing; }},
      {GLFW_KEY_Z,
       kControl,
       "Ctrl+Z",
       "undo the last change of the keyframes",
       kPath,
       [](ViewState& state, Ui&) { view::undo_keyframes(state); }},
      {GLFW_KEY_Y,
       kControl,
       "Ctrl+Y",
       "redo it",
       kPath,
       [](ViewState& state, Ui&) { view::redo_keyframes(state); }},
      {GLFW_KEY_O,
       kControl,
       "Ctrl+O",
       "open a scene, a checkpoint, a folder of images",
       nullptr,
       [](ViewState&, Ui& ui) { ui.show_open = true; }},
      {GLFW_KEY_F12,
       kNone,
       "F12",
       "screenshot with metadata",
       nullptr,
       [](ViewState& state, Ui&) {
         state.commands.emplace_back(view::ScreenshotCommand{state.output + "/screenshot.png"});
       }},
      {GLFW_KEY_SLASH,
       Modifier::kShift,
       "?",
       "shortcuts",
       nullptr,
       [](ViewState&, Ui& ui) { ui.show_help = !ui.show_help; }},
      {GLFW_KEY_Q,
       kControl,
       "Ctrl+Q",
       "quit",
       nullptr,
       [](ViewState& state, Ui&) { state.commands.emplace_back(view::QuitCommand{}); }},
  };
  return list;
}

const std::vector<std::pair<std::string, std::string>>& held_keys() {
  static const std::vector<std::pair<std::string, std::string>> list = {
      {"Esc", "close what is on top; else cancel loading and background work"},
      {"F (hold)", "flip between the first two panes"},
      {"W A S D Q E", "fly"},
      {"arrows", "orbit"},
      {"+ -", "nearer, farther"},
      {"drag", "orbit"},
      {"right drag", "pan"},
      {"wheel", "nearer, farther"},
      {"Ctrl+wheel", "enlarge the images at the cursor"},
      {"middle drag", "move the enlarged images"},
      {"double click", "whole image again"}};
  return list;
}

}  // namespace parallax
