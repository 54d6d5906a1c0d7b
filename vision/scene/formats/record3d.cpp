// Reading metadata.json.
#include "vision/scene/formats/record3d.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/scene/formats/common/loader_support.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kPerFrame = "perFrameIntrinsicCoeffs";

bool is_record3d(const json& document) {
  return document.is_object() && document.contains("poses") && document.contains("K");
}

fs::path metadata_file(const fs::path& path) {
  std::vector<fs::path> candidates = {path};
  if (fs::is_directory(path)) {
    candidates = {path / "metadata.json", path / "metadata"};
  } else if (path.extension() == ".r3d") {
    throw Error(
        ErrorParts{.what = "Record3D's packed captures are not read",
                   .where = path.string(),
                   .remedy = fmt::format("It is a zip archive: unzip {0} -d {1}, then name {1}.",
                                         path.filename().string(),
                                         path.stem().string())});
  } else if (path.extension() != ".json" && path.filename() != "metadata") {
    return {};
  }
  for (const fs::path& file : candidates) {
    if (fs::is_regular_file(file)) {
      return file;
    }
  }
  return {};
}

// fx fy cx cy of one frame.
std::vector<double> capture_intrinsics(const JsonFields& metadata, size_t frame) {
  if (metadata.has(kPerFrame) && frame < metadata.list(kPerFrame).size()) {
    return number_list(metadata.list(kPerFrame)[frame],
                       4,
                       fmt::format("{}, entry {}", metadata.where(kPerFrame), frame));
  }
  const std::vector<double> k = metadata.numbers("K", 9);
  const bool is_by_rows = k[6] == 0 && k[7] == 0;  // as converters write it
  return {k[0], k[4], k[is_by_rows ? 2 : 6], k[is_by_rows ? 5 : 7]};
}

View view_of_pose(const JsonFields& metadata,
                  const fs::path& root,
                  size_t frame,
                  ImageFinder& photographs) {
  const std::string where = fmt::format("{}, frame {}", metadata.where(), frame);
  View view;
  const std::string name = std::to_string(frame);
  view.image_path = photographs.find(name, where);
  view.name = view.image_path.lexically_relative(root).string();
  Camera& camera = view.camera;
  if (metadata.has("w") || metadata.has("h")) {
    camera.width = metadata.image_side("w");
    camera.height = metadata.image_side("h");
  } else {
    const cv::Size size = ImageFinder::full_size(name, view.image_path);
    camera.width = size.width;
    camera.height = size.height;
  }
  const std::vector<double> intrinsics = capture_intrinsics(metadata, frame);
  camera.fx = intrinsics[0];
  camera.fy = intrinsics[1];
  camera.cx = intrinsics[2];
  camera.cy = intrinsics[3];
  const std::vector<double> pose = number_list(metadata.list("poses")[frame], 7, where);
  const cv::Matx33d rotation = rotation_from_quaternion(pose[3], pose[0], pose[1], pose[2]);
  camera.c2w = from_opengl_axes(make_pose(rotation, {pose[4], pose[5], pose[6]}));
  validate_camera(camera, where);
  return view;
}

}  // namespace

std::optional<Scene> load_record3d(const fs::path& path, const SceneOptions& options) {
  const fs::path file = metadata_file(path);
  if (file.empty()) {
    return std::nullopt;
  }
  const json document = read_json_file(file);
  if (!is_record3d(document)) {
    return std::nullopt;
  }
  Scene scene;
  scene.file = file;
  scene.root = file.parent_path();
  scene.name = scene.root.filename().string();
  const JsonFields metadata(document, file.string());
  const size_t count = metadata.list("poses").size();
  if (count == 0) {
    throw Error(ErrorParts{.what = "the capture has no camera poses",
                           .where = metadata.where("poses"),
                           .remedy = "Record with the rear camera, which Record3D tracks."});
  }
  const bool is_chosen = !options.image_folder.empty();
  ImageFinder photographs(is_chosen
                              ? std::vector<fs::path>{scene.root}
                              : std::vector<fs::path>{scene.root / "rgb", scene.root / "rgbd"},
                          options);
  ViewCollector views;
  for (size_t frame = 0; frame < count; ++frame) {
    views.add([&] { return view_of_pose(metadata, scene.root, frame, photographs); });
  }
  views.finish(scene);
  return scene;
}

}  // namespace parallax
