// The scenes, models and cached fast weights that the viewer's worker computes with.
#pragma once

#include <list>
#include <mutex>
#include <set>

#include "vision/eval/evaluate.h"
#include "vision/viewer/scene_images.h"
#include "vision/viewer/work_functions.h"

namespace parallax::view {

// An opened scene, with every view at one size.
struct SceneData {
  uint64_t id = 0;
  Scene scene;
  OpenRequest request;
  std::vector<SceneView> views;  // in the scene's coordinates
  std::vector<int> stray;        // views that are not compared with
  std::shared_ptr<SceneImages> images;
};
// A shared scene that no longer changes.
using SceneDataPtr = std::shared_ptr<const SceneData>;
// A shared model; tasks change its rule while they run.
using ModelPtr = std::shared_ptr<NvsModel>;

// The result of reading the input views.
struct Reconstruction {
  SceneState state;
  PoseTransform transform;  // from the scene's coordinates to the model's
  double milliseconds = 0;
  double tokens_per_second = 0;
};
// A shared reconstruction that no longer changes.
using ReconstructionPtr = std::shared_ptr<const Reconstruction>;

// Carries out the worker's requests. `open` and `load_model` may run concurrently with the other
// functions, which belong to one thread.
class ViewEngine : public std::enable_shared_from_this<ViewEngine> {
 public:
  explicit ViewEngine(const EngineOptions& options);

  OpenedScene open(const OpenRequest& request, uint64_t id, const WorkControl& control);
  ModelLoaded load_model(const std::string& name);
  Frame render(const FrameRequest& request, bool full, const WorkControl& control);
  TaskStep begin_task(const TaskRequest& request);

  // The following are used by the tasks.
  SceneDataPtr scene(uint64_t id) const;  // throws Error if it is no longer open
  ModelPtr model(const std::string& name);
  // Drops the model and what was read by it, if the panes last drawn or a model loaded since show
  // another.
  void forget_unless_shown(const std::string& name);
  // Reads the input views or reuses a cached result; throws Error if there is no such form.
  ReconstructionPtr reconstruct(const SceneData& scene,
                                const ModelSource& source,
                                const std::vector<int>& inputs);
  // The same, neither from the cache nor for it.
  ReconstructionPtr read_inputs(const SceneData& scene,
                                const ModelSource& source,
                                const std::vector<int>& inputs);
  // Renders cameras given in the scene's coordinates: [V, 3, H, W] on the CPU.
  Tensor render_cameras(const ModelSource& source,
                        const Reconstruction& reconstruction,
                        const std::vector<Camera>& cameras);
  const EngineOptions& options() const { return options_; }
  torch::Device device() const { return device_; }

 private:
  // A reconstruction and what it was made from.
  struct CacheEntry {
    uint64_t scene = 0;
    ModelSource source;
    std::vector<int> inputs;
    ReconstructionPtr reconstruction;
    int64_t bytes = 0;
  };

  SourceFrame render_source(const SceneData& scene,
                            const ModelSource& source,
                            const FrameRequest& request,
                            const Camera& camera,
                            Tensor& image);
  void keep(CacheEntry kept);
  ModelPtr loaded_model(const std::string& name);  // null if it is not, or no longer, in memory

  EngineOptions options_;
  torch::Device device_;
  mutable std::mutex mutex_;  // for scene_, models_ and shown_
  SceneDataPtr scene_;
  std::list<std::pair<std::string, ModelPtr>> models_;  // most recently used first
  std::set<std::string> shown_;                         // models of panes
  std::list<CacheEntry> kept_;                          // most recently used first
};

// A model's input: images and cameras of some views, in the model's coordinates.
struct InputBatch {
  Tensor images;  // [1, V, 3, H, W]
  CameraBatch cameras;
};
InputBatch gather_inputs(const SceneData& scene,
                         const std::vector<int>& views,
                         const PoseTransform& transform,
                         torch::Device device);

// Returns the changed rule. The query can only be replaced if the model has one.
UpdateRule changed_rule(const UpdateRule& own, const RuleOverride& change);

Quality measure(const Tensor& image, const LoadedView& truth);                  // [3, H, W]
FormPair pair_of(const ModelSource& source, const Tensor& a, const Tensor& b);  // [V, 3, H, W]
ImagePtr to_view_picture(const Tensor& image);                                  // [3, H, W]
// At most `most` of the scene's views that are neither among `inputs` nor stray, evenly spread.
std::vector<int> other_views(const SceneData& scene, const std::vector<int>& inputs, size_t most);

// The error's message without what LibTorch adds for its own developers.
std::string plain_message(const std::exception& error);

TaskStep begin_table(const std::shared_ptr<ViewEngine>& engine, const TableTask& task);
TaskStep begin_curve(const std::shared_ptr<ViewEngine>& engine, const CurveTask& task);
TaskStep begin_thumbnail(const std::shared_ptr<ViewEngine>& engine, const ThumbnailTask& task);
TaskStep begin_video(const std::shared_ptr<ViewEngine>& engine, const VideoTask& task);
TaskStep begin_projection(const std::shared_ptr<ViewEngine>& engine, const ProjectionTask& task);
TaskStep begin_classify(const ClassifyFolderTask& task, torch::Device device);
TaskStep begin_large_image(const LargeImageTask& task);
TaskStep begin_photos(const PhotosTask& task);

}  // namespace parallax::view
