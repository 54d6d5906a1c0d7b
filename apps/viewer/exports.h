// The viewer's exports: values as CSV and JSON, and the text chunks of images.
#pragma once

#include <filesystem>
#include <string>

#include "apps/viewer/png_text.h"
#include "vision/viewer/view_state.h"

namespace parallax {

// Writes the table and the current frame's values, as CSV or JSON by the extension. Throws Error.
void export_numbers(const view::ViewState& state, const std::string& path);

// `path` if no such file exists, else with a number behind the name, one above the highest there
// is: name.png, name_002.png, name_003.png.
std::string next_free_path(const std::filesystem::path& path);
// The same for a file of this folder; an empty extension stands for any, and the result has none.
std::string next_free_path(const std::filesystem::path& folder,
                           const std::string& stem,
                           const std::string& extension);

// Scene, pose, models with their hashes, panes and their values.
PngText picture_metadata(const view::ViewState& state);

}  // namespace parallax
