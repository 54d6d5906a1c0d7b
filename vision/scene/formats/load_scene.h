// Reads a scene whatever its format.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vision/scene/scene.h"

namespace parallax {

// Loads a scene from a folder or from its camera file, whatever its format. Every camera has been
// validated and every image file exists. Throws Error naming file, view and field where something
// is wrong.
Scene load_scene(const std::filesystem::path& path, const SceneOptions& options = {});

// Whether the folder holds a file or folder that one of the formats begins with. Reads none of it.
bool looks_like_scene(const std::filesystem::path& folder);

// The formats that load_scene tries, in its order, a short description each.
std::vector<std::string> scene_formats();

}  // namespace parallax
