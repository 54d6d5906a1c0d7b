// Words and numbers of text files.
#include "vision/scene/formats/common/number_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "core/base/error.h"
#include "core/io/input_file.h"

namespace parallax {

namespace fs = std::filesystem;

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

std::vector<std::string> words_of_file(const fs::path& file) {
  constexpr std::uint64_t kMostBytes = 1 << 16;
  const InputFile input(file);
  if (input.size() > kMostBytes) {
    throw Error(ErrorParts{.what = "the file is too large for the numbers of one camera",
                           .where = file.string(),
                           .expected = fmt::format("at most {} bytes", kMostBytes),
                           .got = std::to_string(input.size())});
  }
  const std::string text = input.read(0, input.size());
  constexpr std::string_view kBetween = " \t\r\n\v\f,";
  std::vector<std::string> words;
  for (size_t begin = text.find_first_not_of(kBetween); begin != std::string::npos;) {
    const size_t end = std::min(text.find_first_of(kBetween, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kBetween, end);
  }
  return words;
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

}  // namespace parallax
