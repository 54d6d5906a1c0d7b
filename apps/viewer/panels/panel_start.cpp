// What to begin with where no scene is open: bundled and recent files, and the models.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "apps/viewer/ui.h"

namespace parallax {
namespace {

using view::ViewState;

// A path as a line to click; returns whether it was chosen.
bool draw_path(Ui& ui, const std::string& path, const std::string& shown, const std::string& name) {
  ImGui::PushID(name.c_str());
  const float room = ImGui::GetContentRegionAvail().x - ImGui::GetFontSize();
  const bool chosen = ImGui::Selectable(middle_ellipsis(shown, room).c_str());
  mark_item(ui, name);
  if (ImGui::IsItemHovered()) {
    ImGui::SetTooltip("%s", path.c_str());
  }
  ImGui::PopID();
  return chosen;
}

bool draw_files(ViewState& state, Ui& ui) {
  bool changed = false;
  const auto list = [&](const char* title,
                        const char* item,
                        bool bundled,
                        const std::vector<std::string>& paths) {
    if (paths.empty()) {
      return;
    }
    ImGui::TextUnformatted(title);
    ImGui::Separator();
    for (size_t i = 0; i < paths.size(); ++i) {
      const std::string shown =
          bundled ? std::filesystem::path(paths[i]).filename().string() : paths[i];
      if (draw_path(ui, paths[i], shown, fmt::format("start/{}/{}", item, i))) {
        state.commands.emplace_back(view::OpenCommand{paths[i]});
        changed = true;
      }
    }
    ImGui::Spacing();
  };
  list("Bundled scenes", "scene", true, state.bundled_scenes);
  list("Recent", "recent", false, state.recent);
  if (ImGui::Button("Open ... (Ctrl+O)")) {
    ui.show_open = true;
  }
  mark_item(ui, "start/open");
  ImGui::TextWrapped(
      "Or drop a scene, a checkpoint or a folder of images to classify on the window. ? shows all "
      "keys.");
  return changed;
}

// The chosen model is shown first when a scene opens.
bool draw_models(ViewState& state, Ui& ui) {
  bool changed = false;
  ImGui::TextUnformatted("Model");
  ImGui::Separator();
  for (const view::ModelChoice& model : state.models) {
    const std::string label = fmt::format("{}##{}", model.name, model.variant);
    if (ImGui::Selectable(label.c_str(), model.name == state.open.model)) {
      state.open.model = model.name;
      state.probe.model = model.name;
      view::reset_panes(state, model.name);
      changed = true;
    }
    mark_item(ui, "start/model/" + model.name);
    ImGui::PushStyleColor(ImGuiCol_Text, ImGui::GetStyleColorVec4(ImGuiCol_TextDisabled));
    ImGui::TextWrapped("variant %s: %s", model.variant.c_str(), model.summary.c_str());
    ImGui::PopStyleColor();
  }
  if (state.models.empty()) {
    ImGui::TextWrapped("There is none: open a checkpoint.");
  }
  return changed;
}

}  // namespace

bool draw_start_panel(ViewState& state, Ui& ui) {
  if (!state.opening.empty()) {
    draw_note("Reading " + state.opening + " ...");
  }
  const ImVec2 room = ImGui::GetContentRegionAvail();
  ImGui::BeginChild("files", {room.x * 0.55F, 0}, true);
  bool changed = draw_files(state, ui);
  ImGui::EndChild();
  ImGui::SameLine();
  ImGui::BeginChild("models", {0, 0}, true);
  changed |= draw_models(state, ui);
  ImGui::EndChild();
  return changed;
}

}  // namespace parallax
