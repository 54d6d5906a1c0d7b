// Camera and input views: values, switches, thumbnails.
#include <fmt/format.h>

#include <algorithm>

#include "apps/viewer/ui.h"
#include "vision/viewer/keyframes.h"

namespace parallax {
namespace {

using view::ViewState;

// A thumbnail that snaps the camera to its view; returns whether it was clicked.
bool draw_thumbnail(ViewState& state, Ui& ui, int index) {
  const auto found = state.thumbnails.find(index);
  const view::ImagePtr picture = found != state.thumbnails.end() ? found->second : nullptr;
  const ImVec2 size{kThumbnailSide * ui.scale, kThumbnailSide * ui.scale};
  ImGui::PushID(index);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const bool clicked = ImGui::InvisibleButton("view", size);
  mark_item(ui, fmt::format("thumbnail/{}", index));
  ImDrawList* list = ImGui::GetWindowDrawList();
  const ImVec2 end{at.x + size.x, at.y + size.y};
  const ImTextureID texture = picture != nullptr ? ui.texture_of(picture) : nullptr;
  if (texture != nullptr) {
    list->AddImage(texture, at, end);
  } else {
    list->AddRectFilled(at, end, IM_COL32(60, 60, 66, 255));
  }
  const bool is_input = state.reads[index] != 0;
  list->AddText({at.x + 3, at.y + 1}, IM_COL32(20, 20, 20, 255), std::to_string(index).c_str());
  list->AddText({at.x + 2, at.y}, IM_COL32_WHITE, std::to_string(index).c_str());
  if (is_input) {
    list->AddRect(at, end, IM_COL32(80, 200, 120, 255), 0, 0, 2);
  }
  if (state.snapped == index) {
    list->AddRect(
        {at.x + 2, at.y + 2}, {end.x - 2, end.y - 2}, IM_COL32(255, 215, 60, 255), 0, 0, 2);
  }
  if (ImGui::IsItemHovered()) {
    ImGui::SetTooltip("%s\n%s%s\nclick: look from there, right click: %s",
                      state.scene->views[index].name.c_str(),
                      is_input ? "input view (green edge)" : "held-out view (no green edge)",
                      state.snapped == index ? "; the camera is here (yellow edge)" : "",
                      is_input ? "do not read it" : "read it");
  }
  bool changed = false;
  if (clicked) {
    view::snap_to_view(state, index);
    changed = true;
  }
  if (ImGui::IsItemClicked(ImGuiMouseButton_Right)) {
    state.reads[index] = is_input ? 0 : 1;
    changed = true;
  }
  ImGui::PopID();
  return changed;
}

}  // namespace

bool draw_strip_panel(ViewState& state, Ui& ui) {
  if (state.scene == nullptr) {
    return false;
  }
  bool changed = false;
  const auto count = static_cast<int>(state.scene->views.size());
  const float step = kThumbnailSide * ui.scale + ImGui::GetStyle().ItemSpacing.x;
  // Only visible thumbnails are drawn, and asked for: scenes have thousands of views.
  const float left = ImGui::GetScrollX();
  const int first = std::clamp(static_cast<int>(left / step), 0, count);
  const int last =
      std::clamp(static_cast<int>((left + ImGui::GetWindowWidth()) / step) + 1, 0, count);
  state.shown_thumbnails = {first, last};
  const ImVec2 start = ImGui::GetCursorPos();
  for (int i = first; i < last; ++i) {
    ImGui::SetCursorPos({start.x + step * static_cast<float>(i), start.y});
    changed |= draw_thumbnail(state, ui, i);
  }
  ImGui::SetCursorPos({start.x + step * static_cast<float>(count), start.y});
  ImGui::Dummy({1, 1});
  return changed;
}

bool draw_camera_panel(ViewState& state, Ui& ui) {
  if (state.scene == nullptr) {
    draw_note("No scene is open.");
    return false;
  }
  bool changed = false;
  const Camera& camera = state.view.camera;
  ImGui::Text("%s", state.scene->name.c_str());
  ImGui::TextDisabled("%s, %zu views, %dx%d",
                      state.scene->format.c_str(),
                      state.scene->views.size(),
                      state.scene->width,
                      state.scene->height);
  ImGui::Separator();
  if (state.snapped >= 0) {
    ImGui::Text("on view %d: %s",
                state.snapped,
                state.scene->views[static_cast<size_t>(state.snapped)].name.c_str());
  } else {
    ImGui::TextUnformatted("on no view of the scene");
  }
  const cv::Vec3d at = camera.position();
  ImGui::Text("position  %.3f  %.3f  %.3f", at[0], at[1], at[2]);
  ImGui::Text("target    %.3f  %.3f  %.3f",
              state.view.target[0],
              state.view.target[1],
              state.view.target[2]);
  auto degrees = static_cast<float>(view::vertical_fov(camera));
  if (ImGui::SliderFloat("field of view", &degrees, 5, 120, "%.1f deg")) {
    view::set_vertical_fov(state.view.camera, degrees);
    view::camera_moved(state);
    changed = true;
  }
  mark_item(ui, "fov");
  int view = std::max(state.snapped, 0);
  if (ImGui::SliderInt("view", &view, 0, static_cast<int>(state.scene->views.size()) - 1)) {
    view::snap_to_view(state, view);
    changed = true;
  }
  if (ImGui::Button("nearest view")) {
    int nearest = 0;
    for (int i = 0; i < static_cast<int>(state.scene->views.size()); ++i) {
      const auto distance = [&](int v) {
        return cv::norm(state.scene->views[v].camera.position() - at);
      };
      nearest = distance(i) < distance(nearest) ? i : nearest;
    }
    view::snap_to_view(state, nearest);
    changed = true;
  }
  ImGui::SameLine();
  if (ImGui::Button("keyframe here")) {
    view::add_keyframe(state);
    changed = true;
  }
  mark_item(ui, "add keyframe");
  return changed;
}

bool draw_inputs_panel(ViewState& state, Ui& ui) {
  if (state.scene == nullptr) {
    draw_note("No scene is open.");
    return false;
  }
  bool changed = false;
  const auto count = static_cast<int>(state.reads.size());
  const auto on = std::count(state.reads.begin(), state.reads.end(), 1);
  ImGui::TextWrapped(
      "%d of %d views are read: those with a green edge. The camera's has a yellow one.",
      static_cast<int>(on),
      count);
  if (ImGui::Button("as opened")) {
    state.reads.assign(state.reads.size(), 0);
    for (const int view : state.scene->inputs) {
      state.reads[view] = 1;
    }
    changed = true;
  }
  ImGui::SameLine();
  if (ImGui::Button("all but every eighth")) {
    for (int i = 0; i < count; ++i) {
      state.reads[i] = i % 8 == 0 ? 0 : 1;
    }
    changed = true;
  }
  ImGui::SameLine();
  if (ImGui::Button("none")) {
    state.reads.assign(state.reads.size(), 0);
    changed = true;
  }
  mark_item(ui, "inputs/none");
  ImGui::Separator();
  ImGui::BeginChild("list");
  ImGuiListClipper clipper;
  clipper.Begin(count);
  while (clipper.Step()) {
    for (int i = clipper.DisplayStart; i < clipper.DisplayEnd; ++i) {
      ImGui::PushID(i);
      bool read = state.reads[i] != 0;
      if (ImGui::Checkbox("##read", &read)) {
        state.reads[i] = read ? 1 : 0;
        changed = true;
      }
      mark_item(ui, fmt::format("input/{}", i));
      ImGui::SameLine();
      const std::string label = fmt::format("{}  {}", i, state.scene->views[i].name);
      if (ImGui::Selectable(label.c_str(), state.snapped == i)) {
        view::snap_to_view(state, i);
        changed = true;
      }
      ImGui::PopID();
    }
  }
  ImGui::EndChild();
  return changed;
}

}  // namespace parallax
