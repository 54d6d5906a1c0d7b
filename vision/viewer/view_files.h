// Detects what a path that was opened or dropped contains.
#pragma once

#include <filesystem>

#include "vision/viewer/view_data.h"

namespace parallax::view {

// Looks at the content. Throws Error saying what the file is not if the viewer cannot show it.
FileKind detect_file(const std::filesystem::path& path);

}  // namespace parallax::view
