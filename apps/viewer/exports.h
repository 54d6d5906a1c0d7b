// The viewer's exports: values as CSV and JSON, and the text chunks of images.
#pragma once

#include <string>

#include "apps/viewer/png_text.h"
#include "vision/viewer/view_state.h"

namespace parallax {

// Writes the table and the current frame's values, as CSV or JSON by the extension. Throws Error.
void export_numbers(const view::ViewState& state, const std::string& path);

// Scene, pose, models with their hashes, panes and their values.
PngText picture_metadata(const view::ViewState& state);

}  // namespace parallax
