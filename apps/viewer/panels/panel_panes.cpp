// The grid of panes: for each a choice of what it shows, the image and its values.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/viewer/ui.h"

namespace parallax {
namespace {

using view::Pane;
using view::PaneKind;
using view::ViewState;

constexpr int kMaxTextureSide = 4096;

int grid_columns(size_t panes) { return panes <= 1 ? 1 : 2; }

// A menu of the names; returns whether a different one was chosen.
template <class Names>
bool choose(const char* id, const std::string& shown, const Names& names, int& chosen) {
  bool changed = false;
  if (ImGui::BeginCombo(id, shown.c_str(), ImGuiComboFlags_NoArrowButton)) {
    for (int i = 0; i < static_cast<int>(std::size(names)); ++i) {
      if (ImGui::Selectable(std::string(names[i]).c_str(), i == chosen)) {
        changed = chosen != i;
        chosen = i;
      }
    }
    ImGui::EndCombo();
  }
  return changed;
}

bool choose_model(ViewState& state, Ui& ui, Pane& pane, const std::string& name) {
  bool changed = false;
  const bool open =
      ImGui::BeginCombo("##model", pane.source.model.c_str(), ImGuiComboFlags_NoArrowButton);
  mark_item(ui, name + "/model");
  if (!open) {
    return false;
  }
  for (const view::ModelChoice& model : state.models) {
    const std::string text =
        fmt::format("{}   variant {}: {}", model.name, model.variant, model.summary);
    if (ImGui::Selectable(text.c_str(), model.name == pane.source.model) &&
        model.name != pane.source.model) {
      pane.previous_model = pane.source.model;
      pane.source.model = model.name;
      state.model_errors.erase(model.name);
      changed = true;
    }
    mark_item(ui, name + "/model/" + model.name);
  }
  ImGui::EndCombo();
  return changed;
}

bool draw_model_choice(ViewState& state, Ui& ui, Pane& pane, const std::string& name, float width) {
  ImGui::SetNextItemWidth(width * 0.4F);
  bool changed = choose_model(state, ui, pane, name);
  ImGui::SameLine();
  const char* forms[] = {"recurrent", "parallel"};
  int form = static_cast<int>(pane.source.form);
  ImGui::SetNextItemWidth(width * 0.3F);
  if (choose("##form", forms[form], forms, form)) {
    pane.source.form = static_cast<Form>(form);
    changed = true;
  }
  mark_item(ui, name + "/form");
  ImGui::SameLine();
  const char* readings[] = {"batch", "streamed"};
  int reading = static_cast<int>(pane.source.reading);
  ImGui::SetNextItemWidth(-1);
  if (choose("##reading", readings[reading], readings, reading)) {
    pane.source.reading = static_cast<view::ReadMode>(reading);
    changed = true;
  }
  mark_item(ui, name + "/reading");
  if (ImGui::IsItemHovered()) {
    ImGui::SetTooltip(
        "batch: all input views in one range, as trained.\nstreamed: one view after the other, "
        "each changing the fast weights\nthat the next one meets. Another computation: its PSNR is "
        "not the batch one's.");
  }
  return changed;
}

bool draw_difference_choice(const ViewState& state, Pane& pane, float width) {
  bool changed = false;
  for (int* index : {&pane.first, &pane.second}) {
    ImGui::PushID(index);
    ImGui::SetNextItemWidth(width * 0.09F);
    std::vector<std::string> numbers;
    for (size_t i = 0; i < state.panes.size(); ++i) {
      numbers.push_back(std::to_string(i + 1));
    }
    changed |= choose("##pane", std::to_string(*index + 1), numbers, *index);
    ImGui::SameLine();
    ImGui::PopID();
  }
  int kind = static_cast<int>(pane.difference);
  ImGui::SetNextItemWidth(width * 0.26F);
  if (choose("##kind", view::kDifferenceNames[kind], view::kDifferenceNames, kind)) {
    pane.difference = static_cast<view::DifferenceKind>(kind);
    changed = true;
  }
  ImGui::SameLine();
  changed |= ImGui::Checkbox("colours", &pane.false_colour);
  ImGui::SameLine();
  changed |= ImGui::Checkbox("auto", &pane.automatic_gain);
  if (!pane.automatic_gain) {
    ImGui::SameLine();
    ImGui::SetNextItemWidth(-1);
    changed |=
        ImGui::SliderFloat("##gain", &pane.gain, 1, 1e7F, "x%.0f", ImGuiSliderFlags_Logarithmic);
  }
  return changed;
}

bool draw_pane_header(ViewState& state, Ui& ui, int index, float width) {
  Pane& pane = state.panes[index];
  const std::string name = fmt::format("pane/{}", index);
  int kind = static_cast<int>(pane.kind);
  ImGui::SetNextItemWidth(width * 0.22F);
  bool changed = false;
  if (choose("##what",
             fmt::format("{}: {}", index + 1, view::kPaneKindNames[kind]),
             view::kPaneKindNames,
             kind)) {
    pane.kind = static_cast<PaneKind>(kind);
    changed = true;
  }
  mark_item(ui, name + "/kind");
  ImGui::SameLine();
  if (pane.kind == PaneKind::kModel) {
    changed |= draw_model_choice(state, ui, pane, name, width * 0.76F);
  } else if (pane.kind == PaneKind::kDifference) {
    changed |= draw_difference_choice(state, pane, width * 0.76F);
  } else {
    ImGui::TextUnformatted(pane_title(state, pane).c_str());
  }
  return changed;
}

void draw_numbers(const ViewState& state,
                  const Pane& pane,
                  const std::optional<PaneDrawing>& drawing) {
  const bool outdated = state.frame && !state.frame->full;
  const ImVec4 colour = ImGui::GetStyleColorVec4(outdated ? ImGuiCol_TextDisabled : ImGuiCol_Text);
  for (const std::string& line : pane_numbers(state, pane, drawing)) {
    ImGui::TextColored(colour, "%s", line.empty() ? " " : line.c_str());
  }
}

// Finds the image's pixel under the cursor, for all panes at once.
void update_hovered(const ViewState& state,
                    Ui& ui,
                    const PaneDrawing& drawing,
                    const ItemRect& rect) {
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const float x = (mouse.x - rect.min.x - drawing.x) / drawing.shown_width;
  const float y = (mouse.y - rect.min.y - drawing.y) / drawing.shown_height;
  if (x >= 0 && x < 1 && y >= 0 && y < 1) {
    ui.hovered_col = static_cast<int>(x * static_cast<float>(state.scene->width));
    ui.hovered_row = static_cast<int>(y * static_cast<float>(state.scene->height));
  }
}

void draw_pixel_values(const ViewState& state, const PaneDrawing& drawing, const ItemRect& rect) {
  if (state.hovered_row < 0 || drawing.first == nullptr) {
    return;
  }
  const view::Image& picture = *drawing.first;
  const int row = state.hovered_row * picture.height / state.scene->height;
  const int col = state.hovered_col * picture.width / state.scene->width;
  if (row >= picture.height || col >= picture.width) {
    return;
  }
  const float* a = picture.at(row, col);
  std::string text = fmt::format("{},{}: {:.3f} {:.3f} {:.3f}", row, col, a[0], a[1], a[2]);
  if (drawing.second != nullptr && drawing.mode != PaneDrawing::Mode::kSplit &&
      drawing.second->height == picture.height) {
    const float* b = drawing.second->at(row, col);
    text = fmt::format(
        "{},{}: {:+.1e} {:+.1e} {:+.1e}", row, col, a[0] - b[0], a[1] - b[1], a[2] - b[2]);
  }
  const ImVec2 at{rect.min.x + 4, rect.max.y - ImGui::GetFontSize() - 4};
  const ImVec2 size = ImGui::CalcTextSize(text.c_str());
  ImDrawList* list = ImGui::GetWindowDrawList();
  list->AddRectFilled(
      {at.x - 2, at.y - 1}, {at.x + size.x + 2, at.y + size.y + 1}, IM_COL32(0, 0, 0, 170));
  list->AddText(at, IM_COL32_WHITE, text.c_str());
}

bool draw_split_slider(ViewState& state, Ui& ui, const ItemRect& rect) {
  const ImVec2 after = ImGui::GetCursorScreenPos();
  ImGui::SetCursorScreenPos(rect.min);
  ImGui::SetNextItemWidth(rect.max.x - rect.min.x);
  const bool changed = ImGui::SliderFloat("##split", &state.split_at, 0, 1, "split %.2f");
  mark_item(ui, "split");
  ImGui::SetCursorScreenPos(after);
  return changed;
}

bool draw_picture(ViewState& state,
                  Ui& ui,
                  int index,
                  const ImVec2& size,
                  std::optional<PaneDrawing>& drawing) {
  const ImVec2 corner = ImGui::GetCursorScreenPos();
  const ItemRect rect{corner, {corner.x + size.x, corner.y + size.y}};
  const auto width = static_cast<int>(size.x);
  const auto height = static_cast<int>(size.y);
  bool changed = false;
  drawing = pane_drawing(state, state.panes[index], width, height);
  ImGui::InvisibleButton("picture",
                         size,
                         ImGuiButtonFlags_MouseButtonLeft | ImGuiButtonFlags_MouseButtonRight |
                             ImGuiButtonFlags_MouseButtonMiddle);
  mark_rect(ui, fmt::format("pane/{}", index), rect.min, rect.max);
  const bool split = state.split && index == 0;
  if (split) {
    ImGui::SetItemAllowOverlap();
  }
  if (state.scene != nullptr && (ImGui::IsItemHovered() || ImGui::IsItemActive())) {
    const PaneDrawing placed = place_picture(state, width, height);
    update_hovered(state, ui, placed, rect);
    changed |= handle_picture_mouse(state, placed, rect);
  }
  if (!drawing) {
    ImGui::GetWindowDrawList()->AddRectFilled(rect.min, rect.max, IM_COL32(28, 28, 32, 255));
    const std::string note = pane_note(state, state.panes[index]);
    ImGui::GetWindowDrawList()->AddText(nullptr,
                                        0,
                                        {rect.min.x + 8, rect.min.y + 8},
                                        ImGui::GetColorU32(ImGuiCol_Text),
                                        note.c_str(),
                                        nullptr,
                                        std::max(size.x - 16, 1.0F));
    return changed;
  }
  show_drawing(ui, index, *drawing, rect);
  draw_pixel_values(state, *drawing, rect);
  if (split) {
    changed |= draw_split_slider(state, ui, rect);
  }
  return changed;
}

bool draw_pane(ViewState& state, Ui& ui, int index, const ImVec2& size) {
  ImGui::PushID(index);
  ImGui::BeginChild(
      "pane", size, true, ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
  const float width = ImGui::GetContentRegionAvail().x;
  bool changed = draw_pane_header(state, ui, index, width);
  const float numbers = kNumberLines * ImGui::GetTextLineHeightWithSpacing();
  ImVec2 room = ImGui::GetContentRegionAvail();
  room.x = std::clamp(std::floor(room.x), 1.0F, static_cast<float>(kMaxTextureSide));
  room.y = std::clamp(std::floor(room.y - numbers), 1.0F, static_cast<float>(kMaxTextureSide));
  std::optional<PaneDrawing> drawing;
  changed |= draw_picture(state, ui, index, room, drawing);
  draw_numbers(state, state.panes[index], drawing);
  ImGui::EndChild();
  ImGui::PopID();
  return changed;
}

}  // namespace

PaneDrawing place_picture(const ViewState& state, int width, int height) {
  PaneDrawing drawing{.width = std::max(width, 1), .height = std::max(height, 1)};
  const auto rows = static_cast<float>(std::max(state.scene->height, 1));
  const auto cols = static_cast<float>(std::max(state.scene->width, 1));
  const auto w = static_cast<float>(drawing.width);
  const auto h = static_cast<float>(drawing.height);
  float scale = std::min(w / cols, h / rows);
  // An integer scale if there is room, so that every pixel of the image has the same size.
  scale = (scale >= 1 ? std::floor(scale) : scale) * state.zoom.factor;
  drawing.shown_width = cols * scale;
  drawing.shown_height = rows * scale;
  drawing.x = std::round(w / 2 - state.zoom.centre_x * drawing.shown_width);
  drawing.y = std::round(h / 2 - state.zoom.centre_y * drawing.shown_height);
  return drawing;
}

void show_drawing(Ui& ui, int pane, const PaneDrawing& drawing, const ItemRect& rect) {
  // Draws only the part that the image covers: the area around it would cost a software renderer as
  // much.
  PaneDrawing part = drawing;
  const float left = std::max(drawing.x, 0.0F);
  const float top = std::max(drawing.y, 0.0F);
  const auto width = static_cast<float>(drawing.width);
  const auto height = static_cast<float>(drawing.height);
  const float right = std::min(std::ceil(drawing.x + drawing.shown_width), width);
  const float bottom = std::min(std::ceil(drawing.y + drawing.shown_height), height);
  if (right <= left || bottom <= top) {
    return;
  }
  part.width = static_cast<int>(right - left);
  part.height = static_cast<int>(bottom - top);
  part.x -= left;
  part.y -= top;
  part.split_at = (drawing.split_at * width - left) / (right - left);
  if (const ImTextureID texture = ui.draw_pane(pane, part); texture != nullptr) {
    // Render targets have their first row at the bottom, as usual in OpenGL.
    ImGui::GetWindowDrawList()->AddImage(texture,
                                         {rect.min.x + left, rect.min.y + top},
                                         {rect.min.x + right, rect.min.y + bottom},
                                         {0, 1},
                                         {1, 0});
  }
}

std::optional<PaneDrawing> pane_drawing(const ViewState& state,
                                        const Pane& pane,
                                        int width,
                                        int height) {
  if (state.scene == nullptr) {
    return std::nullopt;
  }
  PaneDrawing drawing = place_picture(state, width, height);
  const auto count = static_cast<int>(state.panes.size());
  const bool is_first = &pane == state.panes.data();
  if (pane.kind != PaneKind::kDifference) {
    drawing.first = pane_picture(state, pane);
    if ((state.split || state.flip) && is_first && count > 1) {
      drawing.second = pane_picture(state, state.panes[1]);
      if (state.flip && drawing.second != nullptr) {
        std::swap(drawing.first, drawing.second);
      }
      const bool both = drawing.first != nullptr && drawing.second != nullptr;
      drawing.mode = state.split && both ? PaneDrawing::Mode::kSplit : PaneDrawing::Mode::kPicture;
      drawing.second = drawing.mode == PaneDrawing::Mode::kSplit ? drawing.second : nullptr;
      drawing.split_at = state.split_at;
    }
    return drawing.first != nullptr ? std::optional(drawing) : std::nullopt;
  }
  if (pane.first >= count || pane.second >= count) {
    return std::nullopt;
  }
  drawing.first = pane_picture(state, state.panes[pane.first]);
  drawing.second = pane_picture(state, state.panes[pane.second]);
  if (drawing.first == nullptr || drawing.second == nullptr) {
    return std::nullopt;
  }
  drawing.mode = static_cast<PaneDrawing::Mode>(static_cast<int>(pane.difference) + 1);
  drawing.false_colour = pane.false_colour;
  drawing.gain = pane.gain;
  if (pane.automatic_gain) {
    const auto difference = view::compare_pictures(drawing.first, drawing.second);
    const double largest = difference ? difference->max_absolute : 1;
    drawing.gain = view::automatic_gain(
        pane.difference == view::DifferenceKind::kSquared ? largest * largest : largest);
  }
  return drawing;
}

bool draw_panes_panel(ViewState& state, Ui& ui) {
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const int columns = grid_columns(state.panes.size());
  const auto rows = static_cast<int>((state.panes.size() + columns - 1) / columns);
  const float gap = ImGui::GetStyle().ItemSpacing.x;
  const ImVec2 size{(room.x - gap * static_cast<float>(columns - 1)) / static_cast<float>(columns),
                    (room.y - gap * static_cast<float>(rows - 1)) / static_cast<float>(rows)};
  ui.hovered_row = -1;
  bool changed = false;
  for (int i = 0; i < static_cast<int>(state.panes.size()); ++i) {
    if (i % columns != 0) {
      ImGui::SameLine();
    }
    changed |= draw_pane(state, ui, i, size);
  }
  // Shown from the next frame on, so that all panes show the same pixel.
  state.hovered_row = ui.hovered_row;
  state.hovered_col = ui.hovered_col;
  return changed;
}

}  // namespace parallax
