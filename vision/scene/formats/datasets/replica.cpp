// Reading traj.txt.
#include "vision/scene/formats/datasets/replica.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/image/image_header.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/scene/formats/common/loader_support.h"
#include "vision/scene/formats/common/number_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTrajectory = "traj.txt";
constexpr const char* kReplicaIntrinsics = "cam_params.json";
// Its renderer's numbers count from the first pixel's centre: the middle of 1200 pixels is 599.5.
constexpr double kFromFirstCentre = 0.5;

// What the frames' names begin with; of other names, as of depth, there may be more.
constexpr const char* kFramePrefix = "frame";

Camera replica_intrinsics(const fs::path& root, const fs::path& first_frame, Scene& scene) {
  Camera camera{.height = 680, .width = 1200, .fx = 600, .fy = 600, .cx = 599.5, .cy = 339.5};
  std::error_code ignored;
  for (const fs::path& folder : {root, root.parent_path()}) {
    const fs::path file = folder / kReplicaIntrinsics;
    if (fs::is_regular_file(file, ignored)) {
      const nlohmann::json document = read_json_file(file);
      const JsonFields fields(document, file.string());
      camera = JsonFields(fields.object("camera"), fields.where("camera")).intrinsics();
      camera.cx += kFromFirstCentre;
      camera.cy += kFromFirstCentre;
      return camera;
    }
  }
  const cv::Size size = image_file_size(first_frame);
  if (size != cv::Size(camera.width, camera.height)) {
    throw Error(
        ErrorParts{.what = fmt::format("the intrinsics, {}, are missing", kReplicaIntrinsics),
                   .where = root.string(),
                   .expected = "the file here or one folder up, or Replica's 1200x680 pixels",
                   .got = fmt::format("{}x{} pixels", size.width, size.height)});
  }
  scene.notes.push_back(
      fmt::format("The intrinsics are those of Replica's rooms by NICE-SLAM, as there is no {}.",
                  kReplicaIntrinsics));
  camera.cx += kFromFirstCentre;
  camera.cy += kFromFirstCentre;
  return camera;
}

}  // namespace

std::optional<Scene> load_replica(const fs::path& path, const SceneOptions& options) {
  std::error_code ignored;
  const bool is_folder = fs::is_directory(path, ignored);
  const fs::path file = is_folder ? path / kTrajectory : path;
  if (file.filename() != kTrajectory || !fs::is_regular_file(file, ignored)) {
    return std::nullopt;
  }
  Scene scene;
  scene.file = file;
  scene.root = file.parent_path();
  scene.name = scene.root.filename().string();
  const fs::path folder =
      scene.root / (options.image_folder.empty() ? "results" : options.image_folder);
  const NumberedImages frames = numbered_images(folder, kFramePrefix);
  if (frames.empty()) {
    if (options.image_folder.empty() && !fs::is_directory(folder, ignored)) {
      return std::nullopt;  // any program may write a file of that name
    }
    throw Error(ErrorParts{.what = "there are no photographs",
                           .where = folder.string(),
                           .expected = "frame000000.jpg, frame000001.jpg, …"});
  }
  const Camera intrinsics = replica_intrinsics(scene.root, frames.begin()->second, scene);
  read_numbered_views(
      scene, frames, [&](View& view, std::string_view line, const std::string& where) {
        view.camera = intrinsics;
        view.camera.c2w = nearest_pose(cv::Matx44d(numbers_of_line(line, 16, where).data()), where);
      });
  return scene;
}

}  // namespace parallax
