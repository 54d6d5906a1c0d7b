// Choosing between binary and text, and the poses that rigs and frames give.
#include "vision/scene/formats/colmap/colmap_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/core.hpp>

#include "vision/scene/formats/colmap/colmap_binary.h"
#include "vision/scene/formats/colmap/colmap_text.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr double kSamePose = 1e-6;

bool is_binary(const fs::path& file) {
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(), [](unsigned char c) {
    return static_cast<char>(std::tolower(c));
  });
  return extension == ".bin";
}

bool equal_but_for_case(const std::string& a, const std::string& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
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
  for (const char* extension : {".bin", ".txt"}) {
    const std::string name = std::string(stem) + extension;
    std::error_code error;
    if (fs::is_regular_file(model_folder / name, error)) {
      return model_folder / name;
    }
    for (auto entry = fs::directory_iterator(model_folder, error);
         !error && entry != fs::directory_iterator();
         entry.increment(error)) {
      if (equal_but_for_case(entry->path().filename().string(), name) &&
          entry->is_regular_file(error)) {
        return entry->path();
      }
    }
  }
  return {};
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
  const fs::path rigs_file = colmap_file(model_folder, "rigs");
  const fs::path frames_file = colmap_file(model_folder, "frames");
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
