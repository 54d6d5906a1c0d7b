// RealEstate10K's text files (Stereo Magnification, Zhou et al. 2018): a video's address, then one
// line per frame of timestamp, normalised intrinsics and world-to-camera pose; frames are images
// named by their timestamp in a folder beside it.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path holds no such scene; Error if it does but the scene is broken. The path is
// the text file or the folder of frames of the same name beside it. Intrinsics are fractions of
// each image's own width and height, pixel centres at (0.5, 0.5).
std::optional<Scene> load_realestate10k(const std::filesystem::path& path,
                                        const SceneOptions& options);

// The text file that the path means, which is the file itself or the folder of its frames; empty:
// it is no such file. The video's address, with which it begins, may be missing or a name of
// someone's own.
std::filesystem::path realestate10k_file(const std::filesystem::path& path);

}  // namespace parallax
