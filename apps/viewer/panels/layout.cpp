// Plain arithmetic on sizes.
#include "apps/viewer/panels/layout.h"

#include <algorithm>
#include <cmath>

namespace parallax {
namespace {

// Before the scale: what a window needs to show the parts of its own accord.
constexpr float kSideFromWidth = 900;
constexpr float kStripFromHeight = 400;
constexpr float kSideShare = 0.26F;
constexpr float kSideLeast = 260;
constexpr float kSideMost = 420;
constexpr float kHandle = 8;  // between panes and panel
constexpr float kStripExtra = 20;

// In ems.
constexpr float kColumnLeast = 17;  // of a pane in a grid
constexpr float kTextBeside = 10.5F;
constexpr float kLongestLine = 25;

bool is_shown(Shown wanted, bool has_room) {
  return wanted == Shown::kShown || (wanted == Shown::kAutomatic && has_room);
}

}  // namespace

CompareLayout lay_out_compare(const ImVec2& room, const Ui& ui, bool has_scene) {
  CompareLayout layout;
  const float handle = kHandle * ui.scale;
  if (is_shown(ui.side, room.x >= kSideFromWidth * ui.scale)) {
    const float wanted =
        ui.side_width > 0
            ? ui.side_width * ui.scale
            : std::clamp(room.x * kSideShare, kSideLeast * ui.scale, kSideMost * ui.scale);
    layout.side = std::floor(std::min(wanted, room.x / 2));
  }
  if (has_scene && is_shown(ui.strip, room.y >= kStripFromHeight * ui.scale)) {
    layout.strip = std::floor(std::min((kThumbnailSide + kStripExtra) * ui.scale, room.y / 2));
  }
  const float gap = layout.strip > 0 ? ImGui::GetStyle().ItemSpacing.y : 0;
  layout.panes = {std::max(room.x - layout.side - handle, 1.0F),
                  std::max(room.y - layout.strip - gap, 1.0F)};
  return layout;
}

float fitting_scale(const ImVec2& room, float cols, float rows, bool whole_pixels) {
  const float scale = std::min(room.x / cols, room.y / rows);
  return whole_pixels && scale >= 1 ? std::floor(scale) : scale;
}

PaneLayout lay_out_pane(const ImVec2& room, const PaneContent& content) {
  if (!content.has_text) {
    return {.picture = {std::max(room.x, 1.0F), std::max(room.y, 1.0F)}};
  }
  const float menus = content.line + content.em * 0.5F;
  // Values that do not fit a line are wrapped; a low pane shows as many lines as it has room for.
  const float lines =
      kNumberLines * std::ceil(kLongestLine * content.em / std::max(room.x, content.em));
  const float text = std::min(lines * content.line, std::floor(room.y / 3));
  const ImVec2 above{room.x, room.y - menus - text};
  const float gap = content.em * 0.5F;
  const float column = kTextBeside * content.em;
  const ImVec2 left{room.x - column - gap, room.y};
  const auto scale_in = [&](const ImVec2& part) {
    return part.x < 1 || part.y < 1
               ? 0
               : fitting_scale(part, content.cols, content.rows, content.whole_pixels);
  };
  const float beside = scale_in(left);
  if (beside > scale_in(above)) {
    // The image takes what it needs, and the text the rest.
    const float width = std::min(std::ceil(beside * content.cols), std::floor(left.x));
    return {.picture = {width, std::floor(room.y)}, .beside = true, .text = room.x - width - gap};
  }
  return {.picture = {std::max(std::floor(above.x), 1.0F), std::max(std::floor(above.y), 1.0F)},
          .text = text};
}

int grid_columns(size_t panes, const ImVec2& room, float gap, const PaneContent& content) {
  const auto count = static_cast<int>(panes);
  int best = 1;
  float largest = -1;
  for (int columns = 1; columns <= count; ++columns) {
    const int rows = (count + columns - 1) / columns;
    const auto c = static_cast<float>(columns);
    const auto r = static_cast<float>(rows);
    const ImVec2 pane{(room.x - gap * (c - 1)) / c, (room.y - gap * (r - 1)) / r};
    if (columns > 1 && content.has_text && pane.x < kColumnLeast * content.em) {
      break;
    }
    // Borders and padding are the same for all.
    const PaneLayout layout = lay_out_pane(pane, content);
    const float scale =
        fitting_scale(layout.picture, content.cols, content.rows, content.whole_pixels);
    if (scale > largest * 1.01F) {
      largest = scale;
      best = columns;
    }
  }
  return best;
}

}  // namespace parallax
