// Choosing between binary and text, and the poses that rigs and frames give.
#include "vision/scene/formats/colmap/colmap_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/core.hpp>

#include "core/base/lower_case.h"
#include "core/files/folder_listings.h"
#include "vision/scene/formats/colmap/colmap_binary.h"
#include "vision/scene/formats/colmap/colmap_text.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr double kSamePose = 1e-6;

constexpr const char* kBinary = ".bin";
constexpr const char* kText = ".txt";

const char* kind_of(const fs::path& file) {
  return lower_case(file.extension().string()) == kBinary ? kBinary : kText;
}

bool is_binary(const fs::path& file) { return kind_of(file) == kBinary; }

// A table's file of one kind; an empty path if there is none.
fs::path table_file(const fs::path& model_folder, const char* stem, const char* kind) {
  std::error_code ignored;
  const fs::path file = FolderListings().find(model_folder, std::string(stem) + kind);
  return fs::is_regular_file(file, ignored) ? file : fs::path();
}

// The pose of an image that a frame says, or why there is none.
struct FramePose {
  cv::Matx44d w2c;
  std::string problem;
};

FramePose pose_in_frame(const ColmapFrame& frame,
                        const ColmapFrame::Data& data,
                        const ColmapRigs& rigs) {
  if (!frame.problem.empty()) {
    return {.problem = frame.problem};
  }
  const auto rig = rigs.find(frame.rig_id);
  if (rig == rigs.end()) {
    return {.problem = fmt::format("its frame is of rig {}, which the model lacks", frame.rig_id)};
  }
  const auto sensor = rig->second.find(data.camera_id);
  if (sensor == rig->second.end() || !sensor->second) {
    return {.problem = fmt::format(
                "rig {} does not say the pose of its camera {}", frame.rig_id, data.camera_id)};
  }
  return {.w2c = *sensor->second * frame.rig_from_world};
}

}  // namespace

fs::path colmap_file(const fs::path& model_folder, const char* stem) {
  const fs::path file = table_file(model_folder, stem, kBinary);
  return file.empty() ? table_file(model_folder, stem, kText) : file;
}

ColmapCameras read_colmap_cameras(const fs::path& model_folder) {
  const fs::path file = colmap_file(model_folder, "cameras");
  return is_binary(file) ? colmap_binary::read_cameras(file) : colmap_text::read_cameras(file);
}

std::vector<ColmapImage> read_colmap_images(const fs::path& model_folder) {
  const fs::path file = colmap_file(model_folder, "images");
  return is_binary(file) ? colmap_binary::read_images(file) : colmap_text::read_images(file);
}

size_t count_colmap_images(const fs::path& model_folder) {
  const fs::path file = colmap_file(model_folder, "images");
  return is_binary(file) ? colmap_binary::count_images(file) : colmap_text::count_images(file);
}

ColmapFramePoses apply_colmap_frames(const fs::path& model_folder,
                                     std::vector<ColmapImage>& images) {
  // Those of the other kind belong to another state of the model: COLMAP reads one kind alone.
  const char* kind = kind_of(colmap_file(model_folder, "images"));
  const fs::path rigs_file = table_file(model_folder, "rigs", kind);
  const fs::path frames_file = table_file(model_folder, "frames", kind);
  ColmapFramePoses result;
  if (rigs_file.empty() || frames_file.empty()) {
    return result;
  }
  const ColmapRigs rigs = is_binary(rigs_file) ? colmap_binary::read_rigs(rigs_file)
                                               : colmap_text::read_rigs(rigs_file);
  const std::vector<ColmapFrame> frames = is_binary(frames_file)
                                              ? colmap_binary::read_frames(frames_file)
                                              : colmap_text::read_frames(frames_file);
  if (frames.empty()) {
    return result;
  }
  std::map<std::uint64_t, FramePose> poses;
  for (const ColmapFrame& frame : frames) {
    for (const ColmapFrame::Data& data : frame.images) {
      poses[data.image_id] = pose_in_frame(frame, data, rigs);
    }
  }
  // Older tools, which write neither table, leave those of an earlier run where they are.
  result.foreign = std::none_of(images.begin(), images.end(), [&](const ColmapImage& image) {
    return poses.contains(image.id);
  });
  if (result.foreign) {
    return result;
  }
  result.used = true;
  for (ColmapImage& image : images) {
    const auto pose = poses.find(image.id);
    const std::string reason = pose == poses.end()
                                   ? "no frame of " + frames_file.filename().string() + " has it"
                                   : pose->second.problem;
    if (!reason.empty()) {
      image.problem = image.where + ": the view's pose is not known: " + reason;
      continue;
    }
    const bool other =
        !image.problem.empty() || cv::norm(pose->second.w2c - image.w2c, cv::NORM_INF) > kSamePose;
    result.different += other ? 1 : 0;
    image.w2c = pose->second.w2c;
    // A name that could not be read stays a problem; the image's own pose does not.
    image.problem = image.name.empty() ? image.problem : "";
  }
  return result;
}

}  // namespace parallax
