// The grid of panes: for each a choice of what it shows, the image and its values.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "apps/viewer/panels/layout.h"
#include "apps/viewer/ui.h"

namespace parallax {
namespace {

using view::Pane;
using view::PaneKind;
using view::ViewState;

constexpr int kMaxTextureSide = 4096;

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

float combo_width(const std::string& text) {
  return ImGui::CalcTextSize(text.c_str()).x + 2 * ImGui::GetStyle().FramePadding.x + 1;
}

// Goes on in the same line, or in the next one where the menus are in a column.
void next_item(bool stacked) {
  if (!stacked) {
    ImGui::SameLine();
  }
}

bool choose_model(ViewState& state, Ui& ui, Pane& pane, const std::string& name, float width) {
  bool changed = false;
  ImGui::SetNextItemWidth(width);
  const float text = width - 2 * ImGui::GetStyle().FramePadding.x;
  const bool open = ImGui::BeginCombo("##model",
                                      middle_ellipsis(pane.source.model, text).c_str(),
                                      ImGuiComboFlags_NoArrowButton | ImGuiComboFlags_HeightLarge);
  mark_item(ui, name + "/model");
  if (!open) {
    if (ImGui::IsItemHovered()) {
      ImGui::SetTooltip("%s", pane.source.model.c_str());
    }
    return false;
  }
  for (const view::ModelChoice& model : state.models) {
    const std::string label =
        fmt::format("{}   variant {}: {}", model.name, model.variant, model.summary);
    if (ImGui::Selectable(label.c_str(), model.name == pane.source.model) &&
        model.name != pane.source.model) {
      pane.previous_model = pane.source.model;
      pane.source.model = model.name;
      if (model.reading == view::ReadMode::kStreamed) {
        pane.source.reading = model.reading;
      }
      state.model_errors.erase(model.name);
      changed = true;
    }
    mark_item(ui, name + "/model/" + model.name);
  }
  ImGui::EndCombo();
  return changed;
}

bool draw_model_choice(ViewState& state,
                       Ui& ui,
                       Pane& pane,
                       const std::string& name,
                       bool stacked) {
  const char* forms[] = {"recurrent", "parallel"};
  const char* readings[] = {"batch", "streamed"};
  const float form_width = combo_width(forms[0]);
  const float reading_width = combo_width(readings[1]);
  const float gap = ImGui::GetStyle().ItemSpacing.x;
  const float room = ImGui::GetContentRegionAvail().x;
  const float others = stacked ? 0 : form_width + reading_width + 2 * gap;
  bool changed =
      choose_model(state, ui, pane, name, std::max(room - others, 2 * ImGui::GetFontSize()));
  next_item(stacked);
  int form = static_cast<int>(pane.source.form);
  ImGui::SetNextItemWidth(form_width);
  if (choose("##form", forms[form], forms, form)) {
    pane.source.form = static_cast<Form>(form);
    changed = true;
  }
  mark_item(ui, name + "/form");
  ImGui::SameLine();
  int reading = static_cast<int>(pane.source.reading);
  ImGui::SetNextItemWidth(reading_width);
  if (choose("##reading", readings[reading], readings, reading)) {
    pane.source.reading = static_cast<view::ReadMode>(reading);
    changed = true;
  }
  mark_item(ui, name + "/reading");
  if (ImGui::IsItemHovered()) {
    ImGui::SetTooltip(
        "batch: all input views in one range, as most models are trained.\nstreamed: one view "
        "after the other, "
        "each changing the fast weights\nthat the next one meets. Another computation: its PSNR is "
        "not the batch one's.");
  }
  return changed;
}

bool draw_gain_choice(Pane& pane, bool stacked) {
  bool changed = ImGui::Checkbox("colours", &pane.false_colour);
  ImGui::SameLine();
  changed |= ImGui::Checkbox("auto", &pane.automatic_gain);
  if (ImGui::IsItemHovered()) {
    ImGui::SetTooltip(
        "The colours end at the difference that 99.5 %% of the pixels do not exceed.");
  }
  if (!pane.automatic_gain) {
    next_item(stacked);
    ImGui::SetNextItemWidth(-1);
    changed |=
        ImGui::SliderFloat("##gain", &pane.gain, 1, 1e7F, "x%.0f", ImGuiSliderFlags_Logarithmic);
  }
  return changed;
}

bool draw_difference_choice(const ViewState& state, Pane& pane, bool stacked) {
  bool changed = false;
  for (int* index : {&pane.first, &pane.second}) {
    ImGui::PushID(index);
    ImGui::SetNextItemWidth(combo_width("00"));
    std::vector<std::string> numbers;
    for (size_t i = 0; i < state.panes.size(); ++i) {
      numbers.push_back(std::to_string(i + 1));
    }
    changed |= choose("##pane", std::to_string(*index + 1), numbers, *index);
    ImGui::SameLine();
    ImGui::PopID();
  }
  int kind = static_cast<int>(pane.difference);
  ImGui::SetNextItemWidth(combo_width(view::kDifferenceNames[0]));
  if (choose("##kind", view::kDifferenceNames[kind], view::kDifferenceNames, kind)) {
    pane.difference = static_cast<view::DifferenceKind>(kind);
    changed = true;
  }
  next_item(stacked);
  return draw_gain_choice(pane, stacked) || changed;
}

// `stacked`: in a column beside the image.
bool draw_pane_header(ViewState& state, Ui& ui, int index, bool stacked) {
  constexpr float kNarrow = 28;  // ems: a narrower pane names its kind by its number alone
  Pane& pane = state.panes[index];
  const std::string name = fmt::format("pane/{}", index);
  int kind = static_cast<int>(pane.kind);
  const bool narrow = !stacked && ImGui::GetContentRegionAvail().x < kNarrow * ImGui::GetFontSize();
  const std::string shown = narrow ? std::to_string(index + 1)
                                   : fmt::format("{}: {}", index + 1, view::kPaneKindNames[kind]);
  ImGui::SetNextItemWidth(combo_width(shown));
  bool changed = false;
  if (choose("##what", shown, view::kPaneKindNames, kind)) {
    pane.kind = static_cast<PaneKind>(kind);
    changed = true;
  }
  mark_item(ui, name + "/kind");
  next_item(stacked);
  if (pane.kind == PaneKind::kModel) {
    changed |= draw_model_choice(state, ui, pane, name, stacked);
  } else if (pane.kind == PaneKind::kDifference) {
    changed |= draw_difference_choice(state, pane, stacked);
  } else {
    ImGui::TextWrapped("%s", pane_title(state, pane).c_str());
  }
  return changed;
}

void draw_numbers(const ViewState& state,
                  const Pane& pane,
                  const std::optional<PaneDrawing>& drawing,
                  bool stacked) {
  if (drawing && pane.kind == PaneKind::kDifference) {
    draw_colour_bar(pane, *drawing);
  }
  const bool outdated = state.frame && !state.frame->full;
  ImGui::PushStyleColor(ImGuiCol_Text,
                        ImGui::GetStyleColorVec4(outdated ? ImGuiCol_TextDisabled : ImGuiCol_Text));
  for (std::string line : pane_numbers(state, pane, drawing)) {
    for (size_t gap = line.find(kNumberGap); stacked && gap != std::string::npos;
         gap = line.find(kNumberGap)) {
      line.replace(gap, std::string_view(kNumberGap).size(), "\n");
    }
    if (!line.empty()) {
      ImGui::TextWrapped("%s", line.c_str());
    }
  }
  ImGui::PopStyleColor();
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
  std::vector<std::string> parts = {fmt::format("x {} y {}:", col, row)};
  const bool is_difference = drawing.second != nullptr &&
                             drawing.mode != PaneDrawing::Mode::kSplit &&
                             drawing.second->height == picture.height;
  for (int i = 0; i < 3; ++i) {
    parts.push_back(is_difference ? fmt::format("{:+.1e}", a[i] - drawing.second->at(row, col)[i])
                                  : fmt::format("{:.3f}", a[i]));
  }
  const float room = std::max(rect.max.x - rect.min.x - 8, 1.0F);
  std::string text = fmt::format("{}", fmt::join(parts, " "));
  if (ImGui::CalcTextSize(text.c_str()).x > room) {
    text = fmt::format("{}", fmt::join(parts, "\n"));
  }
  const ImVec2 size = ImGui::CalcTextSize(text.c_str(), nullptr, false, room);
  const ImVec2 at{rect.min.x + 4, rect.max.y - size.y - 4};
  ImDrawList* list = ImGui::GetWindowDrawList();
  list->AddRectFilled(
      {at.x - 2, at.y - 1}, {at.x + size.x + 2, at.y + size.y + 1}, IM_COL32(0, 0, 0, 170));
  list->AddText(nullptr, 0, at, IM_COL32_WHITE, text.c_str(), nullptr, room);
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

PaneContent content_of(const ViewState& state, const Ui& ui) {
  return {.cols = static_cast<float>(std::max(state.scene->width, 1)),
          .rows = static_cast<float>(std::max(state.scene->height, 1)),
          .em = ImGui::GetFontSize(),
          .line = ImGui::GetTextLineHeightWithSpacing(),
          .whole_pixels = state.whole_pixels,
          .has_text = !ui.pictures_only};
}

// On the image itself, where there is nothing but images: what it is, and a difference's colours.
void draw_labels(const ViewState& state,
                 int index,
                 const std::optional<PaneDrawing>& drawing,
                 const ItemRect& rect) {
  const Pane& pane = state.panes[index];
  std::string label = pane_title(state, pane);
  if (const view::SourceFrame* source = find_source(state, pane.source);
      pane.kind == PaneKind::kModel && source != nullptr && !std::isnan(source->quality.psnr)) {
    label += fmt::format("  {:.2f} dB", source->quality.psnr);
  }
  const float em = ImGui::GetFontSize();
  label = middle_ellipsis(label, rect.max.x - rect.min.x - em);
  const ImVec2 size = ImGui::CalcTextSize(label.c_str());
  ImDrawList* list = ImGui::GetWindowDrawList();
  const ImU32 veil = IM_COL32(0, 0, 0, 150);
  list->AddRectFilled(rect.min, {rect.min.x + size.x + em * 0.5F, rect.min.y + size.y}, veil);
  list->AddText({rect.min.x + em * 0.25F, rect.min.y}, IM_COL32_WHITE, label.c_str());
  if (!drawing || pane.kind != PaneKind::kDifference) {
    return;
  }
  const ImVec2 after = ImGui::GetCursorScreenPos();
  const ImVec2 at{rect.min.x + em * 0.5F, rect.min.y + 1.4F * em};
  list->AddRectFilled(
      {rect.min.x, rect.min.y + size.y}, {rect.min.x + 17 * em, at.y + 2 * em}, veil);
  ImGui::SetCursorScreenPos(at);
  draw_colour_bar(pane, *drawing);
  ImGui::SetCursorScreenPos(after);
}

bool draw_bare_pane(ViewState& state, Ui& ui, int index, const ImVec2& size) {
  std::optional<PaneDrawing> drawing;
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const bool changed = draw_picture(state, ui, index, size, drawing);
  draw_labels(state, index, drawing, {at, {at.x + size.x, at.y + size.y}});
  return changed;
}

bool draw_pane(ViewState& state, Ui& ui, int index, const ImVec2& size) {
  ImGui::PushID(index);
  const auto most = static_cast<float>(kMaxTextureSide);
  ImGui::BeginChild("pane",
                    size,
                    !ui.pictures_only,
                    ImGuiWindowFlags_NoScrollbar | ImGuiWindowFlags_NoScrollWithMouse);
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const PaneLayout layout = lay_out_pane(room, content_of(state, ui));
  const ImVec2 picture{std::clamp(std::floor(layout.picture.x), 1.0F, most),
                       std::clamp(std::floor(layout.picture.y), 1.0F, most)};
  std::optional<PaneDrawing> drawing;
  bool changed = false;
  if (ui.pictures_only) {
    changed = draw_bare_pane(state, ui, index, picture);
  } else if (layout.beside) {
    changed = draw_picture(state, ui, index, picture, drawing);
    ImGui::SameLine(0, ImGui::GetFontSize() * 0.5F);
    ImGui::PushStyleVar(ImGuiStyleVar_ScrollbarSize, 8 * ui.scale);
    ImGui::BeginChild("text");
    changed |= draw_pane_header(state, ui, index, true);
    draw_numbers(state, state.panes[index], drawing, true);
    ImGui::EndChild();
    ImGui::PopStyleVar();
  } else {
    changed = draw_pane_header(state, ui, index, false);
    changed |= draw_picture(state, ui, index, picture, drawing);
    draw_numbers(state, state.panes[index], drawing, false);
  }
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
  const float scale = fitting_scale({w, h}, cols, rows, state.whole_pixels) * state.zoom.factor;
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
    const float gain = difference ? view::automatic_gain(*difference) : 1;
    drawing.gain = pane.difference == view::DifferenceKind::kSquared ? gain * gain : gain;
  }
  return drawing;
}

bool draw_panes_panel(ViewState& state, Ui& ui) {
  const ImVec2 room = ImGui::GetContentRegionAvail();
  const float gap = ImGui::GetStyle().ItemSpacing.x;
  const int columns = grid_columns(state.panes.size(), room, gap, content_of(state, ui));
  const auto rows = static_cast<int>((state.panes.size() + columns - 1) / columns);
  const ImVec2 size{(room.x - gap * static_cast<float>(columns - 1)) / static_cast<float>(columns),
                    (room.y - gap * static_cast<float>(rows - 1)) / static_cast<float>(rows)};
  ui.hovered_row = -1;
  bool changed = false;
  for (int i = 0; i < static_cast<int>(state.panes.size()); ++i) {
    if (i % columns != 0) {
      ImGui::SameLine(0, gap);
    }
    changed |= draw_pane(state, ui, i, size);
  }
  // Shown from the next frame on, so that all panes show the same pixel.
  state.hovered_row = ui.hovered_row;
  state.hovered_col = ui.hovered_col;
  return changed;
}

}  // namespace parallax
