// The menu bar with screens and progress, and the layout of panels in the window.
#include <fmt/format.h>

#include <algorithm>

#include "apps/viewer/shortcuts.h"
#include "apps/viewer/ui.h"
// Requires imgui.h before it.
#include <imgui_stdlib.h>

namespace parallax {
namespace {

using view::Screen;
using view::ViewState;

void draw_file_menu(ViewState& state, Ui& ui) {
  if (ImGui::MenuItem("Open ...", "Ctrl+O")) {
    ui.show_open = true;
  }
  if (ImGui::BeginMenu("Recent", !state.recent.empty())) {
    for (const std::string& path : std::vector<std::string>(state.recent)) {
      if (ImGui::MenuItem(path.c_str())) {
        state.commands.emplace_back(view::OpenCommand{path});
      }
    }
    ImGui::EndMenu();
  }
  ImGui::Separator();
  const auto export_to = [&](const char* label, const char* file) {
    if (ImGui::MenuItem(label)) {
      state.commands.emplace_back(view::ExportCommand{state.output + "/" + file});
    }
    mark_item(ui, std::string("export/") + file);
  };
  export_to("Export values as CSV", "compare.csv");
  export_to("Export values as JSON", "compare.json");
  export_to("Export panes as PNG", "panes.png");
  if (ImGui::MenuItem("Screenshot", "F12")) {
    state.commands.emplace_back(view::ScreenshotCommand{state.output + "/screenshot.png"});
  }
  ImGui::SetNextItemWidth(200 * ui.scale);
  ImGui::InputText("folder", &state.output);
  ImGui::Separator();
  if (ImGui::MenuItem("Quit", "Ctrl+Q")) {
    state.commands.emplace_back(view::QuitCommand{});
  }
}

void draw_work(ViewState& state, Ui& ui) {
  if (state.load_progress) {
    ImGui::ProgressBar(static_cast<float>(state.load_progress->share),
                       {160 * ui.scale, 0},
                       state.load_progress->text.c_str());
    if (ImGui::SmallButton("cancel")) {
      state.commands.emplace_back(view::CancelLoadingCommand{});
    }
    mark_item(ui, "cancel loading");
  } else if (state.task_progress) {
    ImGui::TextDisabled(
        "%s %.0f %%", state.task_progress->text.c_str(), state.task_progress->share * 100);
    if (ImGui::SmallButton("cancel")) {
      state.commands.emplace_back(view::CancelTasksCommand{});
    }
    mark_item(ui, "cancel tasks");
  }
}

void draw_status(ViewState& state, Ui& ui) {
  if (state.messages.empty()) {
    ImGui::TextDisabled("? for the shortcuts. Drop scenes, checkpoints and images on the window.");
    return;
  }
  const view::Message& last = state.messages.back();
  if (ImGui::SmallButton(
          fmt::format("{} message{}", state.messages.size(), state.messages.size() == 1 ? "" : "s")
              .c_str())) {
    ui.show_messages = !ui.show_messages;
  }
  mark_item(ui, "messages");
  ImGui::SameLine();
  const ImVec4 colour =
      last.is_error ? ImVec4(1, 0.45F, 0.4F, 1) : ImGui::GetStyleColorVec4(ImGuiCol_TextDisabled);
  ImGui::TextColored(colour, "%s", last.text.c_str());
  mark_item(ui, "status");
  if (ImGui::IsItemHovered()) {
    ImGui::SetTooltip("%s", last.text.c_str());
  }
}

struct SideTab {
  const char* name;
  bool (*draw)(ViewState&, Ui&);
};

constexpr SideTab kSideTabs[] = {{"Camera", draw_camera_panel},
                                 {"Views", draw_inputs_panel},
                                 {"Table", draw_table_panel},
                                 {"Per view", draw_view_plot_panel},
                                 {"Views read", draw_curve_panel},
                                 {"Path", draw_path_panel},
                                 {"Scene", draw_overview_panel}};

void draw_side(ViewState& state, Ui& ui) {
  if (!ImGui::BeginTabBar("side")) {
    return;
  }
  for (int i = 0; i < static_cast<int>(std::size(kSideTabs)); ++i) {
    const ImGuiTabItemFlags flags = ui.side_tab == i ? ImGuiTabItemFlags_SetSelected : 0;
    const bool open = ImGui::BeginTabItem(kSideTabs[i].name, nullptr, flags);
    mark_item(ui, std::string("tab/") + kSideTabs[i].name);
    if (open) {
      ImGui::BeginChild("content");
      ImGui::PushItemWidth(-ImGui::GetFontSize() * 7);
      kSideTabs[i].draw(state, ui);
      ImGui::PopItemWidth();
      ImGui::EndChild();
      ImGui::EndTabItem();
    }
  }
  ui.side_tab = -1;
  ImGui::EndTabBar();
}

void draw_compare_screen(ViewState& state, Ui& ui) {
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const float side = std::clamp(room.x * 0.32F, 60.0F * ui.scale, 460.0F * ui.scale);
  const float strip = state.scene != nullptr ? kThumbnailSide * ui.scale + 20 : 0;
  const float left = std::max(room.x - side - ImGui::GetStyle().ItemSpacing.x, 1.0F);
  const float gap = strip > 0 ? ImGui::GetStyle().ItemSpacing.y : 0;
  ImGui::BeginGroup();
  ImGui::BeginChild("panes", {left, std::max(room.y - strip - gap, 1.0F)});
  draw_panes_panel(state, ui);
  ImGui::EndChild();
  if (strip > 0) {
    ImGui::BeginChild("strip", {left, strip}, false, ImGuiWindowFlags_HorizontalScrollbar);
    draw_strip_panel(state, ui);
    ImGui::EndChild();
  }
  ImGui::EndGroup();
  ImGui::SameLine();
  ImGui::BeginChild("side");
  draw_side(state, ui);
  ImGui::EndChild();
}

}  // namespace

void mark_rect(Ui& ui, const std::string& name, const ImVec2& min, const ImVec2& max) {
  ui.items[name] = {min, max};
}

void mark_item(Ui& ui, const std::string& name) {
  mark_rect(ui, name, ImGui::GetItemRectMin(), ImGui::GetItemRectMax());
}

void draw_note(const std::string& text, bool is_error) {
  ImGui::PushStyleColor(
      ImGuiCol_Text,
      is_error ? ImVec4(1, 0.45F, 0.4F, 1) : ImGui::GetStyleColorVec4(ImGuiCol_Text));
  ImGui::PushTextWrapPos(0);
  ImGui::TextUnformatted(text.c_str());
  ImGui::PopTextWrapPos();
  ImGui::PopStyleColor();
}

bool draw_menu_panel(ViewState& state, Ui& ui) {
  if (!ImGui::BeginMenuBar()) {
    return false;
  }
  const size_t before = state.commands.size();
  const bool file = ImGui::BeginMenu("File");
  mark_item(ui, "menu/File");
  if (file) {
    draw_file_menu(state, ui);
    ImGui::EndMenu();
  }
  const bool help = ImGui::BeginMenu("View");
  mark_item(ui, "menu/View");
  if (help) {
    for (const Shortcut& shortcut : shortcuts()) {
      if (ImGui::MenuItem(shortcut.help, shortcut.name)) {
        shortcut.act(state, ui);
      }
    }
    ImGui::EndMenu();
  }
  for (int i = 0; i < static_cast<int>(std::size(view::kScreenNames)); ++i) {
    const bool current = static_cast<int>(state.screen) == i;
    ImGui::PushStyleColor(
        ImGuiCol_Text, ImGui::GetStyleColorVec4(current ? ImGuiCol_PlotHistogram : ImGuiCol_Text));
    if (ImGui::MenuItem(view::kScreenNames[i])) {
      state.screen = static_cast<Screen>(i);
    }
    mark_item(ui, std::string("screen/") + view::kScreenNames[i]);
    ImGui::PopStyleColor();
  }
  ImGui::Separator();
  draw_work(state, ui);
  ImGui::EndMenuBar();
  return state.commands.size() != before;
}

void draw_viewer(ViewState& state, Ui& ui) {
  ui.items.clear();
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({0, 0});
  ImGui::SetNextWindowSize(size);
  constexpr ImGuiWindowFlags kFlags =
      ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove | ImGuiWindowFlags_MenuBar |
      ImGuiWindowFlags_NoBringToFrontOnFocus | ImGuiWindowFlags_NoSavedSettings |
      ImGuiWindowFlags_NoScrollWithMouse | ImGuiWindowFlags_NoBackground;
  ImGui::Begin("parallax", nullptr, kFlags);
  draw_menu_panel(state, ui);
  const float status = ImGui::GetFrameHeight();
  const ImVec2 room = ImGui::GetContentRegionAvail();
  ImGui::BeginChild("screen",
                    {0, std::max(room.y - status, 1.0F)},
                    false,
                    ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
  switch (state.screen) {
    case Screen::kCompare:
      draw_compare_screen(state, ui);
      break;
    case Screen::kClassify:
      draw_classify_panel(state, ui);
      break;
    case Screen::kProbe:
      draw_probe_panel(state, ui);
      break;
  }
  ImGui::EndChild();
  draw_status(state, ui);
  ImGui::End();
  draw_dialogs(state, ui);
}

}  // namespace parallax
