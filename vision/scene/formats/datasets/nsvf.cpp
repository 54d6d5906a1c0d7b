// Reading pose/*.txt.
#include "vision/scene/formats/datasets/nsvf.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/loader_support.h"
#include "vision/scene/formats/common/number_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

// One folder that holds `pose`.
struct PoseFolder {
  fs::path folder;
  std::vector<fs::path> poses;
  fs::path intrinsics;  // a file for all, or a folder with one for each
  bool is_held_out = false;
};

// Where the folder's intrinsics are; empty: it has none.
fs::path intrinsics_in(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name : {"intrinsics.txt", "intrinsic/intrinsic_color.txt", "intrinsics"}) {
    if (fs::exists(folder / name, ignored)) {
      return folder / name;
    }
  }
  return {};
}

std::optional<PoseFolder> pose_folder(const fs::path& folder, bool is_held_out) {
  PoseFolder found{folder, files_by_number(folder / "pose", ".txt"), intrinsics_in(folder)};
  found.is_held_out = is_held_out;
  return found.poses.empty() || found.intrinsics.empty() ? std::nullopt : std::optional(found);
}

// The folder itself, or those of its splits.
std::vector<PoseFolder> pose_folders(const fs::path& path) {
  std::vector<PoseFolder> folders;
  if (auto own = pose_folder(path, false)) {
    folders.push_back(*std::move(own));
  } else if (auto train = pose_folder(path / "train", false)) {
    folders.push_back(*std::move(train));
    if (auto test = pose_folder(path / "test", true)) {
      folders.push_back(*std::move(test));
    }
  }
  return folders;
}

struct NsvfIntrinsics {
  cv::Matx33d matrix;
  cv::Size size;  // of the photographs that they are for; empty: their own
};

NsvfIntrinsics read_nsvf_intrinsics(const fs::path& file) {
  const std::vector<double> numbers = numbers_of_file(file);
  if (numbers.size() == 9) {
    return {cv::Matx33d(numbers.data()), {}};
  }
  if (numbers.size() == 16) {
    return {cv::Matx44d(numbers.data()).get_minor<3, 3>(0, 0), {}};
  }
  if (numbers.size() < 4) {
    throw Error(ErrorParts{.what = "the intrinsics cannot be read",
                           .where = file.string(),
                           .expected = "a matrix of 4 × 4 or 3 × 3 numbers, or f, cx, cy and 0",
                           .got = fmt::format("{} numbers", numbers.size())});
  }
  NsvfIntrinsics intrinsics{{numbers[0], 0, numbers[1], 0, numbers[0], numbers[2], 0, 0, 1}, {}};
  const double height = numbers[numbers.size() - 2];
  const double width = numbers.back();
  if (numbers.size() > 5 && height >= 2 && width >= 2 && height <= kMaxImageSide &&
      width <= kMaxImageSide) {
    intrinsics.size = {static_cast<int>(width), static_cast<int>(height)};
  }
  return intrinsics;
}

// 4 × 4 numbers, or their first three rows.
cv::Matx44d read_pose_file(const fs::path& file) {
  std::vector<double> numbers = numbers_of_file(file);
  if (numbers.size() == 12) {
    numbers.insert(numbers.end(), {0, 0, 0, 1});
  }
  if (numbers.size() != 16) {
    throw Error(ErrorParts{.what = "the pose cannot be read",
                           .where = file.string(),
                           .expected = "4 × 4 numbers",
                           .got = fmt::format("{} numbers", numbers.size())});
  }
  return nearest_pose(cv::Matx44d(numbers.data()), file.string());
}

View view_of_pose_file(const fs::path& file, const PoseFolder& from, ImageFinder& photographs) {
  View view;
  view.is_held_out = from.is_held_out;
  const std::string name = file.stem().string();
  view.image_path = photographs.find(name, file.string());
  std::error_code ignored;
  const bool is_each = fs::is_directory(from.intrinsics, ignored);
  const auto intrinsics =
      read_nsvf_intrinsics(is_each ? from.intrinsics / file.filename() : from.intrinsics);
  set_intrinsic_matrix(
      view,
      intrinsics.matrix,
      intrinsics.size.empty() ? ImageFinder::full_size(name, view.image_path) : intrinsics.size);
  view.camera.c2w = read_pose_file(file);
  validate_camera(view.camera, file.string());
  return view;
}

// 0, 1 or 2 of a name that begins as NSVF's do; −1 for any other.
int nsvf_split(const fs::path& file) {
  const std::string name = file.filename().string();
  const bool is_one = name.size() > 2 && name[0] >= '0' && name[0] <= '2' && name[1] == '_';
  return is_one ? name[0] - '0' : -1;
}

// The folder by NSVF's splits, if its names have them: the validation views are no part of the
// scene where there are test views.
std::vector<PoseFolder> by_splits(const PoseFolder& all, std::vector<std::string>& notes) {
  std::vector<fs::path> splits[3];
  for (const fs::path& file : all.poses) {
    const int split = nsvf_split(file);
    if (split < 0) {
      return {all};
    }
    splits[split].push_back(file);
  }
  PoseFolder train = all;
  PoseFolder held_out = all;
  train.poses = splits[0];
  held_out.poses = splits[2].empty() ? splits[1] : splits[2];
  held_out.is_held_out = !train.poses.empty();
  if (!splits[1].empty() && !splits[2].empty()) {
    notes.push_back(
        fmt::format("{} validation views (1_…) are not part of this scene.", splits[1].size()));
  }
  return {train, held_out};
}

}  // namespace

std::optional<Scene> load_nsvf(const fs::path& path, const SceneOptions& options) {
  if (!fs::is_directory(path)) {
    return std::nullopt;
  }
  std::vector<PoseFolder> folders = pose_folders(path);
  if (folders.empty()) {
    return std::nullopt;
  }
  Scene scene;
  scene.root = path;
  scene.name = path.filename().string();
  scene.file = folders.front().folder / "pose";
  if (folders.size() == 1) {
    folders = by_splits(folders.front(), scene.notes);
  }
  ViewCollector views;
  for (const PoseFolder& from : folders) {
    std::vector<fs::path> places = {from.folder};
    if (options.image_folder.empty()) {
      places = {from.folder / "rgb", from.folder / "color", from.folder / "images", from.folder};
    }
    ImageFinder photographs(places, options);
    for (const fs::path& file : from.poses) {
      views.add([&] {
        View view = view_of_pose_file(file, from, photographs);
        view.name = view.image_path.lexically_relative(scene.root).string();
        return view;
      });
    }
  }
  views.finish(scene);
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
