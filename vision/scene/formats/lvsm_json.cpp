// Reading LVSM's scenes.
#include "vision/scene/formats/lvsm_json.h"

#include <fmt/format.h>

#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/scene/formats/common/loader_support.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

bool is_lvsm(const json& document) {
  if (!document.is_object() || !document.contains("frames") || !document["frames"].is_array() ||
      document["frames"].empty()) {
    return false;
  }
  const json& first = document["frames"].front();
  return first.is_object() && first.contains("fxfycxcy");
}

View read_lvsm_view(const JsonFields& frame, ImageFinder& photographs) {
  View view;
  view.name = frame.text("image_path");
  view.image_path = photographs.find(view.name, frame.where("image_path"));
  const std::vector<double> numbers = frame.numbers("fxfycxcy", 4);
  const cv::Size size = ImageFinder::full_size(view.name, view.image_path);
  Camera& camera = view.camera;
  camera.width = size.width;
  camera.height = size.height;
  camera.fx = numbers[0];
  camera.fy = numbers[1];
  camera.cx = numbers[2];
  camera.cy = numbers[3];
  const cv::Matx44d w2c = frame.matrix("w2c");
  validate_pose(w2c, frame.where("w2c"));
  camera.c2w = w2c.inv();
  validate_camera(camera, frame.where());
  return view;
}

}  // namespace

std::optional<Scene> load_lvsm_json(const fs::path& path, const SceneOptions& options) {
  if (!fs::is_regular_file(path) || path.extension() != ".json") {
    return std::nullopt;
  }
  const json document = read_json_file(path);
  if (!is_lvsm(document)) {
    return std::nullopt;
  }
  Scene scene;
  scene.file = path;
  scene.root = path.parent_path();
  scene.name = path.stem().string();
  const fs::path above = scene.root.parent_path();
  ImageFinder photographs({scene.root, above, above.parent_path()}, options);
  // LVSM's scripts write where its data was, from wherever they were started.
  photographs.ignore_beginnings();
  const JsonFields global(document, path.string());
  const json& frames = global.list("frames");
  ViewCollector views;
  for (size_t i = 0; i < frames.size(); ++i) {
    views.add([&] {
      const JsonFields frame(frames[i], fmt::format("{}, view {}", path.string(), i));
      return read_lvsm_view(frame, photographs);
    });
  }
  views.finish(scene);
  return scene;
}

}  // namespace parallax
