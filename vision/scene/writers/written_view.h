// A view as it is written into a new scene.
#pragma once

#include <string>

#include "vision/scene/scene.h"

namespace parallax {

// A view whose photograph is in its new place already.
struct WrittenView {
  std::string image;  // relative to the new scene's folder: "images/a/0001.jpg"
  std::string mask;   // likewise; empty if there is none
  Camera camera;      // of the photograph's real size
  Lens lens;
  bool is_held_out = false;
};

}  // namespace parallax
