// What a run of the laboratory left in its folder, for the Probe screen.
#pragma once

#include <filesystem>
#include <string>

#include "vision/viewer/lab_state.h"

namespace parallax {

// The findings on a model in the laboratory's order, those of the newest file of the model, and the
// page. Empty lists where there is nothing yet.
view::LabFolder read_lab_folder(const std::string& folder, const std::string& model);

// Changes when a run writes into the folder.
std::string lab_folder_stamp(const std::string& folder);

}  // namespace parallax
