// A scene written in the formats of other tools that Parallax reads and does not write, after their
// published definitions.
#pragma once

#include <filesystem>
#include <vector>

#include "vision/scene/scene.h"

namespace parallax::testing {

// A writer puts the scene into the folder, which exists, and returns what load_scene() takes.
struct FormatWriter {
  const char* name;
  SceneFormat format;
  std::filesystem::path (*write)(const Scene& scene, const std::filesystem::path& folder);
};

// All of them. Cameras must be pinhole cameras of one focal length with the principal point in the
// middle, which is all that some of the formats can say.
const std::vector<FormatWriter>& format_writers();

}  // namespace parallax::testing
