// A scene made ready for a model: views chosen, images loaded and sized, poses normalised.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "vision/models/lact_nvs/model_store.h"
#include "vision/models/lact_nvs/rays.h"
#include "vision/scene/image_size.h"
#include "vision/scene/view_loader.h"
#include "vision/scene/view_selection.h"

namespace parallax {

// How a scene's poses are moved into the coordinates of a model.
enum class PoseNormalisation {
  kAuto,    // opencv_cameras.json as it is; others as the model's training data were
  kNone,    // the scene's poses, unchanged
  kScene,   // LaCT's: mean pose at the origin, largest coordinate 1
  kObject,  // focus to the origin, up axis to z, median camera distance to the model's radius
};

// "auto", "none", "scene" or "object". Throws UsageError.
PoseNormalisation parse_pose_normalisation(const std::string& name);

// Which views of a scene are used, and how they are sized and posed.
struct PrepareOptions {
  int height = 0;  // 0: the model's own size
  int width = 0;
  std::string input_views;  // empty: as many as the model was published for, else 8
  std::string target_views = "all";
  std::optional<ViewSelection> views;  // instead of both
  cv::Vec3b background = {255, 255, 255};
  PoseNormalisation normalisation = PoseNormalisation::kAuto;
};

// Some views of a scene, with images and cameras as the model sees them.
struct ViewSet {
  std::vector<int> indices;
  std::vector<std::string> names;
  std::vector<Camera> cameras;  // as the model sees them
  CameraBatch batch;            // the same, [1, V, …]
  Tensor images;                // [1, V, 3, H, W] in [0, 1]
  Tensor alpha;                 // [1, V, 1, H, W]; undefined unless every image has alpha
};

// A scene's input and target views, ready for one model.
struct PreparedScene {
  std::string name;
  std::string format;
  int height = 0;
  int width = 0;
  PoseTransform transform;  // from the scene's coordinates to the model's
  ViewSet inputs;
  ViewSet targets;  // may be empty
  bool surrounds_object = false;
  std::vector<std::string> notes;  // sentences for the user
};

// The size at which a model sees a scene: `wanted`, or the model's own where that is 0, cut down to
// whole patches; adds to `notes` what the user may want to know. Throws UsageError below one patch.
ImageSize choose_image_size(const NvsModelCard& card,
                            const ImageSize& wanted,
                            std::vector<std::string>& notes);

// From the scene's coordinates to the model's, decided by the input views alone.
PoseTransform choose_pose_transform(const Scene& scene,
                                    const NvsModelCard& card,
                                    PoseNormalisation wanted,
                                    const std::vector<int>& inputs,
                                    std::vector<std::string>& notes);

// Only input views decide the pose normalisation. A view whose image cannot be read is left out
// with a note and others are chosen, unless it was asked for by its index. Throws Error naming what
// does not fit, and does so before reading any image if the work cannot fit into memory.
PreparedScene prepare_scene(const Scene& scene,
                            const NvsModel& model,
                            const PrepareOptions& options);

// Loads the prepared scene's input views again, at another size.
ViewSet load_inputs(const Scene& scene, const PreparedScene& prepared, const ViewOptions& options);

// `count` new cameras: a turntable if the inputs surround an object, else a path through them.
std::vector<Camera> new_camera_path(const PreparedScene& scene, int count);

}  // namespace parallax
