// The cameras of a scene, and the names of its formats.
#include "vision/scene/scene.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"

namespace parallax {

std::string scene_format_name(SceneFormat format) {
  switch (format) {
    case SceneFormat::kLvsmJson:
      return "lvsm-json";
    case SceneFormat::kLlff:
      return "llff";
    case SceneFormat::kBundler:
      return "bundler";
    case SceneFormat::kTransforms:
      return "transforms";
    case SceneFormat::kColmap:
      return "colmap";
    case SceneFormat::kRealEstate10k:
      return "realestate10k";
    case SceneFormat::kMetashape:
      return "metashape";
    case SceneFormat::kOpenMvg:
      return "openmvg";
    case SceneFormat::kOpenSfm:
      return "opensfm";
    case SceneFormat::kPolycam:
      return "polycam";
    case SceneFormat::kRecord3d:
      return "record3d";
    case SceneFormat::kPixelSplat:
      return "pixelsplat";
    case SceneFormat::kGaussianSplatting:
      return "gaussian-splatting";
    case SceneFormat::kMvsnet:
      return "mvsnet";
    case SceneFormat::kNsvf:
      return "nsvf";
    case SceneFormat::kNeus:
      return "neus";
    case SceneFormat::kRealityCapture:
      return "reality-capture";
    case SceneFormat::kSdfStudio:
      return "sdfstudio";
    case SceneFormat::kVisualSfm:
      return "visualsfm";
    case SceneFormat::kReplica:
      return "replica";
    case SceneFormat::kTumRgbd:
      return "tum-rgbd";
    case SceneFormat::kKitti:
      return "kitti";
    default:
      return "opencv-json";
  }
}

std::string left_out_note(size_t all, const std::vector<std::string>& reasons) {
  constexpr size_t kMostReasons = 3;
  std::string note = fmt::format(
      "{} of {} views {} left out.", reasons.size(), all, reasons.size() == 1 ? "is" : "are");
  for (size_t i = 0; i < std::min(reasons.size(), kMostReasons); ++i) {
    note += " " + reasons[i] + (reasons[i].ends_with('.') ? "" : ".");
  }
  return note;
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
