// Writing COLMAP's binary models.
#pragma once

#include <filesystem>
#include <vector>

#include "vision/scene/writers/written_view.h"

namespace parallax {

// Whether COLMAP has a model for this lens: none has skew, r⁸ beside tangential terms, an equisolid
// or dual projection, or prism terms beyond the first two.
bool colmap_can_hold(const Lens& lens);

// Writes folder/sparse/0/cameras.bin, images.bin and an empty points3D.bin, each atomically. Views
// of the same intrinsics and lens share a camera; images are named relative to folder/images.
// COLMAP must be able to hold every lens; older ones do not know models with a number above 10.
void write_colmap_model(const std::vector<WrittenView>& views, const std::filesystem::path& folder);

}  // namespace parallax
