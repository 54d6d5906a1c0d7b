// Finds a COLMAP model and its photographs and turns them into views.
#include "vision/scene/formats/colmap.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "vision/scene/formats/colmap_model.h"
#include "vision/scene/formats/loader_support.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

// The folder with the model's files, or an empty path if there is none.
fs::path find_model_folder(const fs::path& path) {
  if (fs::is_regular_file(path)) {
    const bool model_file = path.extension() == ".bin" || path.extension() == ".txt";
    const std::string stem = path.stem().string();
    const bool known = stem == "cameras" || stem == "images" || stem == "points3D";
    return model_file && known ? path.parent_path() : fs::path();
  }
  for (const char* inside : {"sparse/0", "sparse", "colmap/sparse/0", "0", ""}) {
    const fs::path folder = *inside == '\0' ? path : path / inside;
    if (!colmap_file(folder, "cameras").empty() || !colmap_file(folder, "images").empty()) {
      return folder;
    }
  }
  return {};
}

// The folder that the photographs' names are relative to: `options.image_folder` next to the model
// or in one of the folders above it (root/sparse/0, root/colmap/sparse/0), else the model's own.
fs::path find_image_folder(const fs::path& model_folder, const SceneOptions& options) {
  fs::path folder = model_folder;
  for (int up = 0; up <= 3; ++up) {
    if (fs::is_directory(folder / options.image_folder)) {
      return folder / options.image_folder;
    }
    folder = folder.parent_path();
  }
  if (options.image_folder != SceneOptions().image_folder) {
    throw Error(ErrorParts{
        .what = fmt::format("the folder of images '{}' is missing", options.image_folder),
        .where = model_folder.string()});
  }
  return model_folder;
}

View make_view(const ColmapImage& image,
               const ColmapCameras& cameras,
               const std::string& cameras_name,
               const fs::path& folder) {
  const auto camera = cameras.find(image.camera_id);
  if (camera == cameras.end()) {
    throw Error(ErrorParts{.what = "the view's camera is not in " + cameras_name,
                           .where = image.where + ", field 'camera_id'",
                           .got = std::to_string(image.camera_id)});
  }
  View view;
  view.name = image.name;
  view.image_path = find_scene_image(folder, image.name, image.where + ", field 'name'");
  view.camera = camera->second.intrinsics;
  view.camera.c2w = image.w2c.inv();
  view.distortion = camera->second.distortion;
  validate_camera(view.camera, image.where);
  return view;
}

}  // namespace

std::optional<Scene> load_colmap(const fs::path& path, const SceneOptions& options) {
  const fs::path model_folder = find_model_folder(path);
  if (model_folder.empty()) {
    return std::nullopt;
  }
  for (const char* stem : {"cameras", "images"}) {
    if (colmap_file(model_folder, stem).empty()) {
      throw Error(ErrorParts{.what = "the COLMAP model is incomplete",
                             .where = model_folder.string(),
                             .expected = fmt::format("{0}.bin or {0}.txt", stem)});
    }
  }
  const ColmapCameras cameras = read_colmap_cameras(model_folder);
  std::vector<ColmapImage> images = read_colmap_images(model_folder);
  // COLMAP writes its images in the order in which they were registered.
  std::stable_sort(images.begin(), images.end(), [](const ColmapImage& a, const ColmapImage& b) {
    return a.name < b.name;
  });
  Scene scene;
  const fs::path image_folder = find_image_folder(model_folder, options);
  scene.file = colmap_file(model_folder, "images");
  scene.root = image_folder == model_folder ? model_folder : image_folder.parent_path();
  scene.name = scene.root.filename().string();
  const std::string cameras_name = colmap_file(model_folder, "cameras").filename().string();
  for (const ColmapImage& image : images) {
    scene.views.push_back(make_view(image, cameras, cameras_name, image_folder));
  }
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
