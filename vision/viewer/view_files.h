// What a path that was opened or dropped is.
#pragma once

#include <filesystem>

#include "vision/viewer/view_data.h"

namespace parallax::view {

// By content. Throws Error saying what it is not, for a file that is nothing the viewer can show.
FileKind recognise_file(const std::filesystem::path& path);

}  // namespace parallax::view
