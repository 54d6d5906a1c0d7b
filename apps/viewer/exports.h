// What the viewer writes: numbers as CSV and JSON, and what goes into a picture's text chunks.
#pragma once

#include <string>

#include "apps/viewer/png_text.h"
#include "vision/viewer/view_state.h"

namespace parallax {

// The table and the frame at hand, as CSV or JSON by the extension. Throws Error.
void export_numbers(const view::ViewState& state, const std::string& path);

// Scene, pose, models with their hashes, panes and their numbers.
PngText picture_metadata(const view::ViewState& state);

}  // namespace parallax
