// The laboratory's state for scripts: what they set and what they can inspect.
#pragma once

#include <nlohmann/json.hpp>

#include "vision/viewer/lab_state.h"

namespace parallax {

// Chooses the probes of a list of names. Throws Error naming those there are.
void choose_lab_probes(const nlohmann::json& names, view::LabState& lab);

nlohmann::json describe_lab(const view::LabState& lab);

}  // namespace parallax
