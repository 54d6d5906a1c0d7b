// How the window is divided: images first, all else as far as there is room.
#pragma once

#include <imgui.h>

#include "apps/viewer/ui.h"

namespace parallax {

// The parts of the Compare screen, in pixels.
struct CompareLayout {
  ImVec2 panes;
  float side = 0;   // width of the panel; 0: hidden
  float strip = 0;  // height of the thumbnails; 0: hidden
};

// Divides `room`. The panel and the thumbnails are left out in small windows unless the user wants
// them, and never take more than half of it.
CompareLayout lay_out_compare(const ImVec2& room, const Ui& ui, bool has_scene);

// The parts of a pane, in pixels. The text is beneath the image, or beside it if the image is
// larger then.
struct PaneLayout {
  ImVec2 picture;
  bool beside = false;
  float text = 0;  // width of the text beside the image, or height of the text beneath it
};

// What a pane's image and text are like.
struct PaneContent {
  float cols = 1;  // of the image
  float rows = 1;
  float em = 15;  // height of the font
  float line = 19;
  bool whole_pixels = false;
  bool has_text = true;
};

// The text is three lines of values, more where they are wrapped, and the pane's menus.
PaneLayout lay_out_pane(const ImVec2& room, const PaneContent& content);

// The number of columns in which so many panes have the largest images.
int grid_columns(size_t panes, const ImVec2& room, float gap, const PaneContent& content);

// Screen pixels per pixel of an image that fits the room.
float fitting_scale(const ImVec2& room, float cols, float rows, bool whole_pixels);

}  // namespace parallax
