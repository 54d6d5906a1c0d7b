// The grid of panes: each its menus, the image and its values.
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
