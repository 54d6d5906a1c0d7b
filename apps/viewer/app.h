// The viewer's main loop.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "vision/viewer/view_data.h"
#include "vision/viewer/work_functions.h"

namespace parallax {

struct ViewerOptions {
  std::string scene;  // empty: none to begin with
  view::OpenRequest open;
  view::EngineOptions engine;
  std::string classifier;
  std::string output;
  std::string screenshot;  // taken when everything is done; then the program ends
  nlohmann::json script;   // null: none
  int width = 1280;
  int height = 720;
  float ui_scale = 1;
  bool stats = false;
};

// Runs until the window is closed, or a script has ended. Throws Error where there is no window to
// be had, and where a script's step cannot be done.
void run_viewer(const ViewerOptions& options);

}  // namespace parallax
