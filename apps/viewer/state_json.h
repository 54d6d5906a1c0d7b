// The viewer's state as JSON: settings kept between sessions, what scripts set, and what they can
// inspect.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/viewer/ui.h"
#include "vision/viewer/view_state.h"

namespace parallax {

// Layout, camera and recent files.
nlohmann::json settings_json(const view::ViewState& state);

// Applies whichever of these the JSON has: screen, panes, view, inputs, field_of_view, zoom, split,
// split_at, output, recent, probe, classify, track_frames, side_tab, show. Throws Error naming a
// field that is unknown or does not fit.
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
