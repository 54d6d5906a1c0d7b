// A folder of images: thumbnails, the selected image enlarged, and both forms' top 5 side by side.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "apps/viewer/panels/plots.h"
#include "apps/viewer/ui.h"
// Requires imgui.h before it.
#include <imgui_stdlib.h>

namespace parallax {
namespace {

using view::ClassifyState;
using view::ViewState;

constexpr float kTile = 84;
constexpr ImU32 kBroken = IM_COL32(160, 160, 160, 255);
constexpr ImU32 kWrong = IM_COL32(230, 80, 70, 255);
constexpr ImU32 kDisagree = IM_COL32(255, 215, 60, 255);

void start(ViewState& state) {
  ClassifyState& classify = state.classify;
  state.commands.emplace_back(view::TaskCommand{
      view::ClassifyFolderTask{classify.folder, classify.model, classify.variant}});
}

bool draw_controls(ViewState& state, Ui& ui) {
  ClassifyState& classify = state.classify;
  bool changed = false;
  ImGui::SetNextItemWidth(ImGui::GetContentRegionAvail().x * 0.4F);
  ImGui::InputTextWithHint("##folder", "folder of images", &classify.folder);
  mark_item(ui, "classify/folder");
  ImGui::SameLine();
  ImGui::SetNextItemWidth(ImGui::GetContentRegionAvail().x * 0.4F);
  ImGui::InputTextWithHint("##model", "model: bundled name or checkpoint", &classify.model);
  ImGui::SameLine();
  if (!state.classifiers.empty()) {
    ImGui::SetNextItemWidth(ImGui::GetFontSize() * 2);
    if (ImGui::BeginCombo("##models", "", ImGuiComboFlags_NoPreview)) {
      for (const std::string& name : state.classifiers) {
        if (ImGui::Selectable(name.c_str())) {
          classify.model = name;
        }
      }
      ImGui::EndCombo();
    }
    ImGui::SameLine();
  }
  if (ImGui::Button(classify.task == 0 ? "classify" : "stop")) {
    if (classify.task == 0) {
      start(state);
    } else {
      state.commands.emplace_back(view::CancelTasksCommand{});
    }
    changed = true;
  }
  mark_item(ui, "classify/start");
  const char* filters[] = {"all", "disagreements", "mistakes"};
  for (int i = 0; i < 3; ++i) {
    if (i > 0) {
      ImGui::SameLine();
    }
    if (ImGui::RadioButton(filters[i], static_cast<int>(classify.filter) == i)) {
      classify.filter = static_cast<ClassifyState::Filter>(i);
      changed = true;
    }
    mark_item(ui, std::string("classify/filter/") + filters[i]);
  }
  return changed;
}

void draw_summary(const ClassifyState& classify) {
  int good = 0;
  int same = 0;
  int labelled = 0;
  int right[2] = {0, 0};
  double largest = 0;
  for (const view::ClassifiedRow& row : classify.rows) {
    if (!row.error.empty()) {
      continue;
    }
    ++good;
    same += row.recurrent_top1 == row.parallel_top1 ? 1 : 0;
    largest = std::max(largest, row.largest_difference);
    if (!row.truth.empty()) {
      ++labelled;
      right[0] += row.recurrent_top1 == row.truth ? 1 : 0;
      right[1] += row.parallel_top1 == row.truth ? 1 : 0;
    }
  }
  std::string text = fmt::format("{} of {} images, {} broken; the forms agree on {} of {}",
                                 classify.rows.size(),
                                 classify.images,
                                 classify.rows.size() - static_cast<size_t>(good),
                                 same,
                                 good);
  text += fmt::format(", largest difference of a probability {:.1e}", largest);
  if (labelled > 0) {
    text += fmt::format("; top-1 {:.1f} % recurrent, {:.1f} % parallel of {} labelled",
                        100.0 * right[0] / labelled,
                        100.0 * right[1] / labelled,
                        labelled);
  }
  ImGui::TextWrapped("%s", text.c_str());
}

void draw_tile(const view::ClassifiedRow& row, Ui& ui, const ImVec2& size, bool selected) {
  const ImVec2 at = ImGui::GetItemRectMin();
  const ImVec2 end{at.x + size.x, at.y + size.y};
  ImDrawList* list = ImGui::GetWindowDrawList();
  const ImTextureID texture = row.thumbnail != nullptr ? ui.texture_of(row.thumbnail) : nullptr;
  if (texture != nullptr) {
    const float longer = static_cast<float>(std::max(row.thumbnail->width, row.thumbnail->height));
    const float w = size.x * static_cast<float>(row.thumbnail->width) / longer;
    const float h = size.y * static_cast<float>(row.thumbnail->height) / longer;
    list->AddImage(texture, at, {at.x + w, at.y + h});
  } else {
    list->AddRectFilled(at, end, IM_COL32(60, 60, 66, 255));
  }
  const bool wrong = !row.truth.empty() && row.truth != row.parallel_top1;
  if (!row.error.empty() || wrong || row.recurrent_top1 != row.parallel_top1) {
    const ImU32 colour = !row.error.empty() ? kBroken : wrong ? kWrong : kDisagree;
    const float side = ImGui::GetFontSize() * 0.6F;
    list->AddRectFilled({end.x - side, at.y}, {end.x, at.y + side}, colour);
  }
  const float line = ImGui::GetTextLineHeight();
  const std::string label =
      middle_ellipsis(row.error.empty() ? row.parallel_top1 : "not readable", size.x - 4);
  list->AddRectFilled({at.x, end.y - line}, end, IM_COL32(0, 0, 0, 160));
  list->AddText({at.x + 2, end.y - line}, IM_COL32_WHITE, label.c_str());
  if (selected) {
    list->AddRect(at, end, IM_COL32(255, 170, 0, 255), 0, 0, 3);
  }
}

// What the squares in the tiles' corners mean.
void draw_tile_legend() {
  const float side = ImGui::GetFontSize() * 0.6F;
  for (const auto& [colour, text] : {std::pair{kWrong, "mistake"},
                                     std::pair{kDisagree, "the forms disagree"},
                                     std::pair{kBroken, "not readable"}}) {
    const ImVec2 at = ImGui::GetCursorScreenPos();
    const float top = at.y + (ImGui::GetTextLineHeight() - side) / 2;
    ImGui::GetWindowDrawList()->AddRectFilled({at.x, top}, {at.x + side, top + side}, colour);
    ImGui::Dummy({side, side});
    ImGui::SameLine();
    ImGui::TextDisabled("%s", text);
    ImGui::SameLine(0, ImGui::GetFontSize());
  }
  ImGui::NewLine();
}

bool draw_grid(ViewState& state, Ui& ui) {
  ClassifyState& classify = state.classify;
  std::vector<int> listed;
  for (int i = 0; i < static_cast<int>(classify.rows.size()); ++i) {
    if (view::is_listed(classify, classify.rows[i])) {
      listed.push_back(i);
    }
  }
  const ImVec2 size{kTile * ui.scale, kTile * ui.scale};
  const float step = size.x + ImGui::GetStyle().ItemSpacing.x;
  const int columns = std::max(1, static_cast<int>(ImGui::GetContentRegionAvail().x / step));
  const int count = static_cast<int>(listed.size());
  bool changed = false;
  ImGuiListClipper clipper;
  clipper.Begin((count + columns - 1) / columns, size.y + ImGui::GetStyle().ItemSpacing.y);
  while (clipper.Step()) {
    for (int line = clipper.DisplayStart; line < clipper.DisplayEnd; ++line) {
      for (int i = line * columns; i < std::min((line + 1) * columns, count); ++i) {
        const view::ClassifiedRow& row = classify.rows[listed[i]];
        ImGui::PushID(listed[i]);
        if (i % columns != 0) {
          ImGui::SameLine();
        }
        if (ImGui::InvisibleButton("tile", size)) {
          classify.selected = listed[i];
          state.commands.emplace_back(view::TaskCommand{view::LargeImageTask{row.path}});
          changed = true;
        }
        mark_item(ui, fmt::format("classify/tile/{}", i));
        draw_tile(row, ui, size, classify.selected == listed[i]);
        if (ImGui::IsItemHovered()) {
          ImGui::SetTooltip("%s\n%s%s%s",
                            row.path.c_str(),
                            row.parallel_top1.c_str(),
                            row.truth.empty() ? "" : "\nlabelled: ",
                            row.truth.c_str());
        }
        ImGui::PopID();
      }
    }
  }
  return changed;
}

void draw_selected(const ViewState& state, Ui& ui) {
  const ClassifyState& classify = state.classify;
  if (classify.selected < 0 || classify.selected >= static_cast<int>(classify.rows.size())) {
    ImGui::TextDisabled("Click an image to enlarge it and see the five most probable classes.");
    return;
  }
  const view::ClassifiedRow& row = classify.rows[classify.selected];
  ImGui::TextWrapped("%s", row.path.c_str());
  if (!row.error.empty()) {
    draw_note(row.error, true);
    return;
  }
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const view::ImagePtr picture = classify.large.picture;
  if (picture != nullptr && classify.large.path == row.path) {
    if (const ImTextureID texture = ui.texture_of(picture); texture != nullptr) {
      const float scale = std::min(room.x / static_cast<float>(picture->width),
                                   room.y * 0.55F / static_cast<float>(picture->height));
      ImGui::Image(texture,
                   {static_cast<float>(picture->width) * scale,
                    static_cast<float>(picture->height) * scale});
    }
  }
  if (!row.truth.empty()) {
    ImGui::Text("labelled: %s", row.truth.c_str());
  }
  if (ImGui::BeginTable("top", 3, ImGuiTableFlags_BordersInnerV | ImGuiTableFlags_RowBg)) {
    ImGui::TableSetupColumn("class");
    ImGui::TableSetupColumn("recurrent");
    ImGui::TableSetupColumn("parallel");
    ImGui::TableHeadersRow();
    for (const view::TopClass& top : row.top) {
      ImGui::TableNextColumn();
      ImGui::TextUnformatted(top.name.c_str());
      int colour = 0;
      for (const double probability : {top.recurrent, top.parallel}) {
        ImGui::TableNextColumn();
        draw_bar(probability,
                 fmt::format("{:.2f} %", probability * 100),
                 ImGui::GetContentRegionAvail().x,
                 colour++);
      }
    }
    ImGui::EndTable();
  }
  ImGui::Text("largest difference of a probability: %.2e", row.largest_difference);
}

}  // namespace

bool draw_classify_panel(ViewState& state, Ui& ui) {
  bool changed = draw_controls(state, ui);
  if (state.classify.task != 0 && state.task_progress) {
    ImGui::ProgressBar(static_cast<float>(state.task_progress->share),
                       {-1, ImGui::GetTextLineHeight()});
  }
  draw_summary(state.classify);
  const float width = ImGui::GetContentRegionAvail().x;
  ImGui::BeginChild("grid", {width * 0.55F, 0}, true);
  if (!state.classify.rows.empty()) {
    draw_tile_legend();
  }
  changed |= draw_grid(state, ui);
  ImGui::EndChild();
  ImGui::SameLine();
  ImGui::BeginChild("selected", {0, 0}, true);
  draw_selected(state, ui);
  ImGui::EndChild();
  return changed;
}

}  // namespace parallax
