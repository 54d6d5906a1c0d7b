// Reads scenes of every supported format.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vision/scene/scene.h"

namespace parallax {

// Loads a scene from a folder, from its camera file or by its key below a folder of chunks,
// whatever its format. Every camera is validated and every image file exists. Throws Error naming
// the file, view and field at fault.
Scene load_scene(const std::filesystem::path& path, const SceneOptions& options = {});

// Whether the folder holds a file or folder that marks one of the formats, or a file of cameras
// under another name, by its first lines.
bool looks_like_scene(const std::filesystem::path& folder);

// Whether a file is called as one of a scene's is, or begins so; COLMAP's tables have the extension
// of weights, .bin.
bool is_file_of_scene(const std::filesystem::path& file);

// A short description of each format that load_scene tries, in that order.
std::vector<std::string> scene_formats();

}  // namespace parallax
