// Reading COLMAP's text tables.
#include "vision/scene/formats/colmap/colmap_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "core/base/error.h"
#include "core/io/input_file.h"
#include "vision/scene/formats/colmap/colmap_cameras.h"

namespace parallax::colmap_text {
namespace {

namespace fs = std::filesystem;

struct TextLine {
  int number = 0;  // from 1
  std::string_view text;
};

// The lines without line ends, comments left out; empty lines stay, as in images.txt they count.
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

  // A whole number of pixels, also as "1920.0".
  std::uint64_t side(const char* field) {
    const auto value = number<double>(field);
    if (!(value >= 0 && value < 1e9 && value == std::floor(value))) {
      throw Error(ErrorParts{.what = "the value is not a whole number of pixels",
                             .where = fmt::format("{}, field '{}'", where_, field),
                             .got = fmt::format("{:g}", value)});
    }
    return static_cast<std::uint64_t>(value);
  }

  // All that is left, without blanks around it: image names may hold spaces.
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

// The words of a line, or nothing where one is not a number.
std::optional<size_t> count_numbers(std::string_view text) {
  LineReader reader(text, "");
  size_t count = 0;
  while (!reader.at_end()) {
    const std::string_view word = reader.word("");
    double value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (end != word.data() + word.size()) {
      return std::nullopt;
    }
    ++count;
  }
  return count;
}

// Whether it can be what follows an image: X Y POINT3D_ID, any number of times.
bool is_line_of_points(std::string_view text) { return count_numbers(text).value_or(1) % 3 == 0; }

constexpr int kPoseNumbers = 7;

std::array<double, kPoseNumbers> read_pose(LineReader& reader) {
  std::array<double, kPoseNumbers> pose{};
  for (int k = 0; k < kPoseNumbers; ++k) {
    pose[k] = reader.number<double>(k < 4 ? "qvec" : "tvec");
  }
  return pose;
}

// Of a line that makes no sense, an image with its problem.
ColmapImage read_image_line(const TextLine& line, const fs::path& path, size_t index) {
  const std::string where = fmt::format("{}, view {} (line {})", path.string(), index, line.number);
  ColmapImage image;
  image.where = where;
  try {
    LineReader reader(line.text, where);
    image.id = reader.number<std::uint32_t>("image_id");
    const auto pose = read_pose(reader);
    image.camera_id = reader.number<std::uint32_t>("camera_id");
    image.name = reader.remainder("name");
    image.where = colmap_image_place(path, index, image.name);
    image.w2c = colmap_pose_or_problem(pose, image.where, image.problem);
  } catch (const Error& error) {
    image.problem = error.what();
  }
  return image;
}

// The lines that hold records, for tables with one line per record.
template <typename Read>
void for_records(const fs::path& path, const Read& read) {
  const std::string text = read_text(path);
  for (const TextLine& line : split_lines(text)) {
    if (!is_blank(line.text)) {
      const std::string where = fmt::format("{}, line {}", path.string(), line.number);
      LineReader reader(line.text, where);
      read(reader, line, where);
    }
  }
}

ColmapCamera read_camera(LineReader& reader, const std::string& where) {
  const std::string_view name = reader.word("model");
  const ColmapLens& model = find_colmap_lens(name, where);
  const auto width = reader.side("width");
  const auto height = reader.side("height");
  std::vector<double> parameters;
  while (!reader.at_end()) {
    parameters.push_back(reader.number<double>("params"));
  }
  if (parameters.size() != static_cast<size_t>(model.parameters)) {
    throw Error(ErrorParts{.what = fmt::format("{} has {} parameters", name, model.parameters),
                           .where = where + ", field 'params'",
                           .got = fmt::format("{}", parameters.size())});
  }
  return make_colmap_camera(model, width, height, parameters, where);
}

}  // namespace

ColmapCameras read_cameras(const fs::path& path) {
  ColmapCameras cameras;
  for_records(path, [&](LineReader& reader, const TextLine&, const std::string& line) {
    const auto id = reader.number<std::uint32_t>("camera_id");
    const std::string where = fmt::format("{}, camera {}", line, id);
    ColmapCamera camera;
    try {
      camera = read_camera(reader, where);
    } catch (const Error& error) {
      camera.problem = error.what();
    }
    add_colmap_camera(cameras, id, std::move(camera), where);
  });
  return cameras;
}

std::vector<ColmapImage> read_images(const fs::path& path) {
  const std::string text = read_text(path);
  const std::vector<TextLine> lines = split_lines(text);
  std::vector<ColmapImage> images;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (is_blank(lines[i].text)) {
      continue;
    }
    images.push_back(read_image_line(lines[i], path, images.size()));
    if (i + 1 == lines.size()) {
      break;
    }
    if (is_line_of_points(lines[i + 1].text)) {
      ++i;
    } else if (const ColmapImage next = read_image_line(lines[i + 1], path, images.size());
               next.name.empty()) {
      throw Error(ErrorParts{
          .what = "the line is neither an image nor points of the image before it",
          .where = fmt::format("{}, line {}", path.string(), lines[i + 1].number),
          .expected = "IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, or triples X Y POINT3D_ID",
          .got = fmt::format("'{}'", lines[i + 1].text.substr(0, 60))});
    }
  }
  return images;
}

ColmapRigs read_rigs(const fs::path& path) {
  ColmapRigs rigs;
  for_records(path, [&](LineReader& reader, const TextLine&, const std::string& where) {
    ColmapRig& rig = rigs[reader.number<std::uint32_t>("rig_id")];
    const auto sensors = reader.number<std::uint32_t>("num_sensors");
    for (std::uint32_t k = 0; k < sensors; ++k) {
      const bool is_camera = reader.word("sensor_type") == kColmapCameraSensorName;
      const auto id = reader.number<std::uint32_t>("sensor_id");
      std::optional<cv::Matx44d> pose = cv::Matx44d::eye();  // of the reference sensor
      if (k > 0) {
        pose.reset();
        if (reader.number<int>("has_pose") != 0) {
          std::string problem;
          pose = colmap_pose_or_problem(read_pose(reader), where, problem);
          pose = problem.empty() ? pose : std::nullopt;
        }
      }
      if (is_camera) {
        rig[id] = pose;
      }
    }
  });
  return rigs;
}

std::vector<ColmapFrame> read_frames(const fs::path& path) {
  std::vector<ColmapFrame> frames;
  for_records(path, [&](LineReader& reader, const TextLine&, const std::string& where) {
    ColmapFrame frame;
    reader.number<std::uint32_t>("frame_id");
    frame.rig_id = reader.number<std::uint32_t>("rig_id");
    frame.rig_from_world = colmap_pose_or_problem(read_pose(reader), where, frame.problem);
    const auto data = reader.number<std::uint32_t>("num_data_ids");
    for (std::uint32_t k = 0; k < data; ++k) {
      const bool is_camera = reader.word("sensor_type") == kColmapCameraSensorName;
      const auto camera = reader.number<std::uint32_t>("sensor_id");
      const auto image = reader.number<std::uint64_t>("data_id");
      if (is_camera) {
        frame.images.push_back({camera, image});
      }
    }
    frames.push_back(std::move(frame));
  });
  return frames;
}

size_t count_images(const fs::path& path) { return read_images(path).size(); }

}  // namespace parallax::colmap_text
