// The tables of a COLMAP model that concern views: cameras, images and, from COLMAP 3.12 on, rigs
// and frames, read from its binary or its text files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "vision/scene/camera.h"
#include "vision/scene/lens.h"

namespace parallax {

// One row of the table of cameras.
struct ColmapCamera {
  Camera intrinsics;  // pose left at the identity
  Lens lens;
  std::string problem;  // why views of this camera cannot be used; empty if they can
};

// One row of the table of images.
struct ColmapImage {
  std::uint32_t id = 0;
  std::string name;   // relative to the folder of images
  std::string where;  // file, view and name, for later errors
  std::uint32_t camera_id = 0;
  cv::Matx44d w2c;
  std::string problem;  // why the view cannot be used; empty if it can
};

// Sensor-from-rig poses of a rig's cameras, by camera; nothing where a pose is not known.
using ColmapRig = std::map<std::uint32_t, std::optional<cv::Matx44d>>;

// One moment at which a rig took images.
struct ColmapFrame {
  struct Data {
    std::uint32_t camera_id = 0;
    std::uint64_t image_id = 0;
  };
  std::uint32_t rig_id = 0;
  cv::Matx44d rig_from_world;
  std::vector<Data> images;
  std::string problem;  // why its pose cannot be used; empty if it can
};

// The tables of cameras and rigs, by their numbers.
using ColmapCameras = std::map<std::uint32_t, ColmapCamera>;
using ColmapRigs = std::map<std::uint32_t, ColmapRig>;

// The type number and the text name of a camera among a rig's sensors.
inline constexpr std::int32_t kColmapCameraSensor = 0;
inline constexpr const char* kColmapCameraSensorName = "CAMERA";

// Each reads the .bin file if there is one, else the .txt file. Throws Error naming file and
// record where the file is cut off or is no such file; a record that makes no sense has its
// `problem`. Counts in binary files are believed only as far as the file has bytes for them.
ColmapCameras read_colmap_cameras(const std::filesystem::path& model_folder);
std::vector<ColmapImage> read_colmap_images(const std::filesystem::path& model_folder);

// How many images take their pose from elsewhere.
struct ColmapFramePoses {
  bool used = false;      // the model has rigs and frames
  bool foreign = false;   // it has some, but none of its images is in them
  int64_t different = 0;  // images whose own pose is another
};

// Where the model has rigs and frames, gives each image the pose that they say: sensor-from-rig ∘
// rig-from-world. COLMAP 3.12 and later read poses from there alone, so that the images' own copies
// may be stale. An image without a frame, or whose sensor has no pose in its rig, has no pose.
// Frames that have none of the images are another model's and change nothing.
ColmapFramePoses apply_colmap_frames(const std::filesystem::path& model_folder,
                                     std::vector<ColmapImage>& images);

// How many images the model says that it has; reads no more than that needs.
size_t count_colmap_images(const std::filesystem::path& model_folder);

// A table's file of a model, `stem` "cameras", "images", "rigs" or "frames": .bin before .txt,
// whatever the case of its letters; an empty path if there is neither.
std::filesystem::path colmap_file(const std::filesystem::path& model_folder, const char* stem);

}  // namespace parallax
