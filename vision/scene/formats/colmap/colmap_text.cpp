// Reading COLMAP's text tables.
#include "vision/scene/formats/colmap/colmap_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string_view>

#include "core/base/error.h"
#include "core/io/text_lines.h"
#include "vision/scene/formats/colmap/colmap_cameras.h"

namespace parallax::colmap_text {
namespace {

namespace fs = std::filesystem;

// The number of a line and its text, while TextLines is at it.
struct TextLine {
  int number = 0;  // from 1
  std::string_view text;
};

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
    const size_t sign = taken.size() > 1 && taken[0] == '+' && taken[1] != '-' ? 1 : 0;
    T value{};
    const auto [end, error] =
        std::from_chars(taken.data() + sign, taken.data() + taken.size(), value);
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

bool is_comment(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  return first != text.npos && text[first] == '#';
}

// Whether it can be what follows an image: X Y POINT3D_ID, any number of times. Of a long line only
// the beginning is looked at: no image has so many numbers in a row.
bool is_line_of_points(std::string_view text) {
  constexpr size_t kEnough = 15;  // an image has 9 numbers before its name
  LineReader reader(text, "");
  size_t count = 0;
  for (; count < kEnough && !reader.at_end(); ++count) {
    const std::string_view word = reader.word("");
    const char* last = word.data() + word.size();
    double value = 0;
    const bool is_number = std::from_chars(word.data(), last, value).ptr == last;
    const bool is_id = count % 3 == 2;
    if (!is_number || (is_id && value != std::floor(value))) {
      return false;
    }
  }
  return count % 3 == 0;
}

bool begins_with_whole_number(std::string_view text) {
  const std::string_view word = LineReader(text, "").word("");
  return word.find_first_not_of("0123456789") == word.npos;
}

// Whether it has an image's number and at least as many words, so that it is meant to be one.
bool is_meant_as_image(std::string_view text) {
  constexpr size_t kImageWords = 10;
  LineReader reader(text, "");
  size_t words = 0;
  for (; words < kImageWords && !reader.at_end(); ++words) {
    reader.word("");
  }
  return words == kImageWords && begins_with_whole_number(text);
}

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
  for (TextLines lines(path); lines.next();) {
    if (!is_blank(lines.text()) && !is_comment(lines.text())) {
      const std::string where = fmt::format("{}, line {}", path.string(), lines.number());
      LineReader reader(lines.text(), where);
      read(reader, where);
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
  for_records(path, [&](LineReader& reader, const std::string& line) {
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
  std::vector<ColmapImage> images;
  bool points_may_follow = false;  // an image has one line of points, empty where it has none
  for (TextLines lines(path); lines.next();) {
    const TextLine line{lines.number(), lines.text()};
    if (is_comment(line.text)) {
      continue;
    }
    const bool blank = is_blank(line.text);
    if (blank || (points_may_follow && is_line_of_points(line.text))) {
      points_may_follow = false;
      continue;
    }
    ColmapImage image = read_image_line(line, path, images.size());
    const bool is_image = !image.name.empty();
    // With a blank line between, too, they are those of the image before. An image whose name is
    // missing begins with its number, and points with a coordinate.
    if (!is_image && !images.empty() && is_line_of_points(line.text) &&
        !begins_with_whole_number(line.text)) {
      continue;
    }
    if (!is_image && points_may_follow && !is_meant_as_image(line.text)) {
      throw Error(ErrorParts{
          .what = "the line is neither an image nor points of the image before it",
          .where = fmt::format("{}, line {}", path.string(), line.number),
          .expected = "IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, or triples X Y POINT3D_ID",
          .got = fmt::format("'{}'", line.text.substr(0, 60))});
    }
    images.push_back(std::move(image));
    points_may_follow = is_image;
  }
  return images;
}

ColmapRigs read_rigs(const fs::path& path) {
  ColmapRigs rigs;
  for_records(path, [&](LineReader& reader, const std::string& where) {
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
  for_records(path, [&](LineReader& reader, const std::string& where) {
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
