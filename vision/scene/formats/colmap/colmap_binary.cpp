// Reading COLMAP's binary tables.
#include "vision/scene/formats/colmap/colmap_binary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/io/input_file.h"
#include "vision/scene/formats/colmap/colmap_cameras.h"

namespace parallax::colmap_binary {
namespace {

namespace fs = std::filesystem;

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

  // Up to and without the terminating zero.
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

// A quaternion and a translation, as a matrix. Leaves a sentence in `problem` if they are no pose.
cv::Matx44d read_pose(BinaryReader& reader, const std::string& where, std::string& problem) {
  const auto pose = reader.read<std::array<double, 7>>(where);
  return colmap_pose_or_problem(pose, where, problem);
}

}  // namespace

ColmapCameras read_cameras(const fs::path& path) {
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
    add_colmap_camera(
        cameras, id, make_colmap_camera(model, width, height, parameters, where), where);
  }
  return cameras;
}

std::vector<ColmapImage> read_images(const fs::path& path) {
  BinaryReader reader(path);
  const auto count = reader.read<std::uint64_t>(path.string());
  std::vector<ColmapImage> images;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string record = fmt::format("{}, view {}", path.string(), i);
    ColmapImage image;
    image.id = reader.read<std::uint32_t>(record);
    const auto pose = reader.read<std::array<double, 7>>(record);
    image.camera_id = reader.read<std::uint32_t>(record);
    image.name = reader.read_name(record);
    image.where = colmap_image_place(path, i, image.name);
    image.w2c = colmap_pose_or_problem(pose, image.where, image.problem);
    const auto points = reader.read<std::uint64_t>(image.where);
    constexpr std::uint64_t kBytesPerPoint = 24;  // x, y, the 3-D point's id
    reader.skip(points, kBytesPerPoint, image.where + ", field 'points2D'");
    images.push_back(std::move(image));
  }
  return images;
}

ColmapRigs read_rigs(const fs::path& path) {
  BinaryReader reader(path);
  const auto count = reader.read<std::uint64_t>(path.string());
  ColmapRigs rigs;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string where = fmt::format("{}, rig record {}", path.string(), i);
    ColmapRig& rig = rigs[reader.read<std::uint32_t>(where)];
    const auto sensors = reader.read<std::uint32_t>(where);
    for (std::uint32_t k = 0; k < sensors; ++k) {
      const auto type = reader.read<std::int32_t>(where);
      const auto id = reader.read<std::uint32_t>(where);
      std::optional<cv::Matx44d> pose = cv::Matx44d::eye();  // of the reference sensor
      if (k > 0) {
        pose.reset();
        if (reader.read<std::uint8_t>(where) != 0) {
          std::string problem;
          pose = read_pose(reader, where, problem);
          pose = problem.empty() ? pose : std::nullopt;
        }
      }
      if (type == kColmapCameraSensor) {
        rig[id] = pose;
      }
    }
  }
  return rigs;
}

std::vector<ColmapFrame> read_frames(const fs::path& path) {
  BinaryReader reader(path);
  const auto count = reader.read<std::uint64_t>(path.string());
  std::vector<ColmapFrame> frames;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string where = fmt::format("{}, frame record {}", path.string(), i);
    ColmapFrame frame;
    reader.read<std::uint32_t>(where);  // the frame's id
    frame.rig_id = reader.read<std::uint32_t>(where);
    frame.rig_from_world = read_pose(reader, where, frame.problem);
    const auto data = reader.read<std::uint32_t>(where);
    for (std::uint32_t k = 0; k < data; ++k) {
      const auto type = reader.read<std::int32_t>(where);
      const auto camera = reader.read<std::uint32_t>(where);
      const auto image = reader.read<std::uint64_t>(where);
      if (type == kColmapCameraSensor) {
        frame.images.push_back({camera, image});
      }
    }
    frames.push_back(std::move(frame));
  }
  return frames;
}

size_t count_images(const fs::path& path) {
  BinaryReader reader(path);
  return reader.read<std::uint64_t>(path.string());
}

}  // namespace parallax::colmap_binary
