// The viewer's main loop.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "vision/viewer/view_data.h"
#include "vision/viewer/work_functions.h"

namespace parallax {

// What to open, and how the window looks.
struct ViewerOptions {
  std::string scene;  // empty: start without one
  view::OpenRequest open;
  view::EngineOptions engine;
  std::string classifier;
  std::string output;
  std::string screenshot;  // taken when everything is done; the program then ends
  nlohmann::json script;   // null: none
  int width = 0;           // 0: as the monitor suggests
  int height = 0;
  float ui_scale = 0;  // 0: the monitor's
  bool stats = false;
};

// Runs until the window is closed or a script ends. Throws Error if no window can be opened or a
// script's step cannot be carried out. Gives whether the layout was stored at the end; if not, it
// says so.
bool run_viewer(const ViewerOptions& options);

}  // namespace parallax
