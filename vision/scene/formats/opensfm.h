// Reads OpenSfM's reconstruction.json, which OpenDroneMap writes, too.
#pragma once

#include <filesystem>
#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// `path` is such a file, or a folder with reconstruction.json in it or in `opensfm`. Focal lengths,
// principal points and so pixel positions are shares of the image's longer side, counted from the
// middle of the image (opensfm/features.py: pixel centres at (0.5, 0.5), as ours). Of several
// reconstructions the one with most shots is read, and a note names the others. Photographs are
// those of `images` beside the file or one folder up. Throws Error for a damaged file.
std::optional<Scene> load_opensfm(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
