// Posed image collections.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/io/input_file.h"
#include "vision/scene/camera.h"
#include "vision/scene/lens.h"

namespace parallax {

// One posed photograph. The image itself is read later by load_view.
struct View {
  std::string name;                     // the image's path as the scene file writes it
  std::filesystem::path image_path;     // an existing file
  std::optional<ByteRange> image_part;  // of that file, where it holds more than the image
  Camera camera;                        // intrinsics for the size declared by the scene
  Lens lens;
  std::filesystem::path mask_path;  // bright where the object is; empty if there is none
  bool is_held_out = false;         // the scene keeps it for testing
  bool is_unreadable = false;       // nobody could read the image: it is not to be chosen
  int number = 0;  // among the views that the scene lists, from 0; those left out count
};

// The format that a scene was read from. vision/scene/formats/load_scene.cpp has a row for each.
enum class SceneFormat {
  kOpencvJson,
  kLvsmJson,
  kTransforms,
  kColmap,
  kLlff,
  kBundler,
  kRealEstate10k,
  kMetashape,
  kOpenMvg,
  kOpenSfm,
  kPolycam,
  kRecord3d,
  kPixelSplat,
  kGaussianSplatting,
  kMvsnet,
  kNsvf,
  kNeus,
  kRealityCapture,
  kSdfStudio,
  kVisualSfm,
  kReplica,
  kTumRgbd,
  kKitti,
};

// "opencv-json", "lvsm-json", "transforms", "colmap", "llff", "bundler", "realestate10k",
// "metashape", "openmvg", "opensfm", "polycam", "record3d", "pixelsplat", "gaussian-splatting",
// "mvsnet", "nsvf", "neus", "reality-capture", "sdfstudio",
// "visualsfm", "replica", "tum-rgbd" or "kitti".
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
  // Where the photographs are, relative to the scene's folder. Where it is empty, the names in the
  // scene's file say it, COLMAP's relative to `images`.
  std::string image_folder;
};

// "2 of 9 views are left out." and the first three of the reasons, of which there is at least one.
std::string left_out_note(size_t all, const std::vector<std::string>& reasons);

// The cameras of the chosen views, or of all.
std::vector<Camera> scene_cameras(const Scene& scene);
std::vector<Camera> scene_cameras(const Scene& scene, const std::vector<int>& indices);

}  // namespace parallax
