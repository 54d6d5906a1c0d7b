// Opening a scene: cameras from the headers of all images, pixels of none.
#include <fmt/format.h>

#include <algorithm>

#include "core/base/device.h"
#include "core/image/image.h"
#include "vision/scene/camera_path.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/image_size.h"
#include "vision/scene/plausible_cameras.h"
#include "vision/viewer/view_engine.h"

namespace parallax::view {
namespace {

constexpr size_t kViewsPerReport = 64;  // between two checks whether to stop

// A scene, and those added to it, while it is opened.
struct Opening {
  Scene scene;
  size_t own_views = 0;  // the first ones; the rest was added
  std::vector<SceneView> views;
  std::vector<std::string> reasons;  // of views left out
  size_t all_views = 0;
};

// Takes out the views that are marked as unreadable. Throws Error with the first reason if none of
// the scene's own is left.
void leave_out_marked(Opening& opening) {
  std::vector<View> kept;
  std::vector<SceneView> kept_views;
  size_t own = 0;
  for (size_t i = 0; i < opening.scene.views.size(); ++i) {
    if (!opening.scene.views[i].is_unreadable) {
      own += i < opening.own_views ? 1 : 0;
      kept.push_back(std::move(opening.scene.views[i]));
      kept_views.push_back(std::move(opening.views[i]));
    }
  }
  if (own == 0) {
    throw Error(opening.reasons.front());
  }
  opening.own_views = own;
  opening.scene.views = std::move(kept);
  opening.views = std::move(kept_views);
}

// Marks a view, unless indices are asked for, which would then mean other views.
void mark_unreadable(Opening& opening, int index, const Error& error, const OpenRequest& request) {
  if (request.input_views.find(',') != std::string::npos) {
    throw unreadable_view_error(opening.scene, {index, error.what()});
  }
  opening.scene.views[index].is_unreadable = true;
  opening.reasons.emplace_back(error.what());
}

void read_headers(Opening& opening,
                  const ViewOptions& options,
                  const OpenRequest& request,
                  ImageNotes& notes,
                  const WorkControl& control) {
  const size_t count = opening.scene.views.size();
  bool all_readable = true;
  for (size_t i = 0; i < count; ++i) {
    if (i % kViewsPerReport == 0) {
      control.check();
      control.progress(static_cast<double>(i) / static_cast<double>(count),
                       fmt::format("{} of {} views found", i, count));
    }
    const View& view = opening.scene.views[i];
    opening.views.push_back({view.name, view.camera});
    try {
      const ViewHeader header = read_view_header(view, options);
      opening.views.back().camera = header.camera;
      notes.add(header.note, false);
    } catch (const Error& error) {
      mark_unreadable(opening, static_cast<int>(i), error, request);
      all_readable = false;
    }
  }
  if (!all_readable) {
    leave_out_marked(opening);
  }
}

// Of the scene's own views what `wanted` says, and all that were added to it.
ViewSelection choose_inputs(const Opening& opening, const std::string& wanted) {
  Scene own = opening.scene;
  own.views.resize(opening.own_views);
  ViewSelection selection = select_views(own, wanted, "all");
  for (size_t view = opening.own_views; view < opening.scene.views.size(); ++view) {
    selection.inputs.push_back(static_cast<int>(view));
  }
  return selection;
}

// Chooses inputs whose files are whole, taking out views whose are not.
ViewSelection choose_whole_inputs(Opening& opening,
                                  const OpenRequest& request,
                                  ImageNotes& notes,
                                  const WorkControl& control) {
  while (true) {
    control.check();
    ViewSelection selection = choose_inputs(opening, request.input_views);
    ImageNotes found;
    bool all_whole = true;
    for (const int view : selection.inputs) {
      try {
        const View& input = opening.scene.views[view];
        found.add("", check_image_file(input.image_path, input.image_part) != 1);
      } catch (const Error& error) {
        mark_unreadable(opening, view, error, request);
        all_whole = false;
      }
    }
    if (all_whole) {
      notes = found;
      return selection;
    }
    leave_out_marked(opening);
  }
}

Opening read_scenes(const OpenRequest& request) {
  Opening opening{.scene = load_scene(request.path, {.image_folder = request.image_folder})};
  opening.own_views = opening.scene.views.size();
  for (const std::string& path : request.added) {
    const Scene more = load_scene(path, {.image_folder = request.image_folder});
    opening.scene.views.insert(opening.scene.views.end(), more.views.begin(), more.views.end());
  }
  opening.all_views = opening.scene.views.size();
  return opening;
}

// Where the cameras look, from those that a reconstruction placed plausibly.
void describe_cameras(const Scene& scene, const std::vector<int>& stray, OpenedScene& opened) {
  std::vector<Camera> cameras;
  for (int i = 0; i < static_cast<int>(scene.views.size()); ++i) {
    if (std::find(stray.begin(), stray.end(), i) == stray.end()) {
      cameras.push_back(scene.views[i].camera);
    }
  }
  opened.focus = find_focus(cameras).point;
  opened.up = find_up(cameras);
  opened.surrounds_object = cameras_surround_object(cameras);
  opened.radius = 0;
  for (const Camera& camera : cameras) {
    opened.radius +=
        cv::norm(camera.position() - opened.focus) / static_cast<double>(cameras.size());
  }
}

}  // namespace

OpenedScene ViewEngine::open(const OpenRequest& request, uint64_t id, const WorkControl& control) {
  control.progress(0, "reading " + request.path);
  Opening opening = read_scenes(request);
  OpenedScene opened{.id = id,
                     .path = request.path,
                     .name = opening.scene.name,
                     .format = scene_format_name(opening.scene.format)};
  opened.notes = opening.scene.notes;
  opened.added = request.added;
  const ImageSize size =
      choose_image_size(model(request.model)->card, {request.height, request.width}, opened.notes);
  opened.height = size.height;
  opened.width = size.width;
  const ViewOptions options{
      .height = size.height, .width = size.width, .background = request.background};
  ImageNotes rescaled;
  ImageNotes oriented;
  read_headers(opening, options, request, rescaled, control);
  const ViewSelection selection = choose_whole_inputs(opening, request, oriented, control);
  require_memory(
      static_cast<int64_t>(selection.inputs.size()) * size.height * size.width * 4 *
          static_cast<int64_t>(sizeof(float)),
      fmt::format(
          "holding {} views of {}", selection.inputs.size(), size_text(size.width, size.height)),
      "Use a smaller size or fewer views.");
  rescaled.append_to(opened.notes);
  oriented.append_to(opened.notes);
  opened.notes.insert(opened.notes.end(), selection.notes.begin(), selection.notes.end());
  if (!opening.reasons.empty()) {
    opened.notes.push_back(left_out_note(opening.all_views, opening.reasons));
  }
  opened.views = opening.views;
  opened.inputs = selection.inputs;

  const auto data = std::make_shared<SceneData>();
  data->id = id;
  data->request = request;
  data->views = std::move(opening.views);
  data->stray = find_stray_cameras(scene_cameras(opening.scene));
  data->images = std::make_shared<SceneImages>(opening.scene.views, options);
  data->scene = std::move(opening.scene);
  describe_cameras(data->scene, data->stray, opened);
  control.check();
  const std::lock_guard lock(mutex_);
  scene_ = data;
  return opened;
}

}  // namespace parallax::view
