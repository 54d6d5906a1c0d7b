// The ids 1 to 1000 by which ILSVRC's own files of labels name its classes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace parallax {

// The WordNet id of each ILSVRC id: element i is that of id i, element 0 is empty. These ids are
// not in the order of the WordNet ids, which is that of models' outputs; the development kit
// translates them: its data/meta.mat (ILSVRC 2012) or data/map_clsloc.txt (2014 and later), looked
// for in the folder of `file`, its folder above, and in a kit in either. Throws Error if neither is
// found or it cannot be read.
std::vector<std::string> read_ilsvrc_ids(const std::filesystem::path& file);

}  // namespace parallax
