// A camera path through keyframes, and its file.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "vision/scene/camera.h"

namespace parallax::view {

// Keyframes and the length and speed of the path through them.
struct CameraTrack {
  std::vector<Camera> keyframes;  // the scene's coordinates
  int frames = 60;                // in the whole path
  double frames_per_second = 20;
};

// The camera of every frame: smooth through the keyframes, including the first and the last. Empty
// without keyframes; with a single keyframe, its camera repeated.
std::vector<Camera> track_cameras(const CameraTrack& track);

// JSON: {"frames", "frames_per_second", "keyframes": [{"h", "w", "fx", "fy", "cx", "cy", "c2w"}]}.
void write_track(const std::filesystem::path& path, const CameraTrack& track);

// Throws Error naming the file, keyframe and field at fault.
CameraTrack read_track(const std::filesystem::path& path);

// One camera: {"h", "w", "fx", "fy", "cx", "cy", "c2w"}. Reading throws Error, beginning with
// `where`.
nlohmann::json camera_json(const Camera& camera);
Camera read_camera_json(const nlohmann::json& json, const std::string& where);

}  // namespace parallax::view
