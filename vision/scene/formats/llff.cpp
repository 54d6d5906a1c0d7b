// Reading poses_bounds.npy.
#include "vision/scene/formats/llff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "core/image/image_extension.h"
#include "core/io/npy.h"
#include "vision/scene/formats/common/loader_support.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPosesFile = "poses_bounds.npy";
constexpr size_t kRowNumbers = 17;

fs::path poses_file(const fs::path& path) {
  const fs::path file = fs::is_directory(path) ? path / kPosesFile : path;
  const bool is_named_so = file.filename() == kPosesFile;
  return is_named_so && fs::is_regular_file(file) ? file : fs::path();
}

// The photographs of the first folder that has any, sorted by name as the poses are.
std::vector<std::string> list_photographs(const fs::path& root, const SceneOptions& options) {
  std::vector<std::string> folders = {options.image_folder};
  if (options.image_folder.empty()) {
    folders = {"images", "images_2", "images_4", "images_8", "."};
  }
  std::vector<std::string> names;
  for (const std::string& folder : folders) {
    std::error_code error;
    if (!options.image_folder.empty() && !fs::is_directory(root / folder, error)) {
      throw Error(ErrorParts{.what = fmt::format("the folder of images '{}' is missing", folder),
                             .where = root.string()});
    }
    for (const auto& entry : fs::directory_iterator(root / folder, error)) {
      const bool is_hidden = entry.path().filename().string().starts_with('.');  // macOS's ._x.jpg
      if (!is_hidden && has_image_extension(entry.path()) && entry.is_regular_file(error)) {
        names.push_back((fs::path(folder) / entry.path().filename()).lexically_normal().string());
      }
    }
    if (!names.empty()) {
      break;
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

int whole_side(double value, const char* what, const std::string& where) {
  if (!(value >= 1) || value > kMaxImageSide || value != std::floor(value)) {
    throw Error(ErrorParts{.what = fmt::format("the image's {} is not usable", what),
                           .where = where,
                           .expected = fmt::format("1 to {}", kMaxImageSide),
                           .got = fmt::format("{:g}", value)});
  }
  return static_cast<int>(value);
}

Camera read_camera(const double* row, const std::string& where) {
  Camera camera;
  camera.height = whole_side(row[4], "height", where);
  camera.width = whole_side(row[9], "width", where);
  camera.fx = camera.fy = row[14];
  camera.cx = 0.5 * camera.width;
  camera.cy = 0.5 * camera.height;
  for (int axis = 0; axis < 3; ++axis) {
    const double* numbers = row + 5 * axis;
    camera.c2w(axis, 0) = numbers[1];   // right
    camera.c2w(axis, 1) = numbers[0];   // down
    camera.c2w(axis, 2) = -numbers[2];  // forward
    camera.c2w(axis, 3) = numbers[3];
  }
  validate_pose(camera.c2w, where);
  validate_camera(camera, where);
  return camera;
}

}  // namespace

std::optional<Scene> load_llff(const fs::path& path, const SceneOptions& options) {
  const fs::path file = poses_file(path);
  if (file.empty()) {
    return std::nullopt;
  }
  const NpyArray poses = read_npy(file);
  if (poses.shape.size() != 2 || poses.shape[1] != kRowNumbers) {
    throw Error(ErrorParts{.what = "the array does not hold LLFF's poses",
                           .where = file.string(),
                           .expected = fmt::format("rows of {} numbers", kRowNumbers)});
  }
  Scene scene;
  scene.file = file;
  scene.root = file.parent_path();
  scene.name = scene.root.filename().string();
  const std::vector<std::string> names = list_photographs(scene.root, options);
  if (names.size() != poses.shape[0]) {
    throw Error(ErrorParts{
        .what = "poses and photographs are not equally many, so nothing says which belong together",
        .where = file.string(),
        .expected = fmt::format("{} photographs, one per pose", poses.shape[0]),
        .got = std::to_string(names.size()),
        .remedy = "Photographs that COLMAP did not register must be taken out of the folder."});
  }
  ViewCollector views;
  for (size_t i = 0; i < names.size(); ++i) {
    views.add([&] {
      View view;
      view.name = names[i];
      view.image_path = scene.root / names[i];
      view.camera = read_camera(poses.values.data() + i * kRowNumbers,
                                fmt::format("{}, row {}", file.string(), i));
      return view;
    });
  }
  views.finish(scene);
  return scene;
}

}  // namespace parallax
