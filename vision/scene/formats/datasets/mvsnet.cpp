// Reading cams/*_cam.txt.
#include "vision/scene/formats/datasets/mvsnet.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/loader_support.h"
#include "vision/scene/formats/common/number_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kCameraEnding = "_cam.txt";

bool is_camera_name(const fs::path& file) {
  return file.filename().string().ends_with(kCameraEnding);
}

// The folder of cameras that the path means; empty if it has none.
fs::path cameras_folder(const fs::path& path) {
  for (const fs::path& folder : {path / "cams", path / "cams_1", path}) {
    const std::vector<fs::path> files = files_by_number(folder, ".txt");
    if (std::any_of(files.begin(), files.end(), is_camera_name)) {
      return folder;
    }
  }
  return {};
}

// As many numbers as the matrix has, after the word.
template <int N>
cv::Matx<double, N, N> titled_matrix(const std::vector<std::string>& words,
                                     const char* title,
                                     const std::string& where) {
  const auto found = std::find(words.begin(), words.end(), title);
  cv::Matx<double, N, N> matrix;
  auto word = found == words.end() ? found : found + 1;
  for (double& number : matrix.val) {
    if (word == words.end()) {
      throw Error(ErrorParts{.what = fmt::format("the matrix '{}' is missing or cut off", title),
                             .where = where,
                             .expected = fmt::format("the word and {} × {} numbers", N, N)});
    }
    number = number_of_word(*word++, fmt::format("{}, {}", where, title));
  }
  return matrix;
}

View view_of_camera_file(const fs::path& file, ImageFinder& photographs) {
  const std::vector<std::string> words = words_of_file(file);
  const auto extrinsic = titled_matrix<4>(words, "extrinsic", file.string());
  const auto intrinsic = titled_matrix<3>(words, "intrinsic", file.string());
  const std::string name = file.filename().string();
  View view;
  view.name = name.substr(0, name.size() - kCameraEnding.size());
  view.image_path = photographs.find(view.name, file.string());
  set_intrinsic_matrix(view, intrinsic, ImageFinder::full_size(view.name, view.image_path));
  view.camera.c2w = nearest_pose(extrinsic, file.string() + ", extrinsic").inv();
  validate_camera(view.camera, file.string());
  return view;
}

}  // namespace

std::optional<Scene> load_mvsnet(const fs::path& path, const SceneOptions& options) {
  if (!fs::is_directory(path)) {
    return std::nullopt;
  }
  const fs::path cameras = cameras_folder(path);
  if (cameras.empty()) {
    return std::nullopt;
  }
  Scene scene;
  scene.file = cameras;
  scene.root = cameras.parent_path();
  scene.name = scene.root.filename().string();
  std::vector<fs::path> folders = {scene.root};
  if (options.image_folder.empty()) {
    folders = {scene.root / "images", scene.root / "blended_images", scene.root};
  }
  ImageFinder photographs(folders, options);
  ViewCollector views;
  for (const fs::path& file : files_by_number(cameras, ".txt")) {
    if (is_camera_name(file)) {
      views.add([&] { return view_of_camera_file(file, photographs); });
    }
  }
  views.finish(scene);
  photographs.note_replaced_folder(scene);
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
