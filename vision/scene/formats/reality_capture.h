// The table of cameras that RealityCapture and RealityScan export as *Internal/External camera
// parameters*.
#pragma once

#include <optional>

#include "vision/scene/scene.h"

namespace parallax {

// Nothing if the path holds no such scene; Error if it does but the scene is broken. The path is
// the .csv file or its folder. Its first line names the columns: `#name`, the position `x`, `y`,
// `alt`, `heading`, `pitch` and `roll` in degrees (all 0: looking down, with y ahead), the focal
// length `f` on film 36 mm wide, the principal point's offset `px`, `py` from the middle as shares
// of the longer side, and the distortion `k1` … `k4`, `t1`, `t2` (Brown's, of which k4 belongs to
// r⁸), as nerfstudio 1.1.5 reads them.
std::optional<Scene> load_reality_capture(const std::filesystem::path& path,
                                          const SceneOptions& options);

// Whether the file is such a table, by its name and its first line.
bool begins_as_reality_capture(const std::filesystem::path& file);

}  // namespace parallax
