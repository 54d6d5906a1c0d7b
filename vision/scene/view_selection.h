// Which views a model reads and which it is asked to render.
#pragma once

#include <string>
#include <vector>

#include "vision/scene/scene.h"

namespace parallax {

// The views that a model reads and those that it renders, by index.
struct ViewSelection {
  std::vector<int> inputs;
  std::vector<int> targets;        // views the model does not read
  std::vector<std::string> notes;  // sentences for the user
};

// `inputs`: a count ("8": farthest-point sampling over camera positions from view 0) or a list of
// indices ("0,5,9"; a trailing comma makes one index a list). `targets`: "" or "all" for every
// other view, a count (evenly spread over the others) or a list. Throws UsageError naming the
// option and the number of views there are. Counts and "all" leave out cameras far outside the
// others (find_stray_cameras()), with a note that names them, and views marked
// as unreadable. Where a scene holds views out itself, counts of inputs are of the others, counts
// of targets of those.
ViewSelection select_views(const Scene& scene,
                           const std::string& inputs,
                           const std::string& targets);

}  // namespace parallax
