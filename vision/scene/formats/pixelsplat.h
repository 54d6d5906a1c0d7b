// The chunks in which pixelSplat stores RealEstate10K (Charatan et al. 2024); MVSplat, DepthSplat
// and others store DL3DV and ACID the same way. A chunk, NAME.torch, is a list of dictionaries as
// torch.save writes it, one per scene: `key`, `cameras` [N, 18], `timestamps` [N] and `images`, N
// vectors of the bytes of a JPEG or PNG file. `index.json` beside the chunks names each scene's.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vision/scene/scene.h"

namespace parallax {

// A scene is named by the path FOLDER/KEY or CHUNK.torch/KEY, of which only the folder or the chunk
// exists; the key may be left out where there is only one. Nothing if there are no chunks; Error if
// there are but the scene is missing or broken. A row of `cameras` is fx, fy, cx, cy as shares of
// the image's size, two zeros, and world-to-camera as 3 × 4; pixel centres at (0.5, 0.5). Images
// stay in the chunk until they are used.
std::optional<Scene> load_pixelsplat(const std::filesystem::path& path,
                                     const SceneOptions& options);

// Whether the path, which need not exist, leads into a folder of chunks or a chunk.
bool leads_into_chunks(const std::filesystem::path& path);

// The keys of the scenes in a chunk or a folder of chunks; empty if it is neither.
std::vector<std::string> pixelsplat_scenes(const std::filesystem::path& path);

}  // namespace parallax
