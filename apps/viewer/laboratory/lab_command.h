// The command line that runs the laboratory on what the Probe screen shows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/lab/lab_options.h"
#include "vision/viewer/view_state.h"

namespace parallax {

// All probes, in the laboratory's order, chosen.
std::vector<view::LabProbeChoice> list_lab_probes();

// The options of `parallax lab` for the shown scene and model, with the scene read as the window
// reads it, and the probes that are chosen. Paths that begin with a dash get a "./". Nothing
// without a scene, a model or an input view. The output folder is left to find_lab_folder().
std::optional<LabOptions> shown_lab_options(const view::ViewState& state);

// output/lab/SCENE-MODEL, or with a number behind it where that holds results of the same names
// under other settings.
std::string find_lab_folder(const view::ViewState& state, LabOptions options);

// The words behind the program's name.
std::vector<std::string> lab_words(const LabOptions& options);

}  // namespace parallax
