// Reading bundle.out, format version 0.3.
#include "vision/scene/formats/bundler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <opencv2/core.hpp>
#include <string_view>

#include "core/base/error.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/loader_support.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFirstWords = "# Bundle file v";
constexpr size_t kCameraNumbers = 15;  // f, k1, k2, 3 × 3 of the rotation, the translation

// The folder's files of that extension, by name.
std::vector<fs::path> files_called(const fs::path& folder, const char* extension) {
  std::vector<fs::path> files;
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder, error);
       !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    if (entry->path().extension() == extension && entry->is_regular_file(error)) {
      files.push_back(entry->path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

fs::path bundle_file(const fs::path& path, std::vector<std::string>& notes) {
  std::vector<fs::path> candidates = {path};
  if (fs::is_directory(path)) {
    candidates = {path / "bundle.out", path / "bundle" / "bundle.out"};
    for (const fs::path& file : files_called(path, ".out")) {
      if (file != candidates.front()) {
        candidates.push_back(file);
      }
    }
  }
  std::erase_if(candidates, [](const fs::path& file) { return !begins_as_bundler(file); });
  for (size_t i = 1; i < candidates.size(); ++i) {
    notes.push_back(fmt::format("{} is not part of this scene; name the file to load it.",
                                candidates[i].filename().string()));
  }
  return candidates.empty() ? fs::path() : candidates.front();
}

fs::path list_file(const fs::path& bundle) {
  const fs::path folder = bundle.parent_path();
  const std::string stem = fs::path(bundle.stem()).stem().string();  // of NAME.bundle.out
  for (const fs::path& file : {folder / (stem + ".list.txt"),
                               folder / (bundle.filename().string() + ".list.txt"),
                               folder / "list.txt",
                               folder.parent_path() / "list.txt"}) {
    if (fs::is_regular_file(file)) {
      return file;
    }
  }
  if (const std::vector<fs::path> lists = files_called(folder, ".lst"); lists.size() == 1) {
    return lists.front();
  }
  throw Error(ErrorParts{.what = "the list of photographs is missing",
                         .where = bundle.string(),
                         .expected = (folder / "list.txt").string()});
}

constexpr const char* kBlanks = " \t\r\v\f";

std::string_view without_end_blanks(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

// The line without "0" and a focal length, which Bundler may write after the name. By hand:
// std::regex goes one level of calls deeper for each character of a long line.
std::string_view without_guess(std::string_view line) {
  const std::string_view whole = without_end_blanks(line);
  const std::size_t last = whole.find_last_of(kBlanks);
  if (last == whole.npos || whole.find_first_not_of("0123456789.eE+-", last + 1) != whole.npos) {
    return whole;
  }
  std::string_view before = without_end_blanks(whole.substr(0, last));
  if (!before.ends_with('0')) {
    return whole;
  }
  before.remove_suffix(1);
  const std::string_view name = without_end_blanks(before);
  return name.size() < before.size() ? name : whole;
}

// A name per line.
std::vector<std::string> read_list(const fs::path& file) {
  std::vector<std::string> names;
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) {
    if (const std::string_view name = without_guess(line); !name.empty()) {
      names.emplace_back(name);
    }
  }
  return names;
}

using CameraNumbers = std::array<double, kCameraNumbers>;

std::vector<CameraNumbers> read_cameras(const fs::path& file) {
  std::ifstream stream(file);
  stream.imbue(std::locale::classic());
  std::string first_line;
  std::getline(stream, first_line);
  std::int64_t count = 0;
  std::int64_t points = 0;
  std::vector<CameraNumbers> cameras;
  if (stream >> count >> points && count >= 0) {
    // Read one by one, so that a wrong count costs no memory.
    for (std::int64_t i = 0; i < count; ++i) {
      CameraNumbers numbers{};
      for (double& number : numbers) {
        std::string word;
        stream >> word;
        char* end = nullptr;
        number =
            std::strtod(word.c_str(), &end);  // reads NaN, too, for the view to be refused by name
        if (word.empty() || *end != '\0') {
          throw Error(ErrorParts{.what = "a camera cannot be read",
                                 .where = fmt::format("{}, camera {}", file.string(), i),
                                 .expected = fmt::format("{} numbers", kCameraNumbers),
                                 .got = "'" + word + "'"});
        }
      }
      cameras.push_back(numbers);
    }
    return cameras;
  }
  throw Error(ErrorParts{.what = "the numbers of cameras and points cannot be read",
                         .where = fmt::format("{}, line 2", file.string())});
}

View read_bundler_view(const CameraNumbers& numbers,
                       const std::string& name,
                       ImageFinder& photographs,
                       const std::string& where) {
  if (numbers[0] == 0) {
    throw Error(
        ErrorParts{.what = fmt::format("no camera was found for {}", name), .where = where});
  }
  View view;
  view.name = name;
  view.image_path = photographs.find(name, where);
  const cv::Size size = ImageFinder::full_size(name, view.image_path);
  Camera& camera = view.camera;
  camera.width = size.width;
  camera.height = size.height;
  camera.fx = camera.fy = numbers[0];
  camera.cx = 0.5 * size.width;
  camera.cy = 0.5 * size.height;
  view.lens.parameters = tidy_distortion({numbers[1], numbers[2]});
  cv::Matx44d w2c = cv::Matx44d::eye();
  for (int row = 0; row < 3; ++row) {
    const double sign = row == 0 ? 1 : -1;  // Bundler's y and z axes point the other way
    for (int column = 0; column < 3; ++column) {
      w2c(row, column) = sign * numbers[3 + 3 * row + column];
    }
    w2c(row, 3) = sign * numbers[12 + row];
  }
  validate_pose(w2c, where);
  camera.c2w = w2c.inv();
  validate_camera(camera, where);
  return view;
}

}  // namespace

bool begins_as_bundler(const fs::path& file) {
  return first_bytes(file, kFirstWords.size()) == kFirstWords;
}

std::optional<Scene> load_bundler(const fs::path& path, const SceneOptions& options) {
  Scene scene;
  const fs::path file = bundle_file(path, scene.notes);
  if (file.empty()) {
    return std::nullopt;
  }
  const fs::path list = list_file(file);
  const std::vector<std::string> names = read_list(list);
  const std::vector<CameraNumbers> cameras = read_cameras(file);
  if (names.size() != cameras.size()) {
    throw Error(ErrorParts{.what = "cameras and names of photographs are not equally many",
                           .where = list.string(),
                           .expected = fmt::format("{} names", cameras.size()),
                           .got = std::to_string(names.size())});
  }
  scene.file = file;
  scene.root = list.parent_path();
  scene.name = scene.root.filename().string();
  ImageFinder photographs({scene.root, scene.root / "images", scene.root.parent_path()}, options);
  ViewCollector views;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string where = fmt::format("{}, camera {}", file.string(), i);
    views.add([&] { return read_bundler_view(cameras[i], names[i], photographs, where); });
  }
  views.finish(scene);
  photographs.note_replaced_folder(scene);
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
