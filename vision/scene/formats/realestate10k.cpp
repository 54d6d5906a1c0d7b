// Reading RealEstate10K's text files.
#include "vision/scene/formats/realestate10k.h"

#include <fmt/format.h>

#include <array>
#include <fstream>
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

View view_of_frame(const Frame& frame, ImageFinder& photographs, const std::string& where) {
  View view;
  view.name = frame.timestamp;
  view.image_path = photographs.find(frame.timestamp, where);
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
  ViewCollector views;
  std::ifstream stream(file);
  std::string line;
  for (int number = 1; std::getline(stream, line); ++number) {
    const bool is_address = number == 1 && !is_frame_line(line);
    if (is_address || is_blank_line(line)) {
      continue;
    }
    const std::string where = fmt::format("{}, line {}", file.string(), number);
    views.add([&] { return view_of_frame(parse_frame(line, where), photographs, where); });
  }
  views.finish(scene);
  return scene;
}

}  // namespace parallax
