// Reading cameras_sphere.npz.
#include "vision/scene/formats/datasets/neus.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/calib3d.hpp>
#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "core/image/image_extension.h"
#include "core/image/image_header.h"
#include "core/io/npy.h"
#include "core/io/zip_archive.h"
#include "vision/scene/formats/common/loader_support.h"
#include "vision/scene/formats/common/number_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

fs::path archive_file(const fs::path& path) {
  std::vector<fs::path> candidates = {path};
  if (fs::is_directory(path)) {
    candidates = {path / "cameras_sphere.npz", path / "cameras.npz"};
  }
  for (const fs::path& file : candidates) {
    if (fs::is_regular_file(file) && file.extension() == ".npz") {
      return file;
    }
  }
  return {};
}

// The folder's pictures by name, as NeuS pairs them with its matrices.
std::vector<fs::path> pictures_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder, error);
       !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const bool is_hidden = entry->path().filename().string().starts_with('.');
    if (!is_hidden && has_image_extension(entry->path())) {
      files.push_back(entry->path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

fs::path neus_image_folder(const fs::path& root, const SceneOptions& options) {
  const fs::path chosen = options.image_folder;
  for (const fs::path& name : chosen.empty() ? std::vector<fs::path>{"image", "images", "rgb"}
                                             : std::vector<fs::path>{chosen}) {
    std::error_code ignored;
    if (fs::is_directory(root / name, ignored)) {
      return (root / name).lexically_normal();
    }
  }
  throw Error(ErrorParts{.what = fmt::format("the folder of images '{}' is missing",
                                             chosen.empty() ? "image" : chosen.string()),
                         .where = root.string()});
}

// A matrix of the archive, of which IDR's have four rows and others' three.
cv::Matx44d archived_matrix(const ZipArchive& archive, const std::string& name) {
  const std::string where = archive.file().name() + ", " + name;
  constexpr std::uint64_t kMostBytes = 1 << 16;  // a header and some numbers
  const NpyArray array = read_npy(archive.unpack(name + ".npy", kMostBytes), where);
  const bool is_matrix = array.shape.size() == 2 && array.shape[1] == 4 &&
                         (array.shape[0] == 4 || array.shape[0] == 3);
  if (!is_matrix) {
    throw Error(ErrorParts{.what = "the matrix cannot be read",
                           .where = where,
                           .expected = "4 × 4 numbers",
                           .got = fmt::format("{} numbers", array.values.size())});
  }
  cv::Matx44d matrix = cv::Matx44d::eye();
  std::copy(array.values.begin(), array.values.end(), matrix.val);
  return matrix;
}

// Intrinsics and pose of a projection, for a photograph of that size.
void set_projection(View& view, cv::Matx34d projection, cv::Size size, const std::string& where) {
  const double determinant = cv::determinant(projection.get_minor<3, 3>(0, 0));
  if (!std::isfinite(determinant) || determinant == 0) {
    throw Error(ErrorParts{.what = "the projection cannot be taken apart",
                           .where = where,
                           .got = fmt::format("determinant {:g}", determinant)});
  }
  projection = determinant < 0 ? projection * -1.0 : projection;  // its sign means nothing
  cv::Matx33d k;
  cv::Matx33d rotation;
  cv::Vec4d centre;
  cv::decomposeProjectionMatrix(projection, k, rotation, centre);
  set_intrinsic_matrix(view, k * (1 / k(2, 2)), size);
  view.camera.c2w =
      make_pose(rotation.t(), cv::Vec3d(centre[0], centre[1], centre[2]) * (1 / centre[3]));
  validate_camera(view.camera, where);
}

View view_of_matrices(const ZipArchive& archive, int index, const fs::path& picture) {
  const std::string world = fmt::format("world_mat_{}", index);
  const std::string scale = fmt::format("scale_mat_{}", index);
  cv::Matx44d matrix = archived_matrix(archive, world);
  if (archive.contains(scale + ".npy")) {
    matrix = matrix * archived_matrix(archive, scale);
  }
  View view;
  view.image_path = picture;
  set_projection(view,
                 matrix.get_minor<3, 4>(0, 0),
                 image_file_size(picture),
                 archive.file().name() + ", " + world);
  return view;
}

}  // namespace

std::optional<Scene> load_neus(const fs::path& path, const SceneOptions& options) {
  const fs::path file = archive_file(path);
  if (file.empty()) {
    return std::nullopt;
  }
  const InputFile input(file);
  if (!looks_like_zip(input)) {
    return std::nullopt;
  }
  const ZipArchive archive(input);
  int count = 0;
  while (archive.contains(fmt::format("world_mat_{}.npy", count))) {
    ++count;
  }
  if (count == 0) {
    return std::nullopt;
  }
  Scene scene;
  scene.file = file;
  scene.root = file.parent_path();
  scene.name = scene.root.filename().string();
  const fs::path folder = neus_image_folder(scene.root, options);
  const std::vector<fs::path> pictures = pictures_in(folder);
  if (pictures.size() != static_cast<size_t>(count)) {
    throw Error(ErrorParts{
        .what = "cameras and photographs are not equally many, so nothing says which belong "
                "together",
        .where = file.string(),
        .expected = fmt::format("{} photographs in {}", count, folder.string()),
        .got = std::to_string(pictures.size())});
  }
  const std::vector<fs::path> masks = pictures_in(scene.root / "mask");
  ViewCollector views;
  for (int i = 0; i < count; ++i) {
    views.add([&] {
      View view = view_of_matrices(archive, i, pictures[i]);
      view.name = pictures[i].lexically_relative(scene.root).string();
      view.mask_path = masks.size() == pictures.size() ? masks[i] : fs::path();
      return view;
    });
  }
  views.finish(scene);
  note_unused_masks(scene);
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
