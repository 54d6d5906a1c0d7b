// Reads and writes opencv_cameras.json.
#include "vision/scene/formats/opencv_json.h"

#include <fmt/format.h>

#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "core/io/atomic_file.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/scene/formats/common/loader_support.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kCamerasFile = "opencv_cameras.json";

// The camera file that the path refers to, or an empty path. Any other .json file is inspected: a
// list of cameras has this format whatever its name.
fs::path camera_file(const fs::path& path) {
  const fs::path file = fs::is_directory(path) ? path / kCamerasFile : path;
  return fs::is_regular_file(file) && file.extension() == ".json" ? file : fs::path();
}

// The list of frames: the document itself, or the field `frames` of an object. Null if the document
// has another format.
const json* frame_list(const json& document, const fs::path& file) {
  const bool ours = file.filename() == kCamerasFile;
  if (document.is_array()) {
    // A list of OpenSfM's reconstructions or of 3D Gaussian splatting's cameras.
    const bool theirs = !document.empty() && document[0].is_object() &&
                        (document[0].contains("shots") ||
                         (document[0].contains("img_name") && document[0].contains("position")));
    return ours || !theirs ? &document : nullptr;
  }
  const bool has_frames = document.is_object() && document.contains("frames");
  if (has_frames && document["frames"].is_array()) {
    const json& frames = document["frames"];
    const bool has_w2c = !frames.empty() && frames[0].is_object() && frames[0].contains("w2c");
    return ours || has_w2c ? &frames : nullptr;
  }
  if (ours) {
    throw Error(ErrorParts{.what = "the file is not a list of cameras",
                           .where = file.string(),
                           .expected = "[{w, h, fx, fy, cx, cy, w2c, file_path}, …]"});
  }
  return nullptr;
}

View read_view(const JsonFields& fields, ImageFinder& photographs) {
  View view;
  view.name = fields.text("file_path");
  view.image_path = photographs.find(view.name, fields.where("file_path"));
  Camera& camera = view.camera;
  camera = fields.intrinsics();
  const cv::Matx44d w2c = fields.pose("w2c");
  validate_pose(w2c, fields.where("w2c"));
  camera.c2w = w2c.inv();
  validate_camera(camera, fields.where());
  return view;
}

}  // namespace

std::optional<Scene> load_opencv_json(const fs::path& path, const SceneOptions& options) {
  const fs::path file = camera_file(path);
  if (file.empty()) {
    return std::nullopt;
  }
  const json document = read_json_file(file);
  const json* frames = frame_list(document, file);
  if (frames == nullptr) {
    return std::nullopt;
  }
  Scene scene;
  scene.file = file;
  scene.root = file.parent_path();
  scene.name = scene.root.filename().string();
  ImageFinder photographs({scene.root}, options);
  photographs.ignore_beginnings();
  ViewCollector views;
  for (size_t i = 0; i < frames->size(); ++i) {
    views.add([&] {
      return read_view(JsonFields((*frames)[i], fmt::format("{}, view {}", file.string(), i)),
                       photographs);
    });
  }
  views.finish(scene);
  photographs.note_replaced_folder(scene);
  return scene;
}

void save_opencv_json(const Scene& scene, const fs::path& path) {
  const fs::path folder = fs::absolute(path).lexically_normal().parent_path();
  json frames = json::array();
  for (size_t i = 0; i < scene.views.size(); ++i) {
    const View& view = scene.views[i];
    const std::string where = fmt::format("view {} ('{}')", i, view.name);
    validate_camera(view.camera, where);
    if (!view.lens.is_pinhole()) {
      throw Error(ErrorParts{.what = "opencv_cameras.json cannot record lens distortion",
                             .where = where,
                             .remedy = "Undistort the images first."});
    }
    const cv::Matx44d w2c = view.camera.c2w.inv();
    json rows = json::array();
    for (int row = 0; row < 4; ++row) {
      rows.push_back({w2c(row, 0), w2c(row, 1), w2c(row, 2), w2c(row, 3)});
    }
    const fs::path image = fs::absolute(view.image_path).lexically_normal();
    frames.push_back({{"w", view.camera.width},
                      {"h", view.camera.height},
                      {"fx", view.camera.fx},
                      {"fy", view.camera.fy},
                      {"cx", view.camera.cx},
                      {"cy", view.camera.cy},
                      {"w2c", std::move(rows)},
                      {"file_path", image.lexically_relative(folder).generic_string()}});
  }
  write_file_atomically(path, frames.dump(1) + "\n");
}

}  // namespace parallax
