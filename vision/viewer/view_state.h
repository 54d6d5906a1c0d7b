// Everything the viewer shows and lets one change, as plain values: panels draw and edit it, the
// session turns it into requests and folds the worker's events back in.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "vision/viewer/camera_control.h"
#include "vision/viewer/camera_track.h"
#include "vision/viewer/view_data.h"

namespace parallax::view {

enum class Screen { kCompare, kClassify, kProbe };
inline constexpr const char* kScreenNames[] = {"Compare", "Classify", "Probe"};

inline constexpr int kMaxPanes = 4;

enum class PaneKind { kModel, kTruth, kNearestInput, kDifference };
enum class DifferenceKind { kAbsolute, kSquared, kSigned };
inline constexpr const char* kPaneKindNames[] = {"model", "truth", "nearest input", "difference"};
inline constexpr const char* kDifferenceNames[] = {"absolute", "squared", "signed"};

struct Pane {
  PaneKind kind = PaneKind::kModel;
  ModelSource source;
  int first = 0;  // panes whose difference is shown
  int second = 1;
  DifferenceKind difference = DifferenceKind::kAbsolute;
  float gain = 1;
  bool automatic_gain = true;  // the power of ten that makes the largest difference visible
  bool false_colour = true;
  std::string previous_model;  // what a cancelled model switch goes back to
};

struct Zoom {
  float factor = 1;       // of the size that fits the pane
  float centre_x = 0.5F;  // of the picture, in shares of it
  float centre_y = 0.5F;
};

struct ClassifyState {
  enum class Filter { kAll, kDisagreements, kMistakes };
  std::string folder;  // as typed
  std::string model;
  std::string variant;
  int images = 0;  // of the folder being classified
  std::vector<ClassifiedRow> rows;
  int selected = -1;
  LargeImage large;
  Filter filter = Filter::kAll;
  uint64_t task = 0;  // under way; 0: none
};

struct ProbeState {
  std::string model;
  Form form = Form::kRecurrent;
  RuleOverride change{.inner_steps = 2};
  int block = 0;
  TokenProjection projection;
  uint64_t task = 0;
};

struct Message {
  std::string text;
  bool is_error = false;
};

// What only the session can do; each once.
struct OpenCommand {
  std::string path;  // a scene, a checkpoint or a folder of images: told by content
  bool dropped = false;
};
// Opens the open scene again with the views of another one added, all of them read.
struct AddViewsCommand {
  std::string path;
};
struct OpenDetectedCommand {
  DetectedFile file;
};
struct CancelLoadingCommand {};
struct CancelTasksCommand {};
struct TaskCommand {
  TaskRequest task;
};
struct ExportCommand {
  std::string path;  // .csv or .json: numbers; .png: the panes
};
struct TrackCommand {
  std::string path;
  bool write = false;
};
struct ScreenshotCommand {
  std::string path;
};
struct QuitCommand {};
using Command = std::variant<OpenCommand,
                             AddViewsCommand,
                             OpenDetectedCommand,
                             CancelLoadingCommand,
                             CancelTasksCommand,
                             TaskCommand,
                             ExportCommand,
                             TrackCommand,
                             ScreenshotCommand,
                             QuitCommand>;

struct ViewState {
  Screen screen = Screen::kCompare;

  std::vector<ModelChoice> models;            // to choose from
  std::map<std::string, ModelLoaded> loaded;  // ready
  std::set<std::string> loading;
  std::map<std::string, std::string> model_errors;
  std::vector<std::string> classifiers;

  OpenRequest open;     // how scenes are opened
  std::string opening;  // the scene being read; empty: none
  // A scene that was dropped while another is open: to be opened, or its views added.
  std::string dropped_scene;
  std::optional<TaskProgress> load_progress;
  std::optional<TaskProgress> task_progress;
  ScenePtr scene;           // null: none
  std::vector<char> reads;  // by view: whether it is an input
  std::vector<ImagePtr> thumbnails;

  ViewCamera view;
  int snapped = -1;  // the view that the camera is on

  std::vector<Pane> panes;
  Zoom zoom;
  bool split = false;  // the first two panes in one picture
  float split_at = 0.5F;
  bool flip = false;     // while held: the first two panes change places
  int hovered_row = -1;  // pixel under the cursor
  int hovered_col = -1;

  std::optional<Frame> frame;  // the newest
  std::optional<Frame> full;   // the newest of full size
  uint64_t frame_request = 0;  // under way; 0: none

  std::vector<TableRow> table;
  std::vector<CurvePoint> curve;
  std::string curve_model;
  std::vector<VideoWritten> videos;

  CameraTrack track;
  int playhead = 0;
  bool playing = false;
  std::string output = "output/view";  // folder for exports

  ClassifyState classify;
  ProbeState probe;

  std::vector<Message> messages;    // the newest last
  std::vector<std::string> recent;  // scenes, the newest first
  std::deque<Command> commands;
};

// Four panes: recurrent, parallel, truth, and the difference of the two forms.
void reset_panes(ViewState& state, const std::string& model);

void say(ViewState& state, const std::string& text);
void complain(ViewState& state, const std::string& text);

// The input views in the order they are read: as chosen when the scene was opened, then those
// switched on since.
std::vector<int> input_views(const ViewState& state);
std::vector<int> held_out_views(const ViewState& state);

void snap_to_view(ViewState& state, int view);

// To be called after the camera was moved by hand.
void camera_moved(ViewState& state);

// The models that what is shown needs.
std::set<std::string> needed_models(const ViewState& state);

// What the worker shall render for what is shown; nothing without a scene, input views or a loaded
// model.
std::optional<FrameRequest> wanted_frame(const ViewState& state);
bool is_same_request(const FrameRequest& a, const FrameRequest& b);

// The rows of the table of all models and forms.
TableTask table_task(const ViewState& state);

// Folds an event in.
void apply_event(ViewState& state, const Event& event);

// What a model source shows now; null if nothing.
const SourceFrame* find_source(const ViewState& state, const ModelSource& source);

// A pane's picture; null for differences and where `pane_note` says why there is none.
ImagePtr pane_picture(const ViewState& state, const Pane& pane);
std::string pane_note(const ViewState& state, const Pane& pane);
std::string pane_title(const ViewState& state, const Pane& pane);

struct ImageDifference {
  double psnr = kUnknown;  // on values clamped to [0, 1]
  double max_absolute = kUnknown;
};

// Nothing unless both are there and of one size.
std::optional<ImageDifference> compare_pictures(const ImagePtr& a, const ImagePtr& b);

// The power of ten that makes a difference of this size visible.
float automatic_gain(double max_absolute);

// Whether the row passes the filter.
bool is_listed(const ClassifyState& classify, const ClassifiedRow& row);

}  // namespace parallax::view
