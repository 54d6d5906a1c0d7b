// Small things that several panels draw.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/viewer/colour_scale.h"
#include "apps/viewer/ui.h"
// Requires imgui.h before it.
#include <imgui_internal.h>

namespace parallax {
namespace {

constexpr int kBarPieces = 32;
constexpr float kBarWidth = 16;  // ems, at most

// The first byte at or after `place` that begins a character of UTF-8.
size_t character_start(const std::string& text, size_t place) {
  while (place < text.size() && (static_cast<unsigned char>(text[place]) & 0xC0U) == 0x80U) {
    ++place;
  }
  return place;
}

// The colour of a share of the bar, as picture.frag shows it.
ImU32 bar_colour(const view::Pane& pane, float share) {
  const auto channel = [](float value) {
    return static_cast<int>(std::clamp(value, 0.0F, 255.0F));
  };
  if (pane.difference != view::DifferenceKind::kSigned || !pane.false_colour) {
    if (!pane.false_colour) {
      const int grey = channel(share * 255);
      return IM_COL32(grey, grey, grey, 255);
    }
    const auto& rgb = false_colours()[static_cast<size_t>(channel(share * 255))];
    return IM_COL32(rgb[0], rgb[1], rgb[2], 255);
  }
  const float value = share * 2 - 1;
  const auto& end = value > 0 ? kPositiveColour : kNegativeColour;
  const float size = std::abs(value);
  return IM_COL32(channel(static_cast<float>(end[0]) * size),
                  channel(static_cast<float>(end[1]) * size),
                  channel(static_cast<float>(end[2]) * size),
                  255);
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

std::string middle_ellipsis(const std::string& text, float width) {
  const auto is_short_enough = [&](const std::string& part) {
    return ImGui::CalcTextSize(part.c_str()).x <= width;
  };
  if (is_short_enough(text)) {
    return text;
  }
  const auto shortened = [&](size_t kept) {
    const size_t head = character_start(text, (kept + 1) / 2);
    return text.substr(0, head) + "…" + text.substr(character_start(text, text.size() - kept / 2));
  };
  size_t low = 0;
  size_t high = text.size();
  while (low + 1 < high) {
    const size_t middle = (low + high) / 2;
    (is_short_enough(shortened(middle)) ? low : high) = middle;
  }
  return shortened(low);
}

void draw_colour_bar(const view::Pane& pane, const PaneDrawing& drawing) {
  const float em = ImGui::GetFontSize();
  const float width = std::min(ImGui::GetContentRegionAvail().x, kBarWidth * em);
  const ImVec2 at = ImGui::GetCursorScreenPos();
  const float high = std::round(em * 0.7F);
  ImGui::Dummy({std::max(width, 1.0F), high + ImGui::GetTextLineHeight()});
  ImDrawList* list = ImGui::GetWindowDrawList();
  for (int i = 0; i < kBarPieces; ++i) {
    const float left = static_cast<float>(i) / kBarPieces;
    const float right = static_cast<float>(i + 1) / kBarPieces;
    const ImU32 a = bar_colour(pane, left);
    const ImU32 b = bar_colour(pane, right);
    list->AddRectFilledMultiColor(
        {at.x + width * left, at.y}, {at.x + width * right, at.y + high}, a, b, b, a);
  }
  list->AddRect(at, {at.x + width, at.y + high}, ImGui::GetColorU32(ImGuiCol_Border));
  const float end = 1 / drawing.gain;
  const std::string high_text = fmt::format("{:.2g}", end);
  const bool is_signed = pane.difference == view::DifferenceKind::kSigned;
  const std::string low_text = is_signed ? "-" + high_text : "0";
  const ImU32 ink = ImGui::GetColorU32(ImGuiCol_Text);
  const float below = at.y + high;
  list->AddText({at.x, below}, ink, low_text.c_str());
  const float text_width = ImGui::CalcTextSize(high_text.c_str()).x;
  list->AddText({at.x + width - text_width, below}, ink, high_text.c_str());
  const std::string half_text = is_signed ? "0" : fmt::format("{:.2g}", end / 2);
  const float half_width = ImGui::CalcTextSize(half_text.c_str()).x;
  if (half_width + 2 * text_width + 2 * em < width) {
    list->AddText({at.x + (width - half_width) / 2, below}, ink, half_text.c_str());
  }
}

void toggle_shown(Shown& part, bool is_shown) { part = is_shown ? Shown::kHidden : Shown::kShown; }

bool close_topmost(view::ViewState& state, Ui& ui) {
  // ImGui itself closes lists and menus by Esc only where the keyboard moves between controls, and
  // here the arrow keys move the camera.
  if (const ImGuiContext& context = *GImGui; context.OpenPopupStack.Size > 0) {
    ImGui::ClosePopupToLevel(context.OpenPopupStack.Size - 1, true);
    return true;
  }
  struct Dialog {
    const char* window;
    bool is_open;
    std::function<void()> close;
  };
  const Dialog dialogs[] = {
      {"Open", ui.show_open, [&] { ui.show_open = false; }},
      {"Dropped", !state.dropped_scene.empty(), [&] { state.dropped_scene.clear(); }},
      {"Question", ui.question.has_value(), [&] { ui.question.reset(); }},
      {"Shortcuts", ui.show_help, [&] { ui.show_help = false; }},
      {"Messages", ui.show_messages, [&] { ui.show_messages = false; }}};
  const Dialog* top = nullptr;
  int highest = -2;
  for (const Dialog& dialog : dialogs) {
    const ImGuiWindow* window = ImGui::FindWindowByName(dialog.window);
    const int order = window != nullptr ? window->FocusOrder : -1;
    if (dialog.is_open && order > highest) {
      highest = order;
      top = &dialog;
    }
  }
  if (top != nullptr) {
    top->close();
  }
  return top != nullptr;
}

}  // namespace parallax
