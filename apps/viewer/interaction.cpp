// Handles mouse and held keys.
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

// Closes what is on top; with nothing to close, stops what the program is doing.
void escape(ViewState& state, Ui& ui) {
  if (close_topmost(state, ui)) {
    return;
  }
  if (ui.pictures_only) {
    ui.pictures_only = false;
    return;
  }
  state.commands.emplace_back(view::CancelLoadingCommand{});
  state.commands.emplace_back(view::CancelTasksCommand{});
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

}  // namespace

bool handle_shortcuts(ViewState& state, Ui& ui, double seconds) {
  const ImGuiIO& io = ImGui::GetIO();
  bool changed = false;
  // A text field takes Esc for itself, but the dialog to open files consists of little else.
  if (ImGui::IsKeyPressed(GLFW_KEY_ESCAPE, false) && (!io.WantTextInput || ui.show_open)) {
    escape(state, ui);
    changed = true;
  }
  if (io.WantTextInput) {
    return changed;
  }
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
