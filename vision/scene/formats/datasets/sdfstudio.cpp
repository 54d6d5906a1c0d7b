// Reading meta_data.json.
#include "vision/scene/formats/datasets/sdfstudio.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "vision/scene/formats/common/image_finder.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/scene/formats/common/loader_support.h"
#include "vision/scene/formats/common/number_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kMetaFile = "meta_data.json";
constexpr const char* kPoseField = "camtoworld";
constexpr const char* kForegroundField = "foreground_mask";

bool is_sdfstudio(const json& document) {
  const auto frames = document.is_object() ? document.find("frames") : document.end();
  return frames != document.end() && frames->is_array() &&
         std::any_of(frames->begin(), frames->end(), [](const json& frame) {
           return frame.is_object() && frame.contains(kPoseField);
         });
}

// 4 × 4 numbers, of which the rows and columns of a 3 × 3 matrix may be all.
cv::Matx33d intrinsics_of(const JsonFields& frame) {
  const json& rows = frame.list("intrinsics");
  return rows.size() == 3 ? frame.matrix3("intrinsics")
                          : frame.matrix("intrinsics").get_minor<3, 3>(0, 0);
}

View view_of_sdfstudio(const JsonFields& frame, const JsonFields& meta, ImageFinder& photographs) {
  View view;
  view.name = frame.text("rgb_path");
  view.image_path = photographs.find(view.name, frame.where("rgb_path"));
  const bool has_size = meta.has("width") || meta.has("height");
  set_intrinsic_matrix(view,
                       intrinsics_of(frame),
                       has_size ? cv::Size(meta.image_side("width"), meta.image_side("height"))
                                : ImageFinder::full_size(view.name, view.image_path));
  view.camera.c2w = nearest_pose(frame.pose(kPoseField), frame.where(kPoseField));
  validate_camera(view.camera, frame.where());
  return view;
}

// Gives the view its mask; false where the file is missing that the frame names.
bool set_foreground(View& view, const JsonFields& frame, const fs::path& root) {
  std::string name = frame.text_or_empty(kForegroundField);
  if (name.empty()) {
    return true;
  }
  std::replace(name.begin(), name.end(), '\\', '/');
  const fs::path file = root / name;
  std::error_code ignored;
  const bool is_there = fs::is_regular_file(file, ignored);
  view.mask_path = is_there ? file.lexically_normal() : fs::path();
  return is_there;
}

}  // namespace

bool begins_as_sdfstudio(const fs::path& file) {
  constexpr size_t kLooked = size_t{1} << 16;
  return file.extension() == ".json" &&
         first_bytes(file, kLooked).find(kPoseField) != std::string::npos;
}

std::optional<Scene> load_sdfstudio(const fs::path& path, const SceneOptions& options) {
  const fs::path file = fs::is_directory(path) ? path / kMetaFile : path;
  if (!fs::is_regular_file(file) || file.extension() != ".json") {
    return std::nullopt;
  }
  const json document = read_json_file(file);
  if (!is_sdfstudio(document)) {
    return std::nullopt;
  }
  Scene scene;
  scene.file = file;
  scene.root = file.parent_path();
  scene.name = scene.root.filename().string();
  const JsonFields meta(document, file.string());
  ImageFinder photographs({scene.root}, options);
  ViewCollector views;
  size_t without_masks = 0;
  const json& frames = document["frames"];
  for (size_t i = 0; i < frames.size(); ++i) {
    views.add([&] {
      const JsonFields frame(frames[i], fmt::format("{}, view {}", file.string(), i));
      View view = view_of_sdfstudio(frame, meta, photographs);
      without_masks += set_foreground(view, frame, scene.root) ? 0 : 1;
      return view;
    });
  }
  views.finish(scene);
  photographs.note_replaced_folder(scene);
  if (without_masks > 0) {
    scene.notes.push_back(
        fmt::format("{} of {} views are used without their masks, which are "
                    "missing ('{}').",
                    without_masks,
                    scene.views.size(),
                    kForegroundField));
  }
  note_unused_masks(scene);
  note_distortion(scene);
  return scene;
}

}  // namespace parallax
