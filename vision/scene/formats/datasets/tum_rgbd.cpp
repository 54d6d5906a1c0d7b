// Reading rgb.txt and groundtruth.txt.
#include "vision/scene/formats/datasets/tum_rgbd.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/error.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/loader_support.h"
#include "vision/scene/formats/common/number_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTumList = "rgb.txt";
constexpr const char* kTruth = "groundtruth.txt";
constexpr const char* kTumCalibration = "calibration.txt";
constexpr double kFarthest = 0.02;  // seconds, as the benchmark's own tools have it

// fx, fy, cx, cy, k1, k2, p1, p2, k3 of the colour cameras, which count from the first pixel's
// centre. https://cvg.cit.tum.de/data/datasets/rgbd-dataset/file_formats
struct TumCamera {
  std::array<const char*, 2> names;
  std::vector<double> numbers;
};

const std::vector<TumCamera>& tum_cameras() {
  static const std::vector<TumCamera> cameras = {
      {{"freiburg1", "fr1"},
       {517.3, 516.5, 318.6, 255.3, 0.2624, -0.9531, -0.0054, 0.0026, 1.1633}},
      {{"freiburg2", "fr2"},
       {520.9, 521.0, 325.1, 249.7, 0.2312, -0.7849, -0.0033, -0.0001, 0.9172}},
      {{"freiburg3", "fr3"}, {535.4, 539.2, 320.1, 247.6}}};
  return cameras;
}

struct TumIntrinsics {
  std::vector<double> numbers;
  cv::Size size;  // of the photographs that they are for; empty: their own
};

TumIntrinsics tum_intrinsics(const fs::path& root) {
  const fs::path file = root / kTumCalibration;
  std::error_code ignored;
  if (fs::is_regular_file(file, ignored)) {
    const std::vector<double> numbers = numbers_of_file(file);
    const bool is_finite =
        std::all_of(numbers.begin(), numbers.end(), [](double n) { return std::isfinite(n); });
    if (!is_finite || (numbers.size() != 4 && numbers.size() != 8 && numbers.size() != 9)) {
      throw Error(ErrorParts{.what = "the intrinsics cannot be read",
                             .where = file.string(),
                             .expected = "fx fy cx cy, or these and k1 k2 p1 p2 [k3]",
                             .got = fmt::format("{} numbers", numbers.size())});
    }
    return {numbers, {}};
  }
  const std::string name = root.filename().string();
  for (const TumCamera& camera : tum_cameras()) {
    if (name.find(camera.names[0]) != std::string::npos || name.starts_with(camera.names[1])) {
      return {camera.numbers, {640, 480}};
    }
  }
  throw Error(
      ErrorParts{.what = "nothing says what the intrinsics are",
                 .where = root.string(),
                 .expected = "a folder called after TUM's freiburg1, freiburg2 or freiburg3",
                 .remedy = fmt::format("Write fx fy cx cy into {}.", file.string())});
}

// A pose of groundtruth.txt.
struct TimedPose {
  double time = 0;
  cv::Vec3d position;
  cv::Vec4d rotation;  // x, y, z, w, of length 1
};

std::vector<TimedPose> read_trajectory(const fs::path& file) {
  std::vector<TimedPose> poses;
  TextLines lines(file);
  while (next_filled_line(lines)) {
    const std::string where = fmt::format("{}, line {}", file.string(), lines.number());
    const std::vector<double> numbers = numbers_of_line(lines.text(), 8, where);
    TimedPose pose{numbers[0], cv::Vec3d(numbers.data() + 1), cv::Vec4d(numbers.data() + 4)};
    const double length = cv::norm(pose.rotation);
    if (std::isfinite(numbers[0] + length + cv::norm(pose.position)) && length > 0) {
      pose.rotation *= 1 / length;
      poses.push_back(pose);  // a tracker that was lost writes NaN
    }
  }
  std::stable_sort(poses.begin(), poses.end(), [](const TimedPose& a, const TimedPose& b) {
    return a.time < b.time;
  });
  return poses;
}

// Along the shortest arc between two rotations at most a few hundredths of a second apart, where
// the straight line's points, at length 1, are those of the arc to a millionth.
cv::Vec4d between_rotations(const cv::Vec4d& from, const cv::Vec4d& to, double share) {
  const cv::Vec4d near = from.dot(to) < 0 ? -to : to;
  return cv::normalize(from * (1 - share) + near * share);
}

cv::Matx44d pose_at(const std::vector<TimedPose>& poses, double time, const std::string& where) {
  const auto after =
      std::lower_bound(poses.begin(), poses.end(), time, [](const TimedPose& pose, double t) {
        return pose.time < t;
      });
  const TimedPose* next = after == poses.end() ? nullptr : &*after;
  const TimedPose* last = after == poses.begin() ? nullptr : &*(after - 1);
  const auto distance = [&](const TimedPose* pose) {
    return pose == nullptr ? INFINITY : std::abs(pose->time - time);
  };
  if (!(std::min(distance(last), distance(next)) <= kFarthest)) {
    throw Error(ErrorParts{.what = fmt::format("{} has no pose of that moment", kTruth),
                           .where = where,
                           .expected = fmt::format("one within {} s", kFarthest)});
  }
  constexpr double kLongestGap = 5 * kFarthest;
  TimedPose pose = distance(next) <= distance(last) ? *next : *last;
  if (last != nullptr && next != nullptr && next->time - last->time <= kLongestGap &&
      next->time > last->time) {
    const double share = (time - last->time) / (next->time - last->time);
    pose.position = last->position * (1 - share) + next->position * share;
    pose.rotation = between_rotations(last->rotation, next->rotation, share);
  }
  const cv::Vec4d& q = pose.rotation;
  return make_pose(rotation_from_quaternion(q[3], q[0], q[1], q[2]), pose.position);
}

void set_tum_camera(View& view, const TumIntrinsics& intrinsics) {
  const std::vector<double>& numbers = intrinsics.numbers;
  const cv::Size size = intrinsics.size.empty() ? ImageFinder::full_size(view.name, view.image_path)
                                                : intrinsics.size;
  view.camera = {.height = size.height,
                 .width = size.width,
                 .fx = numbers[0],
                 .fy = numbers[1],
                 .cx = numbers[2] + 0.5,
                 .cy = numbers[3] + 0.5};
  view.lens.parameters = tidy_distortion({numbers.begin() + 4, numbers.end()});
}

}  // namespace

std::optional<Scene> load_tum_rgbd(const fs::path& path, const SceneOptions& options) {
  std::error_code ignored;
  const bool is_named = path.filename() == kTumList || path.filename() == kTruth;
  const fs::path folder =
      is_named && fs::is_regular_file(path, ignored) ? path.parent_path() : path;
  const fs::path list = folder / kTumList;
  const fs::path truth = folder / kTruth;
  if (!fs::is_regular_file(list, ignored) || !fs::is_regular_file(truth, ignored)) {
    return std::nullopt;
  }
  Scene scene;
  scene.root = folder;
  scene.name = folder.filename().string();
  scene.file = list;
  const TumIntrinsics intrinsics = tum_intrinsics(folder);
  const std::vector<TimedPose> poses = read_trajectory(truth);
  ImageFinder photographs({folder}, options);
  ViewCollector views;
  TextLines lines(list);
  while (next_filled_line(lines)) {
    views.add([&] {
      const std::string where = fmt::format("{}, line {}", list.string(), lines.number());
      const std::vector<std::string> words = words_of_line(lines.text());
      if (words.size() != 2) {
        throw Error(ErrorParts{.what = "the line cannot be read",
                               .where = where,
                               .expected = "a timestamp and a file"});
      }
      View view;
      view.name = words[1];
      const cv::Matx44d c2w = pose_at(poses, number_of_word(words[0], where), where);
      view.image_path = photographs.find(view.name, where);
      set_tum_camera(view, intrinsics);
      view.camera.c2w = c2w;
      validate_camera(view.camera, where);
      return view;
    });
  }
  views.finish(scene);
  photographs.note_replaced_folder(scene);
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
