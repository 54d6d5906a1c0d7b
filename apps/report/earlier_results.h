// Results of an earlier run are moved out of the way, so that a folder holds those of one run.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace parallax {

// Moves these files and folders of `folder`, where they exist, into a new sub-folder: `previous`,
// `previous-2` and so on; nothing is ever removed. Returns that sub-folder, or an empty path if
// there was nothing to move. Throws Error naming what cannot be moved.
std::filesystem::path set_aside(const std::filesystem::path& folder,
                                const std::vector<std::string>& names);

// Says on stderr where set_aside() moved them; nothing for an empty path.
void note_set_aside(const std::filesystem::path& previous);

}  // namespace parallax
