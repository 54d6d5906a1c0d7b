// Posed image collections and the formats that they are read from.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "vision/scene/camera.h"

namespace parallax {

// One posed photograph. The image itself is read later, by load_view.
struct View {
  std::string name;                  // the image's path as the scene file writes it
  std::filesystem::path image_path;  // an existing file
  Camera camera;                     // intrinsics for the size that the scene declares
  std::vector<double> distortion;  // OpenCV's order k1 k2 p1 p2 k3 k4 k5 k6; empty if there is none
};

struct Scene {
  std::string name;
  std::string format;              // "opencv-json", "transforms" or "colmap"
  std::filesystem::path root;      // the folder that image paths are relative to
  std::filesystem::path file;      // the file that lists the views
  std::vector<View> views;         // never empty after load_scene
  std::vector<std::string> notes;  // what the user may want to know, a sentence each
};

struct SceneOptions {
  std::string image_folder = "images";  // COLMAP only: the folder of images beside `sparse`
};

// Loads a scene from a folder or from its camera file, whatever its format. Every camera has been
// validated and every image file exists. Throws Error naming file, view and field where something
// is wrong.
Scene load_scene(const std::filesystem::path& path, const SceneOptions& options = {});

// Whether the folder holds a file or folder that one of the formats begins with. Reads none of it.
bool looks_like_scene(const std::filesystem::path& folder);

// The formats that load_scene tries, in its order, a short description each.
std::vector<std::string> scene_formats();

// The cameras of the chosen views, or of all.
std::vector<Camera> scene_cameras(const Scene& scene);
std::vector<Camera> scene_cameras(const Scene& scene, const std::vector<int>& indices);

}  // namespace parallax
