// The camera path with its timeline, and the scene from outside.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "apps/viewer/exports.h"
#include "apps/viewer/ui.h"
#include "vision/viewer/keyframes.h"
// Requires imgui.h before it.
#include <imgui_stdlib.h>

namespace parallax {
namespace {

using view::ViewState;

constexpr size_t kMostFrusta = 500;

// A perspective projection of the scene seen from outside.
class OverviewProjection {
 public:
  OverviewProjection(const view::OpenedScene& scene, const Ui& ui, const ItemRect& rect)
      : centre_(scene.focus),
        mid_{(rect.min.x + rect.max.x) / 2, (rect.min.y + rect.max.y) / 2},
        pixels_(std::min(rect.max.x - rect.min.x, rect.max.y - rect.min.y) * 0.38 /
                std::max(scene.radius, 1e-9)) {
    const cv::Vec3d up = scene.up;
    const cv::Vec3d other = std::abs(up[0]) < 0.9 ? cv::Vec3d(1, 0, 0) : cv::Vec3d(0, 1, 0);
    const cv::Vec3d a = cv::normalize(other - up * up.dot(other));
    const cv::Vec3d b = up.cross(a);
    const cv::Vec3d ahead = a * std::cos(ui.overview_yaw) + b * std::sin(ui.overview_yaw);
    right_ = up.cross(ahead);
    up_ = up * std::cos(ui.overview_pitch) + ahead * std::sin(ui.overview_pitch);
  }

  ImVec2 operator()(const cv::Vec3d& point) const {
    const cv::Vec3d offset = point - centre_;
    return {mid_.x + static_cast<float>(right_.dot(offset) * pixels_),
            mid_.y - static_cast<float>(up_.dot(offset) * pixels_)};
  }

 private:
  cv::Vec3d centre_;
  ImVec2 mid_;
  double pixels_;
  cv::Vec3d right_;
  cv::Vec3d up_;
};

void draw_frustum(const OverviewProjection& project,
                  const Camera& camera,
                  double size,
                  ImU32 colour,
                  float thickness) {
  ImVec2 corners[4];
  const double w = size * camera.width / camera.fx / 2;
  const double h = size * camera.height / camera.fy / 2;
  for (int i = 0; i < 4; ++i) {
    const double x = i == 0 || i == 3 ? -w : w;
    const double y = i < 2 ? -h : h;
    corners[i] = project(camera.position() + camera.forward() * size + camera.right() * x +
                         camera.down() * y);
  }
  const ImVec2 tip = project(camera.position());
  ImDrawList* list = ImGui::GetWindowDrawList();
  for (int i = 0; i < 4; ++i) {
    list->AddLine(corners[i], corners[(i + 1) % 4], colour, thickness);
    list->AddLine(tip, corners[i], colour, thickness);
  }
}

// Keyframes are replaced without a question only where there are none.
void ask_to_import(ViewState& state, Ui& ui) {
  const auto import = [path = ui.track_path](ViewState& changed) {
    changed.commands.emplace_back(view::TrackCommand{path, false});
  };
  if (state.track.keyframes.empty()) {
    import(state);
    return;
  }
  ui.question = {
      .text = fmt::format("Replace the path's {} keyframes by those of {}? Ctrl+Z brings "
                          "them back.",
                          state.track.keyframes.size(),
                          ui.track_path),
      .answers = {{"replace", import}}};
}

void ask_to_export(ViewState& state, Ui& ui) {
  const auto write_to = [](const std::string& path) {
    return [path](ViewState& changed) {
      changed.commands.emplace_back(view::TrackCommand{path, true});
    };
  };
  std::error_code ignored;
  if (!std::filesystem::exists(ui.track_path, ignored)) {
    write_to(ui.track_path)(state);
    return;
  }
  const std::string other = next_free_path(ui.track_path);
  ui.question = {
      .text = ui.track_path + " exists.",
      .answers = {{"replace", write_to(ui.track_path)},
                  {"write " + std::filesystem::path(other).filename().string(), write_to(other)}}};
}

void ask_for_turntable(ViewState& state, Ui& ui) {
  const std::vector<Camera> turn = view::turntable_keyframes(state.view);
  if (state.track.keyframes.empty()) {
    view::change_keyframes(state, turn);
    return;
  }
  const auto append = [turn](ViewState& changed) {
    std::vector<Camera> all = changed.track.keyframes;
    all.insert(all.end(), turn.begin(), turn.end());
    view::change_keyframes(changed, std::move(all));
  };
  ui.question = {
      .text = fmt::format("The path has {} keyframes. Replace them by a turn around the target? "
                          "Ctrl+Z brings them back.",
                          state.track.keyframes.size()),
      .answers = {
          {"replace", [turn](ViewState& changed) { view::change_keyframes(changed, turn); }},
          {"append", append}}};
}

bool draw_undo(ViewState& state, Ui& ui) {
  bool changed = false;
  ImGui::BeginDisabled(state.undo_keyframes.empty());
  if (ImGui::Button("undo")) {
    changed = view::undo_keyframes(state);
  }
  ImGui::EndDisabled();
  mark_item(ui, "path/undo");
  ImGui::SameLine();
  ImGui::BeginDisabled(state.redo_keyframes.empty());
  if (ImGui::Button("redo")) {
    changed = view::redo_keyframes(state);
  }
  ImGui::EndDisabled();
  mark_item(ui, "path/redo");
  ImGui::SameLine();
  return changed;
}

bool draw_path_files(ViewState& state, Ui& ui) {
  if (ui.track_path.empty()) {
    ui.track_path = state.output + "/path.json";
  }
  ImGui::InputText("file", &ui.track_path);
  bool changed = false;
  if (ImGui::Button("import")) {
    ask_to_import(state, ui);
    changed = true;
  }
  mark_item(ui, "path/import");
  ImGui::SameLine();
  if (ImGui::Button("export")) {
    ask_to_export(state, ui);
    changed = true;
  }
  mark_item(ui, "path/export");
  return changed;
}

void start_video(ViewState& state) {
  view::VideoTask task{.scene = state.scene->id,
                       .inputs = view::input_views(state),
                       .cameras = view::track_cameras(state.track),
                       .folder = state.output};
  for (Camera& camera : task.cameras) {
    camera = view::resize_camera(camera, state.scene->height, state.scene->width);
  }
  for (const view::Pane& pane : state.panes) {
    if (pane.kind == view::PaneKind::kModel &&
        std::find(task.sources.begin(), task.sources.end(), pane.source) == task.sources.end()) {
      task.sources.push_back(pane.source);
    }
  }
  state.commands.emplace_back(view::TaskCommand{std::move(task)});
}

bool draw_timeline(ViewState& state, Ui& ui) {
  bool changed = false;
  const std::vector<Camera> cameras = view::track_cameras(state.track);
  const auto last = std::max(static_cast<int>(cameras.size()) - 1, 0);
  state.playhead = std::clamp(state.playhead, 0, last);
  ImGui::SetNextItemWidth(-1);
  if (ImGui::SliderInt("##playhead", &state.playhead, 0, last, "frame %d") && !cameras.empty()) {
    view::snap(state.view, cameras[state.playhead], state.scene->focus);
    view::camera_moved(state);
    changed = true;
  }
  mark_item(ui, "path/playhead");
  if (ImGui::Button(state.playing ? "stop" : "play")) {
    state.playing = !state.playing;
  }
  ImGui::SameLine();
  if (ImGui::Button("keyframe here")) {
    view::add_keyframe(state);
    changed = true;
  }
  mark_item(ui, "path/keyframe");
  ImGui::SameLine();
  if (ImGui::Button("turntable")) {
    ask_for_turntable(state, ui);
    changed = true;
  }
  mark_item(ui, "path/turntable");
  ImGui::SameLine();
  ImGui::BeginDisabled(cameras.empty());
  if (ImGui::Button("video")) {
    start_video(state);
    changed = true;
  }
  mark_item(ui, "path/video");
  if (ImGui::IsItemHovered()) {
    ImGui::SetTooltip("the path as MP4, for every shown model and form");
  }
  ImGui::EndDisabled();
  return changed;
}

}  // namespace

bool draw_path_panel(ViewState& state, Ui& ui) {
  if (state.scene == nullptr) {
    draw_note("No scene is open.");
    return false;
  }
  bool changed = draw_timeline(state, ui);
  changed |=
      ImGui::SliderInt("frames", &state.track.frames, 2, 1000, "%d", ImGuiSliderFlags_Logarithmic);
  changed |= draw_path_files(state, ui);
  ImGui::Separator();
  changed |= draw_undo(state, ui);
  ImGui::Text("%zu keyframes", state.track.keyframes.size());
  int removed = -1;
  for (int i = 0; i < static_cast<int>(state.track.keyframes.size()); ++i) {
    ImGui::PushID(i);
    const cv::Vec3d at = state.track.keyframes[i].position();
    if (ImGui::SmallButton("go")) {
      view::snap(state.view, state.track.keyframes[i], state.scene->focus);
      view::camera_moved(state);
      changed = true;
    }
    ImGui::SameLine();
    if (ImGui::SmallButton("remove")) {
      removed = i;
    }
    mark_item(ui, fmt::format("path/remove/{}", i));
    ImGui::SameLine();
    ImGui::Text("%d   %.2f %.2f %.2f", i, at[0], at[1], at[2]);
    ImGui::PopID();
  }
  if (removed >= 0) {
    std::vector<Camera> left = state.track.keyframes;
    left.erase(left.begin() + removed);
    view::change_keyframes(state, std::move(left));
    changed = true;
  }
  for (const view::VideoWritten& video : state.videos) {
    ImGui::TextWrapped("%s", video.path.c_str());
  }
  return changed;
}

bool draw_overview_panel(ViewState& state, Ui& ui) {
  if (state.scene == nullptr) {
    draw_note("No scene is open.");
    return false;
  }
  ImGui::TextDisabled("green: inputs, grey: held out\nyellow: the camera, blue: keyframes");
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const ItemRect rect{at, {at.x + std::max(room.x, 1.0F), at.y + std::max(room.y, 1.0F)}};
  ImGui::InvisibleButton("overview", {rect.max.x - at.x, rect.max.y - at.y});
  mark_item(ui, "overview");
  if (ImGui::IsItemActive()) {
    ui.overview_yaw -= ImGui::GetIO().MouseDelta.x * 0.01;
    ui.overview_pitch =
        std::clamp(ui.overview_pitch + ImGui::GetIO().MouseDelta.y * 0.01, -1.5, 1.5);
  }
  const OverviewProjection project(*state.scene, ui, rect);
  ImDrawList* list = ImGui::GetWindowDrawList();
  list->PushClipRect(rect.min, rect.max, true);
  const double size = state.scene->radius * 0.15;
  // Of very many views only some are drawn: more could not be told apart.
  const size_t step = state.scene->views.size() / kMostFrusta + 1;
  for (size_t i = 0; i < state.scene->views.size(); i += step) {
    const ImU32 colour =
        state.reads[i] != 0 ? IM_COL32(80, 200, 120, 255) : IM_COL32(120, 120, 130, 150);
    draw_frustum(project, state.scene->views[i].camera, size, colour, 1);
  }
  for (const Camera& camera : state.track.keyframes) {
    draw_frustum(project, camera, size, IM_COL32(90, 140, 255, 255), 1);
  }
  draw_frustum(project, state.view.camera, size * 1.4, IM_COL32(255, 215, 60, 255), 2);
  list->AddCircleFilled(project(state.view.target), 3, IM_COL32(255, 215, 60, 255));
  list->PopClipRect();
  return false;
}

}  // namespace parallax
