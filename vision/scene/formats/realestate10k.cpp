// Reading RealEstate10K's text files.
#include "vision/scene/formats/realestate10k.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <sstream>

#include "core/base/error.h"
#include "core/image/image_header.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/loader_support.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLineNumbers = 19;  // timestamp, fx fy cx cy, two zeros, 3 × 4 of the pose

bool is_blank_line(const std::string& line) {
  return line.find_first_not_of(" \t\r") == std::string::npos;
}

// Whether the line is a timestamp and the numbers of a camera.
bool is_frame_line(const std::string& line) {
  std::istringstream words(line);
  words.imbue(std::locale::classic());
  size_t read = 0;
  for (double number = 0; words >> number; ++read) {
  }
  return read == kLineNumbers && words.eof();
}

// One frame of the video.
struct Frame {
  std::string timestamp;
  std::array<double, kLineNumbers - 1> numbers{};
};

Frame parse_frame(const std::string& line, const std::string& where) {
  std::istringstream words(line);
  words.imbue(std::locale::classic());
  Frame frame;
  words >> frame.timestamp;
  size_t read = 0;
  while (read < frame.numbers.size() && words >> frame.numbers[read]) {
    ++read;
  }
  std::string rest;
  words.clear();
  if (read < frame.numbers.size() || words >> rest) {
    throw Error(ErrorParts{.what = "the line is not one of RealEstate10K's",
                           .where = where,
                           .expected = fmt::format("{} numbers", kLineNumbers)});
  }
  return frame;
}

std::string without_zeros(const std::string& digits) {
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size() - 1));
}

// The names of files that are numbers, without extensions, by the number without leading zeros:
// people who sort files pad them.
using NumberedFiles = std::map<std::string, std::string>;

NumberedFiles numbered_files(const fs::path& folder) {
  NumberedFiles names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string stem = entry.path().stem().string();
    if (!stem.empty() && stem.find_first_not_of("0123456789") == std::string::npos) {
      std::string& name = names[without_zeros(stem)];
      name = name.empty() ? stem : std::min(name, stem, [](const auto& a, const auto& b) {
        return a.size() < b.size();
      });
    }
  }
  return names;
}

View view_of_frame(const Frame& frame,
                   ImageFinder& photographs,
                   const NumberedFiles& numbered,
                   const std::string& where) {
  View view;
  view.name = frame.timestamp;
  const auto file = numbered.find(without_zeros(frame.timestamp));
  view.image_path =
      photographs.find(file == numbered.end() ? frame.timestamp : file->second, where);
  view.camera = camera_of_shares(frame.numbers.data(), image_file_size(view.image_path), where);
  return view;
}

}  // namespace

fs::path realestate10k_file(const fs::path& path) {
  const fs::path file = fs::is_directory(path) ? fs::path(path.string() + ".txt") : path;
  if (!fs::is_regular_file(file) || file.extension() != ".txt") {
    return {};
  }
  std::ifstream stream(file);
  std::string line;
  for (int i = 0; i < 2 && std::getline(stream, line); ++i) {
    if (line.starts_with("http") || is_frame_line(line)) {
      return file;
    }
  }
  return {};
}

std::optional<Scene> load_realestate10k(const fs::path& path, const SceneOptions& options) {
  const fs::path file = realestate10k_file(path);
  if (file.empty()) {
    return std::nullopt;
  }
  Scene scene;
  scene.file = file;
  scene.root = file.parent_path() / file.stem();
  scene.name = file.stem().string();
  ImageFinder photographs({scene.root}, options);
  const NumberedFiles numbered = numbered_files(scene.root);
  ViewCollector views;
  std::ifstream stream(file);
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    const bool is_address = number == 1 && !is_frame_line(line);
    if (is_address || is_blank_line(line)) {
      continue;
    }
    const std::string where = fmt::format("{}, line {}", file.string(), number);
    views.add(
        [&] { return view_of_frame(parse_frame(line, where), photographs, numbered, where); });
  }
  views.finish(scene);
  return scene;
}

}  // namespace parallax
