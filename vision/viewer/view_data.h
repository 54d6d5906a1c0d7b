// The viewer's requests to its worker and the worker's answers: plain values, no tensors, no
// window.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/ttt/form.h"
#include "core/ttt/variant.h"
#include "vision/scene/camera.h"

namespace parallax::view {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// A rendered image, not rounded to 8 bits, so that small differences can be shown.
struct Image {
  int height = 0;
  int width = 0;
  std::vector<float> rgb;  // [height, width, 3], nominally in [0, 1]

  // The channels of one pixel.
  const float* at(int row, int col) const {
    return &rgb[(static_cast<size_t>(row) * static_cast<size_t>(width) + col) * 3];
  }
};
// A shared image that no longer changes.
using ImagePtr = std::shared_ptr<const Image>;

// How a model reads the input views: all in one range, as it was trained, or one after the other,
// each updating the fast weights that the next one starts from. The results differ.
enum class ReadMode { kBatch, kStreamed };

inline const char* read_mode_name(ReadMode reading) {
  return reading == ReadMode::kBatch ? "batch" : "streamed";
}

// The probe's changes to a model's own rule; the weights stay the same.
struct RuleOverride {
  int inner_steps = 1;
  bool ascent = false;
  bool mse = false;
  bool key_as_query = false;

  auto operator<=>(const RuleOverride&) const = default;
};

// One way to render an image with a model.
struct ModelSource {
  std::string model;
  Form form = Form::kRecurrent;
  ReadMode reading = ReadMode::kBatch;
  RuleOverride change;

  auto operator<=>(const ModelSource&) const = default;
};

// The other form of the same computation.
inline ModelSource other_form(ModelSource source) {
  source.form = source.form == Form::kRecurrent ? Form::kParallel : Form::kRecurrent;
  return source;
}

// "nvs-v2 parallel", "nvs-v2 parallel, streamed".
std::string source_label(const ModelSource& source);

// A model as shown in menus.
struct ModelChoice {
  std::string name;
  std::string variant;
  std::string summary;                  // the variant in one sentence
  std::string hash;                     // of the weights, once loaded
  ReadMode reading = ReadMode::kBatch;  // as it was trained
};

// What a path that was opened or dropped contains.
enum class FileKind { kScene, kImageFolder, kModel, kClassifier };

// A path and its detected kind.
struct DetectedFile {
  std::string path;
  FileKind kind = FileKind::kScene;
};

// Reading a scene.

// Asks for a scene to be read.
struct OpenRequest {
  std::string path;
  std::string model;  // determines the size if none is given
  int height = 0;     // 0: the model's own
  int width = 0;
  std::string input_views = "8";
  std::string normalise_poses = "auto";
  std::string image_folder;
  cv::Vec3b background = {255, 255, 255};
  std::vector<std::string> added;  // more scenes in the same coordinates; all views are inputs
};

// One view of an opened scene.
struct SceneView {
  std::string name;
  Camera camera;  // in the scene's coordinates, intrinsics for the viewer's size
};

// A scene as the viewer knows it, without its images.
struct OpenedScene {
  uint64_t id = 0;  // larger for later scenes
  std::string path;
  std::string name;
  std::string format;
  int height = 0;
  int width = 0;
  std::vector<SceneView> views;
  std::vector<int> inputs;  // as selected when opening
  cv::Vec3d focus;          // the point that the cameras look at
  cv::Vec3d up = {0, -1, 0};
  double radius = 1;  // mean distance of the cameras from the focus
  bool surrounds_object = false;
  std::vector<std::string> notes;
  std::vector<std::string> added;  // scenes whose views were added
};
// A shared scene that no longer changes.
using ScenePtr = std::shared_ptr<const OpenedScene>;

// Rendering one camera.

// Asks for one camera to be rendered by several sources.
struct FrameRequest {
  uint64_t scene = 0;
  std::vector<ModelSource> sources;       // shown
  std::vector<ModelSource> counterparts;  // the sources' other forms, for comparison at full size
  std::vector<int> inputs;                // views to read, in this order
  Camera camera;                          // in the scene's coordinates
  int view = -1;                          // the scene's view at this camera; −1: none
};

// Metrics of an image against the truth.
struct Quality {
  double psnr = kUnknown;  // dB
  double ssim = kUnknown;
  double masked_psnr = kUnknown;  // dB, inside the object
};

// One source's image of a frame, with its times and metrics.
struct SourceFrame {
  ModelSource source;
  ImagePtr picture;  // null if `error` says why
  std::string error;
  double reconstruct_ms = kUnknown;  // when the input views were last read
  double render_ms = kUnknown;
  double tokens_per_second = kUnknown;  // rendering
  Quality quality;                      // against the truth, if the camera is a view's
};

// Compares the recurrent with the parallel form of one model and read mode.
struct FormPair {
  ModelSource source;  // as recurrent
  double psnr = kUnknown;
  double max_absolute = kUnknown;
  std::string missing;  // why there is no pair; otherwise empty
};

// One rendered frame: the images of all sources for one camera.
struct Frame {
  uint64_t serial = 0;  // the request's id
  bool full = false;    // false: the low resolution that comes first
  uint64_t scene = 0;
  Camera camera;
  int view = -1;
  ImagePtr truth;           // if the camera is a view's
  std::string truth_error;  // why it is missing all the same
  ImagePtr nearest;         // the input view nearest to the camera
  int nearest_view = -1;
  std::vector<SourceFrame> sources;  // the shown ones and, if full, the counterparts
  std::vector<FormPair> pairs;
  double seconds = 0;
};

// Work in the background.

// Views that a table is measured on at most: of larger scenes that many, evenly spread.
inline constexpr size_t kMostTableViews = 64;

// Asks for the held-out views' metrics of several sources.
struct TableTask {
  uint64_t scene = 0;
  std::vector<ModelSource> sources;
  std::vector<int> inputs;
};

// Asks for the quality over the number of input views, in both read modes.
struct CurveTask {
  uint64_t scene = 0;
  std::string model;
  std::vector<int> inputs;
};

// Asks for a small image of one view.
struct ThumbnailTask {
  uint64_t scene = 0;
  int view = 0;
  int side = 64;
};

// Asks for one video per source along a camera path.
struct VideoTask {
  uint64_t scene = 0;
  std::vector<ModelSource> sources;
  std::vector<int> inputs;
  std::vector<Camera> cameras;
  std::string folder;
};

// Asks for the images of a folder to be classified in both forms.
struct ClassifyFolderTask {
  std::string folder;
  std::string model;
  std::string variant;
};

// Asks for one image at full size.
struct LargeImageTask {
  std::string path;
};

// Asks for the tokens of one block, projected into a plane.
struct ProjectionTask {
  uint64_t scene = 0;
  ModelSource source;
  std::vector<int> inputs;
  int block = 0;
};

// Asks for a scene to be made of photographs, whose cameras COLMAP finds.
struct PhotosTask {
  std::string folder;
  std::string output;  // the scene's new folder
};

// Any task for the background.
using TaskRequest = std::variant<TableTask,
                                 CurveTask,
                                 ThumbnailTask,
                                 VideoTask,
                                 ClassifyFolderTask,
                                 LargeImageTask,
                                 ProjectionTask,
                                 PhotosTask>;

// One source's metrics, sent again as more views are measured.
struct TableRow {
  uint64_t scene = 0;
  ModelSource source;
  std::string variant;
  Quality mean;
  std::vector<int> views;     // held-out views measured so far
  std::vector<double> psnrs;  // of these views
  int all_views = 0;
  double reconstruct_ms = kUnknown;
  double view_ms = kUnknown;
  double tokens_per_second = kUnknown;  // while reading
  FormPair pair;
  std::string error;
};

// The quality with a given number of input views.
struct CurvePoint {
  uint64_t scene = 0;
  std::string model;
  int views = 0;
  double batch_psnr = kUnknown;     // mean over the held-out views
  double streamed_psnr = kUnknown;  // the same
};

// The small image of one view.
struct Thumbnail {
  uint64_t scene = 0;
  int view = 0;
  ImagePtr picture;  // null if the photograph cannot be read
};

// A finished video.
struct VideoWritten {
  std::string source;
  std::string path;
};

// One of an image's most probable classes.
struct TopClass {
  std::string name;
  double recurrent = 0;  // probabilities
  double parallel = 0;
};

// The classification of one image in both forms.
struct ClassifiedRow {
  int index = 0;
  std::string path;
  std::string error;
  ImagePtr thumbnail;
  std::string truth;  // the class denoted by the folder's name; empty: not labelled
  std::vector<TopClass> top;
  std::string recurrent_top1;
  std::string parallel_top1;
  double largest_difference = 0;
};

// A folder's classification has begun.
struct ClassifyStarted {
  std::string folder;
  std::string model;
  int images = 0;
};

// An image at full size.
struct LargeImage {
  std::string path;
  ImagePtr picture;
};

// A point in the plane.
struct Point {
  float x = 0;
  float y = 0;
};

// Tokens of one TTT layer's first head in the plane of their first two principal directions, with
// the losses of the layer's inner loop.
struct TokenProjection {
  ModelSource source;
  int block = 0;
  int blocks = 0;
  std::vector<Point> queries;
  std::vector<Point> keys;  // in the plane of queries and keys together
  std::vector<Point> values;
  std::vector<Point> outputs;   // in the plane of values and outputs together
  std::vector<double> losses;   // mean inner loss per token, before each step and after the last
  double query_key_cosine = 0;  // mean over tokens
  // The share of queries and keys that nearest neighbours tell apart; 0.5 for one distribution.
  double told_apart = 0.5;
  // The layer's output from its linear attention in float64, relative; NaN: not computed.
  double equivalence = std::numeric_limits<double>::quiet_NaN();
};

// A scene was made of photographs.
struct SceneOfPhotos {
  std::string path;
  std::vector<std::string> notes;
};

// The worker's other events.

// The worker's queues: scenes and models, frames, background tasks.
enum class WorkQueue { kLoad, kFrame, kTask };

// A model is ready.
struct ModelLoaded {
  ModelChoice model;
  int blocks = 0;
};

// How far a request has come.
struct TaskProgress {
  WorkQueue queue = WorkQueue::kTask;
  uint64_t id = 0;  // the request's
  double share = 0;
  std::string text;
};

// The request `id` has ended: completed, cancelled or failed.
struct Ended {
  WorkQueue queue = WorkQueue::kTask;
  uint64_t id = 0;
  std::string what;  // "open", "nvs-v2", "frame", "task"
  bool cancelled = false;
  std::string error;  // empty unless it failed
};

// Anything that the worker reports.
using Event = std::variant<Frame,
                           DetectedFile,
                           OpenedScene,
                           ModelLoaded,
                           TableRow,
                           CurvePoint,
                           Thumbnail,
                           VideoWritten,
                           ClassifyStarted,
                           ClassifiedRow,
                           LargeImage,
                           TokenProjection,
                           SceneOfPhotos,
                           TaskProgress,
                           Ended>;

}  // namespace parallax::view
