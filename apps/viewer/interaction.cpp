// Handles mouse and keys.
#include "apps/viewer/shortcuts.h"

#include <GLFW/glfw3.h>

#include <algorithm>
#include <cmath>

#include "apps/viewer/ui.h"

namespace parallax {
namespace {

using view::ViewState;

constexpr float kOrbitPerPixel = 0.008F;
constexpr float kWheelStep = 0.9F;
constexpr float kMaxZoom = 64;
constexpr double kFlyPerSecond = 0.6;   // as a fraction of the distance to the target
constexpr double kTurnPerSecond = 1.2;  // radians

bool is_down(int key) { return ImGui::IsKeyDown(key); }

double axis(int minus, int plus) {
  return (is_down(plus) ? 1.0 : 0.0) - (is_down(minus) ? 1.0 : 0.0);
}

void zoom_at(ViewState& state, float factor, const PaneDrawing& drawing, const ItemRect& rect) {
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const float before = state.zoom.factor;
  state.zoom.factor = std::clamp(before * factor, 1.0F, kMaxZoom);
  // The point under the cursor stays there.
  const float u = (mouse.x - rect.min.x - drawing.x) / drawing.shown_width;
  const float v = (mouse.y - rect.min.y - drawing.y) / drawing.shown_height;
  const float keep = before / state.zoom.factor;
  state.zoom.centre_x = u + (state.zoom.centre_x - u) * keep;
  state.zoom.centre_y = v + (state.zoom.centre_y - v) * keep;
  if (state.zoom.factor == 1) {
    state.zoom = {};
  }
}

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

void add_keyframe(ViewState& state) {
  if (state.scene != nullptr) {
    state.track.keyframes.push_back(state.view.camera);
  }
}

void open_dialog(ViewState& /*state*/, Ui& ui) { ui.show_open = true; }

}  // namespace

const std::vector<Shortcut>& shortcuts() {
  static const std::vector<Shortcut> list = {
      {GLFW_KEY_SLASH,
       Modifier::kShift,
       "?",
       "this sheet",
       [](ViewState&, Ui& ui) { ui.show_help = !ui.show_help; }},
      {GLFW_KEY_O,
       Modifier::kControl,
       "Ctrl+O",
       "open a scene, a checkpoint, a folder of images",
       open_dialog},
      {GLFW_KEY_F1,
       Modifier::kNone,
       "F1",
       "compare",
       [](ViewState& state, Ui&) { state.screen = view::Screen::kCompare; }},
      {GLFW_KEY_F2,
       Modifier::kNone,
       "F2",
       "classify",
       [](ViewState& state, Ui&) { state.screen = view::Screen::kClassify; }},
      {GLFW_KEY_F3,
       Modifier::kNone,
       "F3",
       "probe",
       [](ViewState& state, Ui&) { state.screen = view::Screen::kProbe; }},
      {GLFW_KEY_1,
       Modifier::kNone,
       "1",
       "one pane",
       [](ViewState& state, Ui&) { set_pane_count(state, 1); }},
      {GLFW_KEY_2,
       Modifier::kNone,
       "2",
       "two panes",
       [](ViewState& state, Ui&) { set_pane_count(state, 2); }},
      {GLFW_KEY_3,
       Modifier::kNone,
       "3",
       "three panes",
       [](ViewState& state, Ui&) { set_pane_count(state, 3); }},
      {GLFW_KEY_4,
       Modifier::kNone,
       "4",
       "four panes",
       [](ViewState& state, Ui&) { set_pane_count(state, 4); }},
      {GLFW_KEY_LEFT_BRACKET,
       Modifier::kNone,
       "[",
       "previous view of the scene",
       [](ViewState& state, Ui&) { step_view(state, -1); }},
      {GLFW_KEY_RIGHT_BRACKET,
       Modifier::kNone,
       "]",
       "next view of the scene",
       [](ViewState& state, Ui&) { step_view(state, 1); }},
      {GLFW_KEY_X,
       Modifier::kNone,
       "X",
       "split between the first two panes, on and off",
       [](ViewState& state, Ui&) { state.split = !state.split; }},
      {GLFW_KEY_B,
       Modifier::kNone,
       "B",
       "all panes: batch or streamed reading",
       [](ViewState& state, Ui&) { toggle_reading(state); }},
      {GLFW_KEY_R,
       Modifier::kNone,
       "R",
       "whole image again",
       [](ViewState& state, Ui&) { state.zoom = {}; }},
      {GLFW_KEY_K,
       Modifier::kNone,
       "K",
       "keyframe here",
       [](ViewState& state, Ui&) { add_keyframe(state); }},
      {GLFW_KEY_SPACE,
       Modifier::kNone,
       "Space",
       "play the path",
       [](ViewState& state, Ui&) { state.playing = !state.playing; }},
      {GLFW_KEY_ESCAPE,
       Modifier::kNone,
       "Esc",
       "cancel loading and background work",
       [](ViewState& state, Ui&) {
         state.commands.emplace_back(view::CancelLoadingCommand{});
         state.commands.emplace_back(view::CancelTasksCommand{});
       }},
      {GLFW_KEY_F11,
       Modifier::kNone,
       "F11",
       "frame times",
       [](ViewState&, Ui& ui) { ui.show_stats = !ui.show_stats; }},
      {GLFW_KEY_F12,
       Modifier::kNone,
       "F12",
       "screenshot with metadata",
       [](ViewState& state, Ui&) {
         state.commands.emplace_back(view::ScreenshotCommand{state.output + "/screenshot.png"});
       }},
      {GLFW_KEY_Q,
       Modifier::kControl,
       "Ctrl+Q",
       "quit",
       [](ViewState& state, Ui&) { state.commands.emplace_back(view::QuitCommand{}); }},
  };
  return list;
}

const std::vector<std::pair<std::string, std::string>>& held_keys() {
  static const std::vector<std::pair<std::string, std::string>> list = {
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

bool handle_shortcuts(ViewState& state, Ui& ui, double seconds) {
  const ImGuiIO& io = ImGui::GetIO();
  if (io.WantTextInput) {
    return false;
  }
  bool changed = false;
  for (const Shortcut& shortcut : shortcuts()) {
    const bool modifiers = io.KeyCtrl == (shortcut.modifier == Modifier::kControl) &&
                           io.KeyShift == (shortcut.modifier == Modifier::kShift);
    if (modifiers && ImGui::IsKeyPressed(shortcut.key, false)) {
      shortcut.act(state, ui);
      changed = true;
    }
  }
  state.flip = is_down(GLFW_KEY_F);
  if (state.scene == nullptr || io.KeyCtrl) {
    return changed;
  }
  const double right = axis(GLFW_KEY_A, GLFW_KEY_D);
  const double down = axis(GLFW_KEY_E, GLFW_KEY_Q);
  const double forward = axis(GLFW_KEY_S, GLFW_KEY_W);
  const double yaw = axis(GLFW_KEY_LEFT, GLFW_KEY_RIGHT);
  const double pitch = axis(GLFW_KEY_DOWN, GLFW_KEY_UP);
  const double nearer = axis(GLFW_KEY_MINUS, GLFW_KEY_EQUAL);
  if (right == 0 && down == 0 && forward == 0 && yaw == 0 && pitch == 0 && nearer == 0) {
    return changed;
  }
  const double way = kFlyPerSecond * seconds * std::max(state.scene->radius, 1e-6);
  const double turn = kTurnPerSecond * seconds;
  view::fly(state.view, right * way, down * way, forward * way);
  view::orbit(state.view, yaw * turn, -pitch * turn);
  view::dolly(state.view, std::exp(-nearer * seconds));
  view::camera_moved(state);
  return true;
}

bool handle_picture_mouse(ViewState& state, const PaneDrawing& drawing, const ItemRect& rect) {
  const ImGuiIO& io = ImGui::GetIO();
  bool changed = false;
  if (ImGui::IsItemHovered() && io.MouseWheel != 0) {
    if (io.KeyCtrl) {
      zoom_at(state, std::pow(1 / kWheelStep, io.MouseWheel), drawing, rect);
    } else {
      view::dolly(state.view, std::pow(kWheelStep, io.MouseWheel));
      view::camera_moved(state);
    }
    changed = true;
  }
  if (ImGui::IsItemHovered() && ImGui::IsMouseDoubleClicked(ImGuiMouseButton_Left)) {
    state.zoom = {};
    changed = true;
  }
  if (!ImGui::IsItemActive() || (io.MouseDelta.x == 0 && io.MouseDelta.y == 0)) {
    return changed;
  }
  if (ImGui::IsMouseDragging(ImGuiMouseButton_Left, 0) && !io.KeyShift) {
    view::orbit(state.view, -io.MouseDelta.x * kOrbitPerPixel, -io.MouseDelta.y * kOrbitPerPixel);
    view::camera_moved(state);
    changed = true;
  } else if (ImGui::IsMouseDragging(ImGuiMouseButton_Right, 0) ||
             ImGui::IsMouseDragging(ImGuiMouseButton_Left, 0)) {
    view::pan(
        state.view, io.MouseDelta.x / drawing.shown_height, io.MouseDelta.y / drawing.shown_height);
    view::camera_moved(state);
    changed = true;
  } else if (ImGui::IsMouseDragging(ImGuiMouseButton_Middle, 0)) {
    state.zoom.centre_x -= io.MouseDelta.x / drawing.shown_width;
    state.zoom.centre_y -= io.MouseDelta.y / drawing.shown_height;
    changed = true;
  }
  return changed;
}

}  // namespace parallax
