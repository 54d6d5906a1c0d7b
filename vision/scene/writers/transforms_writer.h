// Writing nerfstudio's transforms.json.
#pragma once

#include <filesystem>
#include <vector>

#include "vision/scene/writers/written_view.h"

namespace parallax {

// Whether the file has fields for this lens: OpenCV's with up to five coefficients, or its fisheye.
bool transforms_can_hold(const Lens& lens);

// Writes folder/transforms.json, atomically. Intrinsics that all views share are the file's, others
// each frame's; held-out views are listed as `val_filenames` and `test_filenames`. All lenses must
// be fisheyes or none, as nerfstudio 1.1.5 reads one `camera_model` per file.
void write_transforms(const std::vector<WrittenView>& views, const std::filesystem::path& folder);

}  // namespace parallax
