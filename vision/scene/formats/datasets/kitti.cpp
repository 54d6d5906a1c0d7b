// Reading calib.txt and poses.
#include "vision/scene/formats/datasets/kitti.h"

#include <fmt/format.h>

#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "core/image/image_header.h"
#include "vision/scene/formats/common/loader_support.h"
#include "vision/scene/formats/common/number_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCalibration = "calib.txt";
constexpr const char* kKittiPoses = "poses.txt";

// A camera's folder of photographs, and its number.
struct KittiImages {
  fs::path folder;
  int camera = 0;
};

std::optional<KittiImages> kitti_images(const fs::path& root, const std::string& chosen) {
  std::error_code ignored;
  for (const int camera : {2, 3, 0, 1}) {
    const std::string name = fmt::format("image_{}", camera);
    if ((chosen.empty() || chosen == name) && fs::is_directory(root / name, ignored)) {
      return KittiImages{root / name, camera};
    }
  }
  return std::nullopt;
}

// The projection of a camera from the coordinates of camera 0: "P2: " and 3 × 4 numbers.
cv::Matx34d kitti_projection(const fs::path& file, int camera) {
  const std::string title = fmt::format("P{}:", camera);
  TextLines lines(file);
  while (next_filled_line(lines)) {
    if (lines.text().starts_with(title)) {
      const std::string where = fmt::format("{}, line {}", file.string(), lines.number());
      return cv::Matx34d(numbers_of_line(lines.text().substr(title.size()), 12, where).data());
    }
  }
  throw Error(ErrorParts{.what = fmt::format("the projection '{}' is missing", title),
                         .where = file.string(),
                         .expected = "the word and 3 × 4 numbers"});
}

fs::path kitti_poses(const fs::path& root) {
  const std::string name = root.filename().string() + ".txt";
  const std::vector<fs::path> places = {
      root / kKittiPoses, root.parent_path().parent_path() / "poses" / name, root / name};
  for (const fs::path& file : places) {
    std::error_code ignored;
    if (fs::is_regular_file(file, ignored)) {
      return file;
    }
  }
  throw Error(
      ErrorParts{.what = "the sequence's poses are missing",
                 .where = root.string(),
                 .expected = fmt::format("{} or {}", places[0].string(), places[1].string()),
                 .remedy = "KITTI publishes them for sequences 00 to 10."});
}

// Camera 0's coordinates from those of the camera that the projection K (I | t) is of.
cv::Matx44d beside_first(const cv::Matx34d& projection, const std::string& where) {
  const cv::Matx33d k = projection.get_minor<3, 3>(0, 0);
  if (!(k(0, 0) > 0) || !(k(1, 1) > 0) || k(2, 2) != 1 || k(1, 0) != 0 || k(2, 0) != 0 ||
      k(2, 1) != 0) {
    throw Error(ErrorParts{.what = "the projection is not that of a rectified camera",
                           .where = where,
                           .expected = "focal lengths, principal point and 0 0 1"});
  }
  const cv::Vec3d offset =
      k.inv() * cv::Vec3d(projection(0, 3), projection(1, 3), projection(2, 3));
  return make_pose(cv::Matx33d::eye(), -offset);
}

}  // namespace

std::optional<Scene> load_kitti(const fs::path& path, const SceneOptions& options) {
  std::error_code ignored;
  const bool is_named = path.filename() == kCalibration || path.filename() == kKittiPoses;
  const fs::path folder =
      is_named && fs::is_regular_file(path, ignored) ? path.parent_path() : path;
  const fs::path calibration = folder / kCalibration;
  const std::optional<KittiImages> images = kitti_images(folder, options.image_folder);
  if (!images || !fs::is_regular_file(calibration, ignored)) {
    return std::nullopt;
  }
  Scene scene;
  scene.root = folder;
  scene.name = folder.filename().string();
  scene.file = kitti_poses(folder);
  const cv::Matx34d projection = kitti_projection(calibration, images->camera);
  const cv::Matx44d offset = beside_first(projection, calibration.string());
  const NumberedImages frames = numbered_images(images->folder, "");
  read_numbered_views(
      scene, frames, [&](View& view, std::string_view line, const std::string& where) {
        set_intrinsic_matrix(
            view, projection.get_minor<3, 3>(0, 0), image_file_size(view.image_path));
        if (!(view.camera.cx < view.camera.width) || !(view.camera.cy < view.camera.height)) {
          throw Error(ErrorParts{
              .what = "the photograph is smaller than those that the calibration is of",
              .where = view.image_path.string(),
              .got = fmt::format("{}x{} pixels, principal point at {:.0f}, {:.0f}",
                                 view.camera.width,
                                 view.camera.height,
                                 view.camera.cx,
                                 view.camera.cy),
              .remedy = "Use the photographs as KITTI has them, or scale calib.txt with them."});
        }
        view.camera.cx += 0.5;  // counts from the first pixel's centre, as OpenCV does
        view.camera.cy += 0.5;
        std::vector<double> numbers = numbers_of_line(line, 12, where);
        numbers.insert(numbers.end(), {0, 0, 0, 1});
        view.camera.c2w = nearest_pose(cv::Matx44d(numbers.data()), where) * offset;
      });
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
