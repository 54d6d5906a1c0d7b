// The cameras of a scene, and the names of its formats.
#include "vision/scene/scene.h"

#include <fmt/format.h>

#include "core/base/error.h"

namespace parallax {

std::string scene_format_name(SceneFormat format) {
  switch (format) {
    case SceneFormat::kTransforms:
      return "transforms";
    case SceneFormat::kColmap:
      return "colmap";
    case SceneFormat::kRealEstate10k:
      return "realestate10k";
    default:
      return "opencv-json";
  }
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
