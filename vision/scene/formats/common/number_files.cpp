// Words and numbers of text files.
#include "vision/scene/formats/common/number_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "core/base/error.h"
#include "core/image/image_extension.h"
#include "core/io/input_file.h"

namespace parallax {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kMostBytes = 1 << 16;

// Leaves out the images beyond the `count` poses of the file, and adds a note if poses have no
// image.
void leave_out_beyond(ViewCollector& views,
                      Scene& scene,
                      const NumberedImages& images,
                      std::uint64_t count) {
  const auto beyond = images.lower_bound(count);
  for (auto image = beyond; image != images.end(); ++image) {
    views.leave_out(fmt::format("'{}' has no pose among the {} of {}",
                                image->second.filename().string(),
                                count,
                                scene.file.string()));
  }
  const auto used = static_cast<std::uint64_t>(std::distance(images.begin(), beyond));
  if (used < count) {
    scene.notes.push_back(
        fmt::format("{} of {} poses have no photograph; photograph N is that of the Nth, from 0.",
                    count - used,
                    count));
  }
}

}  // namespace

std::vector<fs::path> files_by_number(const fs::path& folder, const char* extension) {
  std::vector<fs::path> files;
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder, error);
       !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const bool is_hidden = entry->path().filename().string().starts_with('.');
    if (!is_hidden && entry->path().extension() == extension) {
      files.push_back(entry->path());
    }
  }
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    const std::string left = a.filename().string();
    const std::string right = b.filename().string();
    return left.size() != right.size() ? left.size() < right.size() : left < right;
  });
  return files;
}

NumberedImages numbered_images(const fs::path& folder, const std::string& prefix) {
  NumberedImages images;
  std::error_code error;
  for (auto entry = fs::directory_iterator(folder, error);
       !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string stem = entry->path().stem().string();
    if (!stem.starts_with(prefix) || !has_image_extension(entry->path())) {
      continue;
    }
    std::uint64_t number = 0;
    const char* end = stem.data() + stem.size();
    const auto [rest, failure] = std::from_chars(stem.data() + prefix.size(), end, number);
    if (failure == std::errc() && rest == end) {
      fs::path& image = images[number];
      image = image.empty() ? entry->path() : std::min(image, entry->path());
    }
  }
  return images;
}

std::vector<std::string> words_of_file(const fs::path& file) {
  const InputFile input(file);
  if (input.size() > kMostBytes) {
    throw Error(ErrorParts{.what = "the file is too large for the numbers of one camera",
                           .where = file.string(),
                           .expected = fmt::format("at most {} bytes", kMostBytes),
                           .got = std::to_string(input.size())});
  }
  return words_of_line(input.read(0, input.size()), " \t\r\n\v\f,");
}

std::vector<std::string> words_of_line(std::string_view line, std::string_view between) {
  std::vector<std::string> words;
  if (line.size() > kMostBytes) {
    return words;
  }
  for (size_t begin = line.find_first_not_of(between); begin != std::string_view::npos;) {
    const size_t end = std::min(line.find_first_of(between, begin), line.size());
    words.emplace_back(line.substr(begin, end - begin));
    begin = line.find_first_not_of(between, end);
  }
  return words;
}

std::vector<double> numbers_of_line(std::string_view line, size_t count, const std::string& where) {
  const std::vector<std::string> words = words_of_line(line);
  if (words.size() != count) {
    throw Error(ErrorParts{.what = "the line cannot be read",
                           .where = where,
                           .expected = fmt::format("{} numbers", count),
                           .got = fmt::format("{} words", words.size())});
  }
  std::vector<double> numbers;
  for (const std::string& word : words) {
    numbers.push_back(number_of_word(word, where));
  }
  return numbers;
}

bool next_filled_line(TextLines& lines, bool has_comments) {
  while (lines.next()) {
    const size_t first = lines.text().find_first_not_of(" \t");
    if (first != std::string_view::npos && !(has_comments && lines.text()[first] == '#')) {
      return true;
    }
  }
  return false;
}

double number_of_word(const std::string& word, const std::string& where) {
  const size_t sign = word.starts_with('+') ? 1 : 0;
  double value = 0;
  const char* end = word.data() + word.size();
  const auto [rest, error] = std::from_chars(word.data() + sign, end, value);
  if (error != std::errc() || rest != end) {
    throw Error(ErrorParts{.what = "the value is not a number",
                           .where = where,
                           .got = fmt::format("'{}'", word.substr(0, 60))});
  }
  return value;
}

std::vector<double> numbers_of_file(const fs::path& file) {
  std::vector<double> numbers;
  for (const std::string& word : words_of_file(file)) {
    numbers.push_back(number_of_word(word, file.string()));
  }
  return numbers;
}

void set_intrinsic_matrix(View& view, const cv::Matx33d& k, cv::Size size) {
  Camera& camera = view.camera;
  camera.width = size.width;
  camera.height = size.height;
  camera.fx = k(0, 0);
  camera.fy = k(1, 1);
  camera.cx = k(0, 2);
  camera.cy = k(1, 2);
  constexpr double kNoSkew = 1e-3;  // pixels
  view.lens.skew = std::abs(k(0, 1)) > kNoSkew ? k(0, 1) / k(0, 0) : 0;
}

void read_numbered_views(Scene& scene, const NumberedImages& images, const ReadPose& read) {
  ViewCollector views;
  TextLines lines(scene.file);
  std::uint64_t count = 0;
  for (; next_filled_line(lines); ++count) {
    const auto image = images.find(count);
    if (image == images.end()) {
      continue;
    }
    views.add([&] {
      const std::string where = fmt::format("{}, line {}", scene.file.string(), lines.number());
      View view;
      view.name = image->second.lexically_relative(scene.root).string();
      view.image_path = image->second;
      read(view, lines.text(), where);
      validate_camera(view.camera, where);
      return view;
    });
  }
  leave_out_beyond(views, scene, images, count);
  views.finish(scene);
}

}  // namespace parallax
