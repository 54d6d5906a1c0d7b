// Reads Agisoft Metashape's XML export of cameras.
#pragma once

#include <filesystem>
#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// `path` is such a file, or a folder that holds one. Lens models are those of frame, equidistant
// (fisheye) and equisolid sensors (Metashape 2.2's manual, appendix on camera models); the
// principal point is counted from the middle of the image, whose first pixel's centre is at (0.5,
// 0.5), as ours. Cameras are placed by the transform of their component, else by the chunk's. Of
// several chunks or components the one with most aligned cameras is read, and a note names the
// others. A photograph is found by its camera's label, in `images` or beside the file, or one
// folder up. Throws Error for a damaged file.
std::optional<Scene> load_metashape(const std::filesystem::path& path, const SceneOptions& options);

// Whether the file may be Metashape's, by its name and its first lines: folders may hold thousands
// of other files.
bool begins_as_metashape(const std::filesystem::path& file);

}  // namespace parallax
