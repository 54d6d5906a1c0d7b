// Reconstructions of VisualSFM (Wu 2011), which COLMAP and others export, too.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Whether the file begins as an N-view match file does.
bool begins_as_visualsfm(const std::filesystem::path& file);

// Nothing if the path holds no such reconstruction; Error if it does but it is broken. The path is
// a .nvm file or the folder that holds one: a line per photograph with focal length,
// world-to-camera quaternion, centre and one coefficient of radial distortion. Of several models
// the one with most photographs counts. The principal point is the photograph's middle, or
// FixedK's; names are relative to the file's folder, and `"` stands for a blank in them.
std::optional<Scene> load_visualsfm(const std::filesystem::path& path, const SceneOptions& options);

}  // namespace parallax
