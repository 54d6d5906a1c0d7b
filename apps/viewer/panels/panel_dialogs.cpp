// Dialogs above everything else: open, shortcuts, messages, what to do with a dropped scene.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "apps/viewer/completion.h"
#include "apps/viewer/shortcuts.h"
#include "apps/viewer/ui.h"
// Requires imgui.h before it.
#include <imgui_stdlib.h>

namespace parallax {
namespace {

using view::ViewState;

void open_path(ViewState& state, Ui& ui, const std::string& path) {
  state.commands.emplace_back(view::OpenCommand{expand_home(path)});
  ui.show_open = false;
}

void centre_next_window(float width, float height, float scale) {
  const ImVec2 screen = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({screen.x / 2, screen.y / 2}, ImGuiCond_Appearing, {0.5F, 0.5F});
  ImGui::SetNextWindowSize({std::min(width * scale, screen.x), std::min(height * scale, screen.y)},
                           ImGuiCond_Appearing);
}

bool draw_open_dialog(ViewState& state, Ui& ui) {
  if (!ui.show_open) {
    return false;
  }
  bool changed = false;
  centre_next_window(640, 420, ui.scale);
  if (ImGui::Begin("Open", &ui.show_open, ImGuiWindowFlags_NoCollapse)) {
    ImGui::TextDisabled("A scene's folder or camera file, a checkpoint, a folder of images.");
    if (ImGui::IsWindowAppearing()) {
      ImGui::SetKeyboardFocusHere();
    }
    ImGui::SetNextItemWidth(-80 * ui.scale);
    const bool entered =
        ImGui::InputText("##path", &ui.open_path, ImGuiInputTextFlags_EnterReturnsTrue);
    mark_item(ui, "open/path");
    ImGui::SameLine();
    const bool pressed = ImGui::Button("open", {-1, 0});
    mark_item(ui, "open/open");
    if ((entered || pressed) && !ui.open_path.empty()) {
      open_path(state, ui, ui.open_path);
      changed = true;
    }
    if (ui.completed_for != ui.open_path || ImGui::IsWindowAppearing()) {
      ui.completions = complete_path(ui.open_path);
      ui.completed_for = ui.open_path;
    }
    ImGui::BeginChild("paths", {0, 0}, true);
    if (ui.open_path.empty()) {
      for (const std::string& path : std::vector<std::string>(state.recent)) {
        if (ImGui::Selectable(fmt::format("{}   (recent)", path).c_str())) {
          open_path(state, ui, path);
          changed = true;
        }
      }
    }
    for (const std::string& path : std::vector<std::string>(ui.completions)) {
      if (ImGui::Selectable(path.c_str(), false, ImGuiSelectableFlags_DontClosePopups)) {
        ui.open_path = path;
      }
    }
    ImGui::EndChild();
  }
  ImGui::End();
  return changed;
}

// Asks what to do with a scene that was dropped while another is open.
bool draw_dropped(ViewState& state, Ui& ui) {
  if (state.dropped_scene.empty()) {
    return false;
  }
  bool changed = false;
  bool open = true;
  centre_next_window(520, 150, ui.scale);
  if (ImGui::Begin("Dropped", &open, ImGuiWindowFlags_NoCollapse)) {
    draw_note(state.dropped_scene);
    if (ImGui::Button("open it")) {
      state.commands.emplace_back(view::OpenCommand{state.dropped_scene});
      open = false;
      changed = true;
    }
    mark_item(ui, "dropped/open");
    ImGui::SameLine();
    if (ImGui::Button("add its views to the open scene")) {
      state.commands.emplace_back(view::AddViewsCommand{state.dropped_scene});
      open = false;
      changed = true;
    }
    mark_item(ui, "dropped/add");
    ImGui::SameLine();
    open = !ImGui::Button("neither") && open;
    ImGui::TextDisabled(
        "Added views must be in the open scene's coordinates; all of them are read.");
  }
  ImGui::End();
  if (!open) {
    state.dropped_scene.clear();
  }
  return changed;
}

// The folder of the scene that is made of a folder of photographs.
std::string scene_of_photos(const ViewState& state) {
  const std::filesystem::path folder =
      std::filesystem::path(state.dropped_photos + "/").parent_path();
  return (std::filesystem::path(state.output) / (folder.filename().string() + "_scene")).string();
}

// Offers to make a scene of a folder of images that was dropped; it is classified meanwhile.
bool draw_dropped_photos(ViewState& state, Ui& ui) {
  if (state.dropped_photos.empty()) {
    return false;
  }
  bool changed = false;
  bool open = true;
  centre_next_window(520, 150, ui.scale);
  if (ImGui::Begin("Dropped images", &open, ImGuiWindowFlags_NoCollapse)) {
    draw_note(state.dropped_photos);
    if (ImGui::Button("make a scene of them")) {
      state.commands.emplace_back(view::CancelTasksCommand{});
      state.commands.emplace_back(
          view::TaskCommand{view::PhotosTask{state.dropped_photos, scene_of_photos(state)}});
      open = false;
      changed = true;
    }
    mark_item(ui, "dropped photos/scene");
    ImGui::SameLine();
    open = !ImGui::Button("classify them") && open;
    mark_item(ui, "dropped photos/classify");
    ImGui::TextDisabled(
        "For photographs of one place: COLMAP finds their cameras, which takes minutes.");
  }
  ImGui::End();
  if (!open) {
    state.dropped_photos.clear();
  }
  return changed;
}

bool draw_question(ViewState& state, Ui& ui) {
  if (!ui.question) {
    return false;
  }
  bool open = true;
  bool changed = false;
  centre_next_window(520, 150, ui.scale);
  if (ImGui::Begin("Question", &open, ImGuiWindowFlags_NoCollapse)) {
    draw_note(ui.question->text);
    const std::vector<Question::Answer> answers = ui.question->answers;
    for (size_t i = 0; i < answers.size(); ++i) {
      if (ImGui::Button(answers[i].text.c_str())) {
        answers[i].act(state);
        changed = true;
      }
      mark_item(ui, fmt::format("question/{}", i));
      ImGui::SameLine();
    }
    open = !ImGui::Button("cancel") && open;
    mark_item(ui, "question/cancel");
  }
  ImGui::End();
  if (!open || changed) {
    ui.question.reset();
  }
  return changed;
}

void draw_help(Ui& ui) {
  if (!ui.show_help) {
    return;
  }
  centre_next_window(520, 560, ui.scale);
  if (ImGui::Begin("Shortcuts", &ui.show_help, ImGuiWindowFlags_NoCollapse)) {
    if (ImGui::BeginTable("keys", 2, ImGuiTableFlags_RowBg | ImGuiTableFlags_SizingFixedFit)) {
      for (const auto& [keys, help] : held_keys()) {
        ImGui::TableNextColumn();
        ImGui::TextUnformatted(keys.c_str());
        ImGui::TableNextColumn();
        ImGui::TextUnformatted(help.c_str());
      }
      for (const Shortcut& shortcut : shortcuts()) {
        ImGui::TableNextColumn();
        ImGui::TextUnformatted(shortcut.name);
        ImGui::TableNextColumn();
        ImGui::TextUnformatted(shortcut.help);
      }
      ImGui::EndTable();
    }
  }
  ImGui::End();
}

void draw_messages(ViewState& state, Ui& ui) {
  if (!ui.show_messages) {
    return;
  }
  centre_next_window(640, 320, ui.scale);
  if (ImGui::Begin("Messages", &ui.show_messages, ImGuiWindowFlags_NoCollapse)) {
    for (const view::Message& message : state.messages) {
      draw_note(message.text, message.is_error);
    }
    if (state.messages.empty()) {
      ImGui::TextDisabled("none");
    }
  }
  ImGui::End();
}

void draw_stats(const Ui& ui) {
  if (!ui.show_stats) {
    return;
  }
  ImGui::SetNextWindowPos({ImGui::GetIO().DisplaySize.x - 8, 30}, ImGuiCond_Always, {1, 0});
  if (ImGui::Begin("##stats",
                   nullptr,
                   ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoInputs |
                       ImGuiWindowFlags_AlwaysAutoResize | ImGuiWindowFlags_NoFocusOnAppearing)) {
    ImGui::Text("%.1f ms, 95 %% below %.1f ms, %d frames",
                ui.times.last_ms,
                ui.times.percentile95_ms,
                ui.times.frames);
  }
  ImGui::End();
}

}  // namespace

bool draw_dialogs(ViewState& state, Ui& ui) {
  const bool opened = draw_open_dialog(state, ui);
  const bool scene = draw_dropped(state, ui);
  const bool photos = draw_dropped_photos(state, ui);
  const bool changed = draw_question(state, ui) || scene || photos || opened;
  draw_help(ui);
  draw_messages(state, ui);
  draw_stats(ui);
  return changed;
}

}  // namespace parallax
