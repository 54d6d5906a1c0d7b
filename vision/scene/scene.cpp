// The ordered list of scene loaders.
#include "vision/scene/scene.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "vision/scene/formats/colmap.h"
#include "vision/scene/formats/opencv_json.h"
#include "vision/scene/formats/transforms_json.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

// A loader answers with a scene, with nothing ("not my format, try the next"), or throws Error ("my
// format, but broken").
struct SceneLoader {
  const char* description;
  std::optional<Scene> (*load)(const fs::path& path, const SceneOptions& options);
};

constexpr std::array kLoaders = {
    SceneLoader{"opencv_cameras.json", load_opencv_json},
    SceneLoader{"transforms.json (nerfstudio, instant-ngp)", load_transforms},
    SceneLoader{"a COLMAP model (sparse/0)", load_colmap},
};

// Absolute and without a trailing slash, so that the last component names the scene.
fs::path tidy_path(const fs::path& path) {
  std::error_code error;
  fs::path tidy = fs::absolute(path, error).lexically_normal();
  return tidy.has_filename() ? tidy : tidy.parent_path();
}

}  // namespace

Scene load_scene(const fs::path& path, const SceneOptions& options) {
  const fs::path tidy = tidy_path(path);
  std::error_code error;
  if (path.empty() || !fs::exists(tidy, error)) {
    throw Error(ErrorParts{.what = "there is no such file or folder", .where = path.string()});
  }
  for (const SceneLoader& loader : kLoaders) {
    std::optional<Scene> scene = loader.load(tidy, options);
    if (!scene) {
      continue;
    }
    if (scene->views.empty()) {
      throw Error(ErrorParts{.what = "the scene holds no views", .where = scene->file.string()});
    }
    return *std::move(scene);
  }
  throw Error(ErrorParts{.what = "no scene was found here",
                         .where = path.string(),
                         .expected = fmt::format("{}", fmt::join(scene_formats(), ", "))});
}

bool looks_like_scene(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const char* name : {"opencv_cameras.json",
                           "transforms.json",
                           "transforms_train.json",
                           "sparse",
                           "cameras.bin",
                           "cameras.txt"}) {
    if (std::filesystem::exists(folder / name, ignored)) {
      return true;
    }
  }
  return false;
}

std::vector<std::string> scene_formats() {
  std::vector<std::string> formats;
  std::transform(kLoaders.begin(), kLoaders.end(), std::back_inserter(formats), [](const auto& l) {
    return std::string(l.description);
  });
  return formats;
}

std::vector<Camera> scene_cameras(const Scene& scene) {
  std::vector<Camera> cameras;
  for (const View& view : scene.views) {
    cameras.push_back(view.camera);
  }
  return cameras;
}

std::vector<Camera> scene_cameras(const Scene& scene, const std::vector<int>& indices) {
  std::vector<Camera> cameras;
  for (const int index : indices) {
    if (index < 0 || static_cast<size_t>(index) >= scene.views.size()) {
      throw Error(ErrorParts{.what = "there is no such view",
                             .where = fmt::format("scene '{}'", scene.name),
                             .expected = fmt::format("0 to {}", scene.views.size() - 1),
                             .got = std::to_string(index)});
    }
    cameras.push_back(scene.views[index].camera);
  }
  return cameras;
}

}  // namespace parallax
