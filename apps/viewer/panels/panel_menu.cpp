// The menu bar with screens and progress, and the layout of panels in the window.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "apps/viewer/panels/layout.h"
#include "apps/viewer/shortcuts.h"
#include "apps/viewer/ui.h"
// Requires imgui.h before it.
#include <imgui_stdlib.h>

namespace parallax {
namespace {

using view::Screen;
using view::ViewState;

constexpr float kRecentWidth = 480;  // of a path in the menu, before the scale

void draw_file_menu(ViewState& state, Ui& ui) {
  if (ImGui::MenuItem("Open ...", "Ctrl+O")) {
    ui.show_open = true;
  }
  if (ImGui::BeginMenu("Recent", !state.recent.empty())) {
    for (const std::string& path : std::vector<std::string>(state.recent)) {
      if (ImGui::MenuItem(middle_ellipsis(path, kRecentWidth * ui.scale).c_str())) {
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
  } else if (state.lab.run.is_running && state.screen != Screen::kProbe) {
    ImGui::TextDisabled("laboratory: %s", state.lab.run.probe.c_str());
    mark_item(ui, "laboratory");
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

// Before the scale. Dragged to less than half of it, the panel is hidden.
constexpr float kLeastSide = 160;

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

// Tabs in as many lines as their names need.
void draw_side(ViewState& state, Ui& ui) {
  const float right = ImGui::GetWindowPos().x + ImGui::GetWindowContentRegionMax().x;
  ui.side_tab = std::clamp(ui.side_tab, 0, static_cast<int>(std::size(kSideTabs)) - 1);
  const int current = ui.side_tab;
  ImGui::PushStyleVar(ImGuiStyleVar_ItemSpacing, {2 * ui.scale, 2 * ui.scale});
  for (int i = 0; i < static_cast<int>(std::size(kSideTabs)); ++i) {
    const float width =
        ImGui::CalcTextSize(kSideTabs[i].name).x + 2 * ImGui::GetStyle().FramePadding.x;
    if (i > 0 && ImGui::GetItemRectMax().x + 2 * ui.scale + width <= right) {
      ImGui::SameLine();
    }
    ImGui::PushStyleColor(
        ImGuiCol_Button,
        ImGui::GetStyleColorVec4(i == current ? ImGuiCol_TabActive : ImGuiCol_Tab));
    if (ImGui::Button(kSideTabs[i].name)) {
      ui.side_tab = i;
    }
    ImGui::PopStyleColor();
    mark_item(ui, std::string("tab/") + kSideTabs[i].name);
  }
  ImGui::PopStyleVar();
  ImGui::Separator();
  ImGui::BeginChild("content");
  ImGui::PushItemWidth(-ImGui::GetFontSize() * 7);
  kSideTabs[current].draw(state, ui);
  ImGui::PopItemWidth();
  ImGui::EndChild();
}

// The edge between panes and panel: drag to resize the panel, click to hide it or to show it.
void draw_handle(Ui& ui, float right, float width, float height) {
  constexpr float kClickPixels = 4;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  ImGui::InvisibleButton("handle", {width, std::max(height, 1.0F)});
  mark_item(ui, "handle");
  const bool hovered = ImGui::IsItemHovered() || ImGui::IsItemActive();
  const bool dragged = ImGui::IsMouseDragging(ImGuiMouseButton_Left, kClickPixels * ui.scale);
  if (hovered) {
    ImGui::SetMouseCursor(ImGuiMouseCursor_ResizeEW);
    ImGui::SetTooltip("drag: width of the panel; click or P: %s it",
                      ui.side_is_shown ? "hide" : "show");
  }
  if (ImGui::IsItemActive() && dragged) {
    const float wanted = (right - ImGui::GetIO().MousePos.x - width / 2) / ui.scale;
    ui.side = wanted < kLeastSide / 2 ? Shown::kHidden : Shown::kShown;
    ui.side_width = std::max(wanted, kLeastSide);
    ui.side_was_dragged = true;
  }
  if (ImGui::IsItemDeactivated() && !std::exchange(ui.side_was_dragged, false)) {
    toggle_shown(ui.side, ui.side_is_shown);
  }
  ImDrawList* list = ImGui::GetWindowDrawList();
  const ImU32 colour = ImGui::GetColorU32(hovered ? ImGuiCol_SeparatorHovered : ImGuiCol_Separator);
  const float x = std::floor(at.x + width / 2);
  list->AddLine({x, at.y}, {x, at.y + height}, colour);
  const float y = at.y + height / 2;
  const float tip = (ui.side_is_shown ? 0.4F : -0.4F) * width;
  list->AddTriangleFilled({x + tip, y},
                          {x - tip, y - width * 0.6F},
                          {x - tip, y + width * 0.6F},
                          ImGui::GetColorU32(ImGuiCol_TextDisabled));
}

void draw_compare_screen(ViewState& state, Ui& ui) {
  if (state.scene == nullptr) {
    draw_start_panel(state, ui);
    return;
  }
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const ImVec2 corner = ImGui::GetCursorScreenPos();
  const CompareLayout layout = lay_out_compare(room, ui, true);
  ui.side_is_shown = layout.side > 0;
  ui.strip_is_shown = layout.strip > 0;
  ImGui::BeginGroup();
  ImGui::BeginChild("panes", layout.panes);
  draw_panes_panel(state, ui);
  ImGui::EndChild();
  mark_item(ui, "panes");
  if (layout.strip > 0) {
    ImGui::BeginChild(
        "strip", {layout.panes.x, layout.strip}, false, ImGuiWindowFlags_HorizontalScrollbar);
    draw_strip_panel(state, ui);
    ImGui::EndChild();
    mark_item(ui, "strip");
  }
  ImGui::EndGroup();
  ImGui::SameLine(0, 0);
  draw_handle(ui, corner.x + room.x, room.x - layout.side - layout.panes.x, room.y);
  if (layout.side > 0) {
    ImGui::SameLine(0, 0);
    ImGui::BeginChild("side");
    draw_side(state, ui);
    ImGui::EndChild();
    mark_item(ui, "side");
  }
}

void draw_shortcut_items(ViewState& state, Ui& ui, const std::string& menu) {
  for (const Shortcut& shortcut : shortcuts()) {
    if (shortcut.menu != nullptr && menu == shortcut.menu &&
        ImGui::MenuItem(shortcut.help, shortcut.name)) {
      shortcut.act(state, ui);
    }
  }
}

void draw_help_menu(Ui& ui) {
  if (ImGui::MenuItem("Shortcuts", "?")) {
    ui.show_help = true;
  }
  if (ImGui::MenuItem("Messages")) {
    ui.show_messages = true;
  }
}

void draw_menus(ViewState& state, Ui& ui) {
  const std::pair<const char*, std::function<void()>> menus[] = {
      {"File", [&] { draw_file_menu(state, ui); }},
      {"View", [&] { draw_shortcut_items(state, ui, "View"); }},
      {"Path", [&] { draw_shortcut_items(state, ui, "Path"); }},
      {"Help", [&] { draw_help_menu(ui); }}};
  for (const auto& [name, draw] : menus) {
    const bool open = ImGui::BeginMenu(name);
    mark_item(ui, std::string("menu/") + name);
    if (open) {
      draw();
      ImGui::EndMenu();
    }
  }
}

void draw_screen(ViewState& state, Ui& ui) {
  switch (state.screen) {
    case Screen::kCompare:
      draw_compare_screen(state, ui);
      break;
    case Screen::kClassify:
      draw_classify_panel(state, ui);
      break;
    case Screen::kProbe:
      if (state.scene == nullptr) {
        draw_start_panel(state, ui);
      } else {
        draw_probe_panel(state, ui);
      }
      break;
  }
}

}  // namespace

bool draw_menu_panel(ViewState& state, Ui& ui) {
  if (!ImGui::BeginMenuBar()) {
    return false;
  }
  const size_t before = state.commands.size();
  draw_menus(state, ui);
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
  state.shown_thumbnails = {};
  state.results_shown = false;
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  ImGui::SetNextWindowPos({0, 0});
  ImGui::SetNextWindowSize(size);
  constexpr ImGuiWindowFlags kFlags =
      ImGuiWindowFlags_NoDecoration | ImGuiWindowFlags_NoMove |
      ImGuiWindowFlags_NoBringToFrontOnFocus | ImGuiWindowFlags_NoSavedSettings |
      ImGuiWindowFlags_NoScrollWithMouse | ImGuiWindowFlags_NoBackground;
  const bool bare = ui.pictures_only && state.screen == Screen::kCompare && state.scene != nullptr;
  if (bare) {
    ImGui::PushStyleVar(ImGuiStyleVar_WindowPadding, {0, 0});
  }
  ImGui::Begin("parallax", nullptr, kFlags | (bare ? 0 : ImGuiWindowFlags_MenuBar));
  if (bare) {
    ImGui::PopStyleVar();
    draw_panes_panel(state, ui);
  } else {
    draw_menu_panel(state, ui);
    const float status = ImGui::GetFrameHeight();
    const ImVec2 room = ImGui::GetContentRegionAvail();
    ImGui::BeginChild("screen",
                      {0, std::max(room.y - status, 1.0F)},
                      false,
                      ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
    draw_screen(state, ui);
    ImGui::EndChild();
    draw_status(state, ui);
  }
  ImGui::End();
  draw_dialogs(state, ui);
}

}  // namespace parallax
