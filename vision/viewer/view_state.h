// Everything the viewer shows and edits, as plain values: panels draw and change it, the session
// turns it into requests and merges the worker's events.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "vision/viewer/camera/camera_control.h"
#include "vision/viewer/camera/camera_track.h"
#include "vision/viewer/lab_state.h"
#include "vision/viewer/view_data.h"

namespace parallax::view {

// The viewer's screens.
enum class Screen { kCompare, kClassify, kProbe };
inline constexpr const char* kScreenNames[] = {"Compare", "Classify", "Probe"};

inline constexpr int kMaxPanes = 4;

// What a pane shows.
enum class PaneKind { kModel, kTruth, kNearestInput, kDifference };
// How a difference is shown.
enum class DifferenceKind { kAbsolute, kSquared, kSigned };
inline constexpr const char* kPaneKindNames[] = {"model", "truth", "nearest input", "difference"};
inline constexpr const char* kDifferenceNames[] = {"absolute", "squared", "signed"};

// One pane of the Compare screen.
struct Pane {
  PaneKind kind = PaneKind::kModel;
  ModelSource source;
  int first = 0;  // the panes whose difference is shown
  int second = 1;
  DifferenceKind difference = DifferenceKind::kAbsolute;
  float gain = 1;
  bool automatic_gain = true;  // what makes almost all differences just fit the colours
  bool false_colour = true;
  std::string previous_model;  // restored when a model switch is cancelled
};

// The magnification shared by all panes.
struct Zoom {
  float factor = 1;       // relative to the size that fits the pane
  float centre_x = 0.5F;  // as a fraction of the image
  float centre_y = 0.5F;
};

// The state of the Classify screen.
struct ClassifyState {
  // Which rows are listed.
  enum class Filter { kAll, kDisagreements, kMistakes };
  std::string folder;  // as typed
  std::string model;
  std::string variant;
  int images = 0;  // in the folder being classified
  std::vector<ClassifiedRow> rows;
  int selected = -1;
  LargeImage large;
  Filter filter = Filter::kAll;
  uint64_t task = 0;  // in progress; 0: none
};

// The state of the Probe screen.
struct ProbeState {
  std::string model;
  Form form = Form::kRecurrent;
  RuleOverride change{.inner_steps = 2};
  int block = 0;
  TokenProjection projection;
  uint64_t task = 0;
};

// A note or an error shown to the user.
struct Message {
  std::string text;
  bool is_error = false;
};

// Commands that only the session can carry out, each once.

// Opens a path.
struct OpenCommand {
  std::string path;  // a scene, a checkpoint or a folder of images, detected by content
  bool dropped = false;
};
// Reopens the open scene with the views of another one added, all of them as inputs.
struct AddViewsCommand {
  std::string path;
};
// Opens a path whose kind is known.
struct OpenDetectedCommand {
  DetectedFile file;
};
// Stops loading scenes and models.
struct CancelLoadingCommand {};
// Stops all background tasks.
struct CancelTasksCommand {};
// Starts a background task.
struct TaskCommand {
  TaskRequest task;
};
// Writes the shown values or panes to a file.
struct ExportCommand {
  std::string path;  // .csv or .json: values; .png: the panes
};
// Reads or writes a camera path.
struct TrackCommand {
  std::string path;
  bool write = false;
};
// Saves an image of the window.
struct ScreenshotCommand {
  std::string path;
};
// Runs the laboratory on the Probe screen's scene and model.
struct RunLabCommand {};
// Stops that run.
struct CancelLabCommand {};
// Shows a page in the desktop's browser.
struct OpenPageCommand {
  std::string path;
};
// Closes the viewer.
struct QuitCommand {};
// Any command.
using Command = std::variant<OpenCommand,
                             AddViewsCommand,
                             OpenDetectedCommand,
                             CancelLoadingCommand,
                             CancelTasksCommand,
                             TaskCommand,
                             ExportCommand,
                             TrackCommand,
                             ScreenshotCommand,
                             RunLabCommand,
                             CancelLabCommand,
                             OpenPageCommand,
                             QuitCommand>;

// Views `first` … `last` − 1.
struct ViewRange {
  int first = 0;
  int last = 0;
};

// The viewer's whole state.
struct ViewState {
  Screen screen = Screen::kCompare;

  std::vector<ModelChoice> models;            // available
  std::map<std::string, ModelLoaded> loaded;  // ready to use
  std::set<std::string> loading;
  std::map<std::string, std::string> model_errors;
  std::vector<std::string> classifiers;
  std::vector<std::string> bundled_scenes;  // folders

  OpenRequest open;     // how scenes are opened
  std::string opening;  // the scene being read; empty: none
  // A scene dropped while another is open: the user chooses whether to open it or add its views.
  std::string dropped_scene;
  // A folder of images that was dropped: the user may want a scene of them.
  std::string dropped_photos;
  std::optional<TaskProgress> load_progress;
  std::optional<TaskProgress> task_progress;
  ScenePtr scene;           // null: none
  std::vector<char> reads;  // by view: whether it is an input
  // By view, those looked at last; null where the photograph cannot be read.
  std::map<int, ImagePtr> thumbnails;
  ViewRange shown_thumbnails;  // on the screen
  bool results_shown = false;  // whether the table or a plot of it is on the screen

  ViewCamera view;
  int snapped = -1;  // the view whose camera is shown; −1: none

  std::vector<Pane> panes;
  Zoom zoom;
  bool whole_pixels = false;  // a pixel of an image takes a whole number of the screen's pixels
  bool split = false;         // the first two panes in one image
  float split_at = 0.5F;
  bool flip = false;     // while held, the first two panes are swapped
  int hovered_row = -1;  // pixel under the cursor
  int hovered_col = -1;

  std::optional<Frame> frame;  // the newest one
  std::optional<Frame> full;   // the newest one of full size
  uint64_t frame_request = 0;  // in progress; 0: none

  std::vector<TableRow> table;
  std::vector<CurvePoint> curve;
  std::string curve_model;
  std::vector<VideoWritten> videos;

  CameraTrack track;
  // Earlier and undone keyframes of the open scene, the newest last.
  std::vector<std::vector<Camera>> undo_keyframes;
  std::vector<std::vector<Camera>> redo_keyframes;
  std::map<std::string, std::vector<Camera>> kept_keyframes;  // of scenes closed since, by path
  int playhead = 0;
  bool playing = false;
  std::string output = "output/view";  // folder for exports

  ClassifyState classify;
  ProbeState probe;
  LabState lab;

  std::vector<Message> messages;    // the newest last
  std::vector<std::string> recent;  // scenes, checkpoints, folders of images, the newest first
  std::deque<Command> commands;
};

// Four panes: recurrent, parallel, truth, and the difference of the two forms.
void reset_panes(ViewState& state, const std::string& model);

void say(ViewState& state, const std::string& text);
void complain(ViewState& state, const std::string& text);

// The input views in reading order: first those selected when the scene was opened, then those
// switched on since.
std::vector<int> input_views(const ViewState& state);
std::vector<int> held_out_views(const ViewState& state);

void snap_to_view(ViewState& state, int view);

// Puts a path that was opened in front of the recent ones.
void remember(ViewState& state, const std::string& path);

// To be called after the user moved the camera.
void camera_moved(ViewState& state);

// The models needed for what is shown.
std::set<std::string> needed_models(const ViewState& state);

// The frame to request for what is shown; empty without a scene, input views or a loaded model.
std::optional<FrameRequest> wanted_frame(const ViewState& state);
bool is_same_request(const FrameRequest& a, const FrameRequest& b);

// The views on the screen that have no thumbnail yet.
std::vector<int> missing_thumbnails(const ViewState& state);

// The task that fills the table of all models and forms.
TableTask table_task(const ViewState& state);

// Merges an event into the state.
void apply_event(ViewState& state, const Event& event);

// A model source's current image and metrics; null if there are none.
const SourceFrame* find_source(const ViewState& state, const ModelSource& source);

// A pane's image; null for differences and if there is none, in which case `pane_note` says why.
ImagePtr pane_picture(const ViewState& state, const Pane& pane);
std::string pane_note(const ViewState& state, const Pane& pane);
std::string pane_title(const ViewState& state, const Pane& pane);

// How much two images differ.
struct ImageDifference {
  double psnr = kUnknown;  // on values clamped to [0, 1]
  double max_absolute = kUnknown;
  // 99.5 % of the pixels differ by at most this in the channel that differs most.
  double percentile = kUnknown;
};

// Empty unless both images exist and have the same size.
std::optional<ImageDifference> compare_pictures(const ImagePtr& a, const ImagePtr& b);

// Brings the percentile of the differences to the colours' end, so that single pixels do not decide
// how bright all others are; the largest one if almost all pixels are equal; 1 if all are.
float automatic_gain(const ImageDifference& difference);

// Whether the filter lets the row through.
bool is_listed(const ClassifyState& classify, const ClassifiedRow& row);

}  // namespace parallax::view
