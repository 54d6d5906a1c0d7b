// Posed image collections.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "vision/scene/camera.h"

namespace parallax {

// One posed photograph. The image itself is read later by load_view.
struct View {
  std::string name;                  // the image's path as the scene file writes it
  std::filesystem::path image_path;  // an existing file
  Camera camera;                     // intrinsics for the size declared by the scene
  std::vector<double> distortion;  // OpenCV's order k1 k2 p1 p2 k3 k4 k5 k6; empty if there is none
};

// The format that a scene was read from; vision/scene/formats/load_scene.cpp has a row for each.
enum class SceneFormat { kOpencvJson, kTransforms, kColmap };

// "opencv-json", "transforms" or "colmap".
std::string scene_format_name(SceneFormat format);

// The views of one scene and where they were read from.
struct Scene {
  std::string name;
  SceneFormat format = SceneFormat::kOpencvJson;
  std::filesystem::path root;      // the folder that image paths are relative to
  std::filesystem::path file;      // the file that lists the views
  std::vector<View> views;         // never empty after load_scene
  std::vector<std::string> notes;  // one sentence each on what the user may want to know
};

// How scenes are read.
struct SceneOptions {
  std::string image_folder = "images";  // COLMAP only: the folder of images next to `sparse`
};

// The cameras of the chosen views, or of all.
std::vector<Camera> scene_cameras(const Scene& scene);
std::vector<Camera> scene_cameras(const Scene& scene, const std::vector<int>& indices);

}  // namespace parallax
