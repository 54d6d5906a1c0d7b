// The viewer's state as JSON: what is kept between two sessions, what scripts set, what they can
// look at.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/viewer/ui.h"
#include "vision/viewer/view_state.h"

namespace parallax {

// Layout, camera and recent files.
nlohmann::json settings_json(const view::ViewState& state);

// Takes over what the JSON has of: screen, panes, view, inputs, field_of_view, zoom, split,
// split_at, output, recent, probe, classify, track_frames, side_tab, show. Throws Error naming a
// field that is unknown or does not fit.
void apply_settings(const nlohmann::json& json, view::ViewState& state, Ui& ui);

// The camera kept for this scene, if any.
std::optional<Camera> kept_camera(const nlohmann::json& settings, const std::string& scene);

// $XDG_CONFIG_HOME/parallax/viewer.json; an empty object where there is none or it is damaged.
std::filesystem::path settings_path();
nlohmann::json read_settings();

// Everything a test wants to know: numbers of the frame, rectangles of named items, messages.
nlohmann::json describe_state(const view::ViewState& state, const Ui& ui);

}  // namespace parallax
