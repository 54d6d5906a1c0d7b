// What the viewer asks its worker for and what it gets back: plain values, no tensors, no window.
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

// An image as rendered, not rounded to 8 bits, so that small differences can be shown.
struct Image {
  int height = 0;
  int width = 0;
  std::vector<float> rgb;  // [height, width, 3], nominally in [0, 1]

  // The channels of one pixel.
  const float* at(int row, int col) const {
    return &rgb[(static_cast<size_t>(row) * static_cast<size_t>(width) + col) * 3];
  }
};
using ImagePtr = std::shared_ptr<const Image>;

// How a model reads the input views: all in one range, as it was trained, or one after the other,
// each changing the fast weights that the next one meets. Two computations with two results.
enum class ReadMode { kBatch, kStreamed };

inline const char* read_mode_name(ReadMode reading) {
  return reading == ReadMode::kBatch ? "batch" : "streamed";
}

// What the probe changes of a model's own rule; weights stay as they are.
struct RuleOverride {
  int inner_steps = 1;
  bool ascent = false;
  bool mse = false;
  bool key_as_query = false;

  auto operator<=>(const RuleOverride&) const = default;
};

// One way to make a picture with a model.
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

// A model as menus show it.
struct ModelChoice {
  std::string name;
  std::string variant;
  std::string summary;  // the variant in one sentence
  std::string hash;     // of the weights, once loaded
};

// What a path that was opened or dropped is.
enum class FileKind { kScene, kImageFolder, kModel, kClassifier };

struct DetectedFile {
  std::string path;
  FileKind kind = FileKind::kScene;
};

// Reading a scene.

struct OpenRequest {
  std::string path;
  std::string model;  // decides the size where none is given
  int height = 0;     // 0: the model's own
  int width = 0;
  std::string input_views = "8";
  std::string normalise_poses = "auto";
  std::string image_folder = "images";
  cv::Vec3b background = {255, 255, 255};
  std::vector<std::string> added;  // further scenes in the same coordinates: all views are inputs
};

struct SceneView {
  std::string name;
  Camera camera;  // the scene's coordinates, intrinsics for the viewer's size
};

struct OpenedScene {
  uint64_t id = 0;  // a later scene has a larger one
  std::string path;
  std::string name;
  std::string format;
  int height = 0;
  int width = 0;
  std::vector<SceneView> views;
  std::vector<int> inputs;  // as chosen when opening
  cv::Vec3d focus;          // what the cameras look at
  cv::Vec3d up = {0, -1, 0};
  double radius = 1;  // mean distance of the cameras from the focus
  bool surrounds_object = false;
  std::vector<std::string> notes;
  std::vector<std::string> added;  // scenes whose views were added
};
using ScenePtr = std::shared_ptr<const OpenedScene>;

// Rendering one camera.

struct FrameRequest {
  uint64_t scene = 0;
  std::vector<ModelSource> sources;       // shown
  std::vector<ModelSource> counterparts;  // other forms of these, for comparison at full size
  std::vector<int> inputs;                // views that are read, in this order
  Camera camera;                          // the scene's coordinates
  int view = -1;                          // the scene's view that the camera is; −1: none
};

struct Quality {
  double psnr = kUnknown;  // dB
  double ssim = kUnknown;
  double masked_psnr = kUnknown;  // dB, inside the object
};

struct SourceFrame {
  ModelSource source;
  ImagePtr picture;  // null where `error` says why
  std::string error;
  double reconstruct_ms = kUnknown;  // when the input views were read last
  double render_ms = kUnknown;
  double tokens_per_second = kUnknown;  // rendering
  Quality quality;                      // against the truth, where the camera is a view
};

// Recurrent against parallel of one model and reading.
struct FormPair {
  ModelSource source;  // as recurrent
  double psnr = kUnknown;
  double max_absolute = kUnknown;
  std::string missing;  // why there is no pair; else empty
};

struct Frame {
  uint64_t serial = 0;  // the request's
  bool full = false;    // else the low resolution that comes first
  uint64_t scene = 0;
  Camera camera;
  int view = -1;
  ImagePtr truth;    // where the camera is a view
  ImagePtr nearest;  // the input view nearest to the camera
  int nearest_view = -1;
  std::vector<SourceFrame> sources;  // shown ones and, if full, counterparts
  std::vector<FormPair> pairs;
  double seconds = 0;
};

// Work in the background.

struct TableTask {
  uint64_t scene = 0;
  std::vector<ModelSource> sources;
  std::vector<int> inputs;
};

struct CurveTask {
  uint64_t scene = 0;
  std::string model;
  std::vector<int> inputs;
};

struct ThumbnailTask {
  uint64_t scene = 0;
  int side = 64;
};

struct VideoTask {
  uint64_t scene = 0;
  std::vector<ModelSource> sources;
  std::vector<int> inputs;
  std::vector<Camera> cameras;
  std::string folder;
};

struct ClassifyFolderTask {
  std::string folder;
  std::string model;
  std::string variant;
};

struct LargeImageTask {
  std::string path;
};

struct ProjectionTask {
  uint64_t scene = 0;
  ModelSource source;
  std::vector<int> inputs;
  int block = 0;
};

using TaskRequest = std::variant<TableTask,
                                 CurveTask,
                                 ThumbnailTask,
                                 VideoTask,
                                 ClassifyFolderTask,
                                 LargeImageTask,
                                 ProjectionTask>;

struct TableRow {
  uint64_t scene = 0;
  ModelSource source;
  std::string variant;
  Quality mean;
  std::vector<int> views;     // held-out views measured so far
  std::vector<double> psnrs;  // of these
  int all_views = 0;
  double reconstruct_ms = kUnknown;
  double view_ms = kUnknown;
  double tokens_per_second = kUnknown;  // reading
  FormPair pair;
  std::string error;
};

struct CurvePoint {
  uint64_t scene = 0;
  std::string model;
  int views = 0;
  double batch_psnr = kUnknown;     // mean over the held-out views
  double streamed_psnr = kUnknown;  // the same
};

struct Thumbnail {
  uint64_t scene = 0;
  int view = 0;
  ImagePtr picture;
};

struct VideoWritten {
  std::string source;
  std::string path;
};

struct TopClass {
  std::string name;
  double recurrent = 0;  // probabilities
  double parallel = 0;
};

struct ClassifiedRow {
  int index = 0;
  std::string path;
  std::string error;
  ImagePtr thumbnail;
  std::string truth;  // the class that the folder's name means; empty: not labelled
  std::vector<TopClass> top;
  std::string recurrent_top1;
  std::string parallel_top1;
  double largest_difference = 0;
};

struct ClassifyStarted {
  std::string folder;
  std::string model;
  int images = 0;
};

struct LargeImage {
  std::string path;
  ImagePtr picture;
};

struct Point {
  float x = 0;
  float y = 0;
};

// Tokens of one TTT layer in the plane of their first two principal directions, and what the inner
// loop did there.
struct TokenProjection {
  ModelSource source;
  int block = 0;
  int blocks = 0;
  std::vector<Point> queries;
  std::vector<Point> keys;  // in the plane of queries and keys together
  std::vector<Point> values;
  std::vector<Point> outputs;   // in the plane of values and outputs together
  std::vector<double> losses;   // mean inner loss a token, before each step and after the last
  double query_key_cosine = 0;  // mean over tokens
};

// What the worker tells.

enum class WorkQueue { kLoad, kFrame, kTask };

struct ModelLoaded {
  ModelChoice model;
  int blocks = 0;
};

struct TaskProgress {
  WorkQueue lane = WorkQueue::kTask;
  uint64_t id = 0;  // the request's
  double share = 0;
  std::string text;
};

// The request `id` is done with: whole, cancelled or failed.
struct Ended {
  WorkQueue lane = WorkQueue::kTask;
  uint64_t id = 0;
  std::string what;  // "open", "nvs-v2", "frame", "task"
  bool cancelled = false;
  std::string error;  // empty unless it failed
};

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
                           TaskProgress,
                           Ended>;

}  // namespace parallax::view
