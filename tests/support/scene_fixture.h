// A small scene written to a temporary folder in every format, for the tests of loaders.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/scratch_folder.h"
#include "vision/scene/scene.h"

namespace parallax::testing {

// Creates or replaces a file, creating missing folders.
void write_text(const std::filesystem::path& path, std::string_view text);

// Three cameras on an arc, 24 × 32 pixels, with images images/view_0.png … (RGB noise) in `folder`.
Scene make_small_scene(const std::filesystem::path& folder);

// The scene's cameras in other formats. The JSON documents are for the caller to damage and write;
// the COLMAP writers create sparse/0 under the scene's root.
nlohmann::json opencv_document(const Scene& scene);
nlohmann::json transforms_document(const Scene& scene);

// The camera line of COLMAP's cameras.txt and the first line of each image in images.txt.
std::string colmap_camera_line(const Scene& scene);
std::string colmap_image_line(const Scene& scene, int index);
void write_colmap_text(const Scene& scene);

// The binary files as strings, for the caller to damage and write.
std::string colmap_cameras_binary(const Scene& scene);
std::string colmap_images_binary(const Scene& scene);
void write_colmap_binary(const Scene& scene);

// The text of the Error that load_scene throws, or of its note on views left out; "" if there is
// neither.
std::string load_failure(const std::filesystem::path& path);

}  // namespace parallax::testing
