// Reading keyframes.
#include "vision/scene/formats/polycam.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/scene/formats/common/loader_support.h"
#include "vision/scene/formats/common/number_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

// One of the two sets of cameras and images in `keyframes`, by their numbers, which are times of
// exposure.
struct Keyframes {
  std::vector<fs::path> cameras;
  fs::path images;
};

Keyframes find_keyframes(const fs::path& folder, std::vector<std::string>& notes) {
  std::error_code ignored;
  const std::vector<fs::path> corrected = files_by_number(folder / "corrected_cameras", ".json");
  if (!corrected.empty() && fs::is_directory(folder / "corrected_images", ignored)) {
    return {corrected, folder / "corrected_images"};
  }
  Keyframes raw{files_by_number(folder / "cameras", ".json"), folder / "images"};
  if (!raw.cameras.empty()) {
    notes.emplace_back(
        corrected.empty()
            ? "The poses are the phone's own: Polycam exported no corrected_cameras."
            : "The poses are the phone's own: there are no corrected_images to corrected_cameras.");
  }
  return raw;
}

View view_of_keyframe(const fs::path& file, const fs::path& root, ImageFinder& photographs) {
  const nlohmann::json document = read_json_file(file);
  const JsonFields fields(document, file.string());
  View view;
  view.image_path = photographs.find(file.stem().string(), file.string());
  view.name = view.image_path.lexically_relative(root).string();
  Camera& camera = view.camera;
  camera.width = fields.image_side("width");
  camera.height = fields.image_side("height");
  camera.fx = fields.positive("fx");
  camera.fy = fields.positive("fy");
  camera.cx = fields.number("cx");
  camera.cy = fields.number("cy");
  cv::Matx44d c2w = cv::Matx44d::eye();
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 4; ++column) {
      c2w(row, column) = fields.number(fmt::format("t_{}{}", row, column));
    }
  }
  camera.c2w = from_opengl_axes(c2w);
  validate_camera(camera, file.string());
  return view;
}

}  // namespace

std::optional<Scene> load_polycam(const fs::path& path, const SceneOptions& options) {
  if (!fs::is_directory(path)) {
    return std::nullopt;
  }
  const bool is_inside = path.filename() == "keyframes";
  Scene scene;
  scene.root = is_inside ? path.parent_path() : path;
  scene.name = scene.root.filename().string();
  scene.file = scene.root / "keyframes";
  const Keyframes keyframes = find_keyframes(scene.file, scene.notes);
  if (keyframes.cameras.empty()) {
    return std::nullopt;
  }
  const bool is_chosen = !options.image_folder.empty();
  ImageFinder photographs(
      is_chosen ? std::vector<fs::path>{scene.root, scene.file} : std::vector{keyframes.images},
      options);
  ViewCollector views;
  for (const fs::path& file : keyframes.cameras) {
    views.add([&] { return view_of_keyframe(file, scene.root, photographs); });
  }
  views.finish(scene);
  return scene;
}

}  // namespace parallax
