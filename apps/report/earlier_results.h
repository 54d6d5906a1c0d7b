// Results of an earlier run are moved out of the way, so that a folder holds those of one run.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace parallax {

inline constexpr const char* kEarlierFolder = "previous";

// Moves these files and folders of `folder`, where they exist, into its sub-folder `previous`, in
// place of what that held. Returns whether there were any. Throws Error naming what cannot be
// moved.
bool set_aside(const std::filesystem::path& folder, const std::vector<std::string>& names);

}  // namespace parallax
