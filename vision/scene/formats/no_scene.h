// What to say of a path that no loader takes up.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/base/error.h"

namespace parallax {

// The Error for it: what it holds instead and what to do about that, where it is known (scenes up
// to two levels below, photographs alone, a video, a packed archive), or the `formats` that are
// read.
Error no_scene_error(const std::filesystem::path& path, const std::vector<std::string>& formats);

}  // namespace parallax
