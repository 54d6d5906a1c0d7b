// Writing COLMAP's binary models.
#pragma once

#include <filesystem>
#include <vector>

#include "vision/scene/writers/written_view.h"

namespace parallax {

// Writes folder/sparse/0/cameras.bin, images.bin and an empty points3D.bin, each atomically. Views
// of the same intrinsics and lens share a camera; images are named relative to folder/images. Every
// lens has its model, of which older COLMAPs do not know those with a number above 10.
void write_colmap_model(const std::vector<WrittenView>& views, const std::filesystem::path& folder);

}  // namespace parallax
