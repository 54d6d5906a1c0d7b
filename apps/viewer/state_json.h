// The viewer's state as JSON: settings kept between sessions, what scripts set, and what they can
// inspect.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/viewer/ui.h"
#include "vision/viewer/view_state.h"

namespace parallax {

// Layout, camera, keyframes and recent files.
nlohmann::json settings_json(const view::ViewState& state, const Ui& ui);

// The fields that can be set; docs/user/viewer.md describes them.
std::vector<std::string> settings_fields();

// Applies whichever of these fields the JSON has. Throws Error naming a field that is unknown or
// does not fit.
void apply_settings(const nlohmann::json& json, view::ViewState& state, Ui& ui);

// The camera stored for this scene, if any.
std::optional<Camera> kept_camera(const nlohmann::json& settings, const std::string& scene);

// $XDG_CONFIG_HOME/parallax/viewer.json; read_settings returns an empty object if the file is
// missing or damaged.
std::filesystem::path settings_path();
nlohmann::json read_settings();

// Everything that tests inspect: the frame's values, rectangles of named items, messages.
nlohmann::json describe_state(const view::ViewState& state, const Ui& ui);

}  // namespace parallax
