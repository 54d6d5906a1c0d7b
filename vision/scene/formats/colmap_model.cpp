// Reads COLMAP's cameras and images files.
#include "vision/scene/formats/colmap_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "core/base/error.h"
#include "core/io/input_file.h"
#include "vision/scene/formats/colmap_cameras.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

std::string image_place(const fs::path& file, size_t index, std::string_view name) {
  return fmt::format("{}, view {} ('{}')", file.string(), index, name);
}

void add_camera(ColmapCameras& cameras,
                std::uint32_t id,
                ColmapCamera camera,
                const std::string& where) {
  if (!cameras.emplace(id, std::move(camera)).second) {
    throw Error(ErrorParts{.what = "the camera id occurs twice", .where = where});
  }
}

// ---- Binary files
// --------------------------------------------------------------------------------

// Reads little-endian values one after another, never beyond the file's end.
class BinaryReader {
 public:
  explicit BinaryReader(const fs::path& path) : file_(path) {}

  template <typename T>
  T read(const std::string& where) {
    T value;
    require(1, sizeof(T), where);
    file_.read(offset_, &value, sizeof(T));
    offset_ += sizeof(T);
    return value;
  }

  void skip(std::uint64_t count, std::uint64_t bytes_each, const std::string& where) {
    require(count, bytes_each, where);
    offset_ += count * bytes_each;
  }

  // Reads up to the terminating zero, which is not included.
  std::string read_name(const std::string& where) {
    constexpr std::uint64_t kLongestName = 4096;
    const std::uint64_t available = std::min(kLongestName, file_.size() - offset_);
    const std::string bytes = file_.read(offset_, available);
    const size_t end = bytes.find('\0');
    if (end == std::string::npos) {
      throw Error(ErrorParts{.what = "the image's name has no end",
                             .where = where + ", field 'name'",
                             .expected = fmt::format("at most {} bytes", kLongestName)});
    }
    offset_ += end + 1;
    return bytes.substr(0, end);
  }

 private:
  void require(std::uint64_t count, std::uint64_t bytes_each, const std::string& where) const {
    const std::uint64_t left = file_.size() - offset_;
    if (count > left / bytes_each) {
      throw Error(ErrorParts{
          .what = "the file ends too early",
          .where = where,
          .expected = fmt::format("{} at offset {}",
                                  count == 1 ? fmt::format("{} bytes", bytes_each)
                                             : fmt::format("{} × {} bytes", count, bytes_each),
                                  offset_),
          .got = fmt::format("{} bytes", left),
          .remedy = "It may have been cut off while it was written or copied."});
    }
  }

  InputFile file_;
  std::uint64_t offset_ = 0;
};

ColmapCameras read_binary_cameras(const fs::path& path) {
  BinaryReader reader(path);
  const auto count = reader.read<std::uint64_t>(path.string());
  ColmapCameras cameras;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string record = fmt::format("{}, camera record {}", path.string(), i);
    const auto id = reader.read<std::uint32_t>(record);
    const std::string where = fmt::format("{}, camera {}", path.string(), id);
    const auto model_id = reader.read<std::int32_t>(where);
    const ColmapLens& model = find_colmap_lens(model_id, where);
    const auto width = reader.read<std::uint64_t>(where);
    const auto height = reader.read<std::uint64_t>(where);
    std::vector<double> parameters(model.parameters);
    for (double& value : parameters) {
      value = reader.read<double>(where + ", field 'params'");
    }
    add_camera(cameras, id, make_colmap_camera(model, width, height, parameters, where), where);
  }
  return cameras;
}

std::vector<ColmapImage> read_binary_images(const fs::path& path) {
  BinaryReader reader(path);
  const auto count = reader.read<std::uint64_t>(path.string());
  std::vector<ColmapImage> images;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string record = fmt::format("{}, view {}", path.string(), i);
    ColmapImage image;
    reader.read<std::uint32_t>(record);  // the image's id
    const auto pose = reader.read<std::array<double, 7>>(record);
    image.camera_id = reader.read<std::uint32_t>(record);
    image.name = reader.read_name(record);
    image.where = image_place(path, i, image.name);
    image.w2c = make_colmap_pose(pose, image.where);
    const auto points = reader.read<std::uint64_t>(image.where);
    constexpr std::uint64_t kBytesPerPoint = 24;  // x, y, the 3-D point's id
    reader.skip(points, kBytesPerPoint, image.where + ", field 'points2D'");
    images.push_back(std::move(image));
  }
  return images;
}

// ---- Text files
// ----------------------------------------------------------------------------------

struct TextLine {
  int number = 0;  // from 1
  std::string_view text;
};

// The lines without line ends and without comments; empty lines are kept, as they matter in
// images.txt.
std::vector<TextLine> split_lines(std::string_view text) {
  std::vector<TextLine> lines;
  for (int number = 1; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && line.back() == '\r') {
      line.remove_suffix(1);
    }
    if (line.empty() || line.front() != '#') {
      lines.push_back({number, line});
    }
  }
  return lines;
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t") == text.npos; }

// Takes fields off the front of one line.
class LineReader {
 public:
  LineReader(std::string_view line, std::string where) : rest_(line), where_(std::move(where)) {}

  std::string_view word(const char* field) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t"), rest_.size()));
    const size_t end = std::min(rest_.find_first_of(" \t"), rest_.size());
    const std::string_view taken = rest_.substr(0, end);
    rest_.remove_prefix(end);
    if (taken.empty()) {
      throw Error(ErrorParts{.what = "the field is missing",
                             .where = fmt::format("{}, field '{}'", where_, field)});
    }
    return taken;
  }

  template <typename T>
  T number(const char* field) {
    const std::string_view taken = word(field);
    T value{};
    const auto [end, error] = std::from_chars(taken.data(), taken.data() + taken.size(), value);
    if (error != std::errc() || end != taken.data() + taken.size()) {
      throw Error(ErrorParts{.what = "the value is not a number",
                             .where = fmt::format("{}, field '{}'", where_, field),
                             .got = fmt::format("'{}'", taken.substr(0, 60))});
    }
    return value;
  }

  // The rest of the line without surrounding blanks: image names may contain spaces.
  std::string_view remainder(const char* field) {
    const std::string_view first = word(field);
    std::string_view all(first.data(), first.size() + rest_.size());
    rest_ = {};
    return all.substr(0, all.find_last_not_of(" \t") + 1);
  }

  bool at_end() const { return is_blank(rest_); }

 private:
  std::string_view rest_;
  std::string where_;
};

std::string read_text(const fs::path& path) {
  const InputFile file(path);
  constexpr std::uint64_t kMaxBytes = 4ULL << 30;
  if (file.size() > kMaxBytes) {
    throw Error(ErrorParts{.what = "the file is too large to be read as text",
                           .where = path.string(),
                           .expected = fmt::format("at most {} bytes", kMaxBytes),
                           .got = fmt::format("{}", file.size()),
                           .remedy = "Export the model in COLMAP's binary form."});
  }
  return file.read(0, file.size());
}

ColmapCameras read_text_cameras(const fs::path& path) {
  const std::string text = read_text(path);
  ColmapCameras cameras;
  for (const TextLine& line : split_lines(text)) {
    if (is_blank(line.text)) {
      continue;
    }
    std::string where = fmt::format("{}, line {}", path.string(), line.number);
    const auto id = LineReader(line.text, where).number<std::uint32_t>("camera_id");
    where += fmt::format(", camera {}", id);
    LineReader reader(line.text, where);
    reader.word("camera_id");
    const std::string_view name = reader.word("model");
    const ColmapLens& model = find_colmap_lens(name, where);
    const auto width = reader.number<std::uint64_t>("width");
    const auto height = reader.number<std::uint64_t>("height");
    std::vector<double> parameters(model.parameters);
    for (double& value : parameters) {
      value = reader.number<double>("params");
    }
    if (!reader.at_end()) {
      throw Error(ErrorParts{.what = "there are more parameters than the camera model has",
                             .where = where + ", field 'params'",
                             .expected = fmt::format("{} for {}", model.parameters, name)});
    }
    add_camera(cameras, id, make_colmap_camera(model, width, height, parameters, where), where);
  }
  return cameras;
}

std::vector<ColmapImage> read_text_images(const fs::path& path) {
  const std::string text = read_text(path);
  const std::vector<TextLine> lines = split_lines(text);
  std::vector<ColmapImage> images;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (is_blank(lines[i].text)) {
      continue;
    }
    const std::string where =
        fmt::format("{}, view {} (line {})", path.string(), images.size(), lines[i].number);
    LineReader reader(lines[i].text, where);
    reader.number<std::uint32_t>("image_id");
    std::array<double, 7> pose{};
    for (int k = 0; k < 7; ++k) {
      pose[k] = reader.number<double>(k < 4 ? "qvec" : "tvec");
    }
    ColmapImage image;
    image.camera_id = reader.number<std::uint32_t>("camera_id");
    image.name = reader.remainder("name");
    image.where = image_place(path, images.size(), image.name);
    image.w2c = make_colmap_pose(pose, image.where);
    images.push_back(std::move(image));
    ++i;  // skips the line of the image's points, which may be empty
  }
  return images;
}

}  // namespace

fs::path colmap_file(const fs::path& model_folder, const char* stem) {
  for (const char* extension : {".bin", ".txt"}) {
    const fs::path file = model_folder / (std::string(stem) + extension);
    std::error_code error;
    if (fs::is_regular_file(file, error)) {
      return file;
    }
  }
  return {};
}

ColmapCameras read_colmap_cameras(const fs::path& model_folder) {
  const fs::path file = colmap_file(model_folder, "cameras");
  return file.extension() == ".bin" ? read_binary_cameras(file) : read_text_cameras(file);
}

std::vector<ColmapImage> read_colmap_images(const fs::path& model_folder) {
  const fs::path file = colmap_file(model_folder, "images");
  return file.extension() == ".bin" ? read_binary_images(file) : read_text_images(file);
}

}  // namespace parallax
