// Reading LVSM's scenes.
#include "vision/scene/formats/lvsm_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "core/image/image_header.h"
#include "vision/scene/formats/image_finder.h"
#include "vision/scene/formats/json_fields.h"
#include "vision/scene/formats/loader_support.h"

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

// The longest end of the path that names a file below one of the folders, else the path itself.
std::string existing_end(const fs::path& path, const std::vector<fs::path>& folders) {
  for (auto first = path.begin(); first != path.end(); ++first) {
    fs::path end;
    for (auto part = first; part != path.end(); ++part) {
      end /= *part;
    }
    std::error_code ignored;
    for (const fs::path& folder : folders) {
      if (end.is_relative() && fs::is_regular_file(folder / end, ignored)) {
        return end.string();
      }
    }
  }
  return path.string();
}

View read_lvsm_view(const JsonFields& frame,
                    const std::vector<fs::path>& folders,
                    ImageFinder& photographs) {
  View view;
  view.name = frame.text("image_path");
  view.image_path = photographs.find(existing_end(view.name, folders), frame.where("image_path"));
  const json& numbers = frame.list("fxfycxcy");
  if (numbers.size() != 4 || !std::all_of(numbers.begin(), numbers.end(), [](const json& number) {
        return number.is_number();
      })) {
    throw Error(ErrorParts{.what = "the intrinsics cannot be read",
                           .where = frame.where("fxfycxcy"),
                           .expected = "4 numbers"});
  }
  const cv::Size size = image_file_size(view.image_path);
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
  const std::vector<fs::path> folders = {
      scene.root, scene.root.parent_path(), scene.root.parent_path().parent_path()};
  ImageFinder photographs(folders, options);
  const JsonFields global(document, path.string());
  const json& frames = global.list("frames");
  ViewCollector views;
  for (size_t i = 0; i < frames.size(); ++i) {
    views.add([&] {
      const JsonFields frame(frames[i], fmt::format("{}, view {}", path.string(), i));
      return read_lvsm_view(frame, folders, photographs);
    });
  }
  views.finish(scene);
  return scene;
}

}  // namespace parallax
