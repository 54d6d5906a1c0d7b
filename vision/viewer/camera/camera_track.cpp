// Interpolation is in camera_path; this adds the file format.
#include "vision/viewer/camera/camera_track.h"

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/io/atomic_file.h"
#include "vision/scene/camera_path.h"
#include "vision/scene/formats/common/json_fields.h"

namespace parallax::view {
namespace {

constexpr int kMaxFrames = 100000;

}  // namespace

nlohmann::json camera_json(const Camera& camera) {
  nlohmann::json rows = nlohmann::json::array();
  for (int row = 0; row < 4; ++row) {
    rows.push_back(
        {camera.c2w(row, 0), camera.c2w(row, 1), camera.c2w(row, 2), camera.c2w(row, 3)});
  }
  return {{"h", camera.height},
          {"w", camera.width},
          {"fx", camera.fx},
          {"fy", camera.fy},
          {"cx", camera.cx},
          {"cy", camera.cy},
          {"c2w", std::move(rows)}};
}

Camera read_camera_json(const nlohmann::json& json, const std::string& where) {
  const JsonFields fields(json, where);
  Camera camera = fields.intrinsics();
  camera.c2w = fields.matrix("c2w");
  validate_camera(camera, where);
  return camera;
}

std::vector<Camera> track_cameras(const CameraTrack& track) {
  if (track.keyframes.empty() || track.frames < 1) {
    return {};
  }
  if (track.keyframes.size() == 1) {
    return std::vector<Camera>(static_cast<size_t>(track.frames), track.keyframes.front());
  }
  return interpolate_path(track.keyframes, track.frames);
}

void write_track(const std::filesystem::path& path, const CameraTrack& track) {
  nlohmann::json json = {{"frames", track.frames},
                         {"frames_per_second", track.frames_per_second},
                         {"keyframes", nlohmann::json::array()}};
  for (const Camera& camera : track.keyframes) {
    json["keyframes"].push_back(camera_json(camera));
  }
  write_file_atomically(path, json.dump(1) + "\n");
}

CameraTrack read_track(const std::filesystem::path& path) {
  const nlohmann::json json = read_json_file(path);
  const JsonFields fields(json, path.string());
  CameraTrack track;
  const double frames = fields.positive("frames");
  if (frames > kMaxFrames || frames != static_cast<int>(frames)) {
    throw Error(ErrorParts{.what = "the number of frames is not usable",
                           .where = fields.where("frames"),
                           .expected = fmt::format("1 to {}", kMaxFrames),
                           .got = fmt::format("{}", frames)});
  }
  track.frames = static_cast<int>(frames);
  track.frames_per_second = fields.positive("frames_per_second");
  const nlohmann::json& keyframes = fields.list("keyframes");
  for (size_t i = 0; i < keyframes.size(); ++i) {
    track.keyframes.push_back(
        read_camera_json(keyframes[i], fmt::format("{}, keyframe {}", path.string(), i)));
  }
  return track;
}

}  // namespace parallax::view
