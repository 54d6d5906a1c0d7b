// Turns a scene into the tensors that a model takes.
#include "vision/eval/prepared_scene.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/device.h"
#include "core/base/error.h"
#include "vision/scene/camera_path.h"
#include "vision/scene/image_size.h"

namespace parallax {
namespace {

constexpr int kFallbackSize = 256;  // the first training size of the official object models

}  // namespace

ImageSize choose_image_size(const NvsModelCard& card,
                            const ImageSize& wanted,
                            std::vector<std::string>& notes) {
  ImageSize size = wanted;
  if (size.height == 0) {
    size = {card.height, card.width};
  }
  if (size.height == 0) {
    size = {kFallbackSize, kFallbackSize};
    notes.push_back(fmt::format(
        "The model does not record its training size; using {0}x{0} (see --size).", kFallbackSize));
  }
  const int patch = card.options.patch_size;
  const ImageSize cropped{size.height / patch * patch, size.width / patch * patch};
  if (cropped.height == 0 || cropped.width == 0) {
    throw UsageError(ErrorParts{.what = "the image size is smaller than the model's patch",
                                .where = "--size",
                                .expected = fmt::format("at least {0}x{0}", patch),
                                .got = size_text(size.width, size.height)});
  }
  if (cropped.height != size.height || cropped.width != size.width) {
    notes.push_back(fmt::format("{} is not a multiple of the patch size {}: cropped to {}.",
                                size_text(size.width, size.height),
                                patch,
                                size_text(cropped.width, cropped.height)));
  }
  return cropped;
}

namespace {

PoseNormalisation resolve(PoseNormalisation wanted, const Scene& scene, const NvsModelCard& card) {
  if (wanted != PoseNormalisation::kAuto) {
    return wanted;
  }
  if (scene.format == SceneFormat::kOpencvJson) {
    return PoseNormalisation::kNone;
  }
  return card.object_centric ? PoseNormalisation::kObject : PoseNormalisation::kScene;
}

// The similarity that moves the focus to the origin and the up axis to +z, and scales the cameras'
// median distance to `radius`; the azimuth stays as close to the scene's as possible.
PoseTransform object_transform(const std::vector<Camera>& inputs, double radius) {
  const cv::Vec3d focus = find_focus(inputs).point;
  const cv::Vec3d up = find_up(inputs);
  const cv::Vec3d hint = std::abs(up[0]) < 0.9 ? cv::Vec3d(1, 0, 0) : cv::Vec3d(0, 1, 0);
  const cv::Vec3d x = cv::normalize(hint - up * up.dot(hint));
  const cv::Vec3d y = up.cross(x);
  PoseTransform transform;
  for (int i = 0; i < 3; ++i) {
    transform.rigid(0, i) = x[i];
    transform.rigid(1, i) = y[i];
    transform.rigid(2, i) = up[i];
  }
  transform.rigid(0, 3) = -x.dot(focus);
  transform.rigid(1, 3) = -y.dot(focus);
  transform.rigid(2, 3) = -up.dot(focus);
  std::vector<double> distances;
  for (const Camera& camera : inputs) {
    distances.push_back(cv::norm(camera.position() - focus));
  }
  std::sort(distances.begin(), distances.end());
  const size_t middle = distances.size() / 2;
  const double distance = (distances[middle] + distances[distances.size() - 1 - middle]) / 2;
  transform.scale = distance > 0 ? distance / radius : 1.0;
  return transform;
}

}  // namespace

PoseTransform choose_pose_transform(const Scene& scene,
                                    const NvsModelCard& card,
                                    PoseNormalisation wanted,
                                    const std::vector<int>& inputs,
                                    std::vector<std::string>& notes) {
  switch (resolve(wanted, scene, card)) {
    case PoseNormalisation::kScene:
      notes.emplace_back("Poses normalised as a scene, from the input views.");
      return normalise_poses(scene_cameras(scene), inputs).transform;
    case PoseNormalisation::kObject: {
      const double radius = card.camera_radius > 0 ? card.camera_radius : 2.7;
      notes.push_back(fmt::format(
          "Poses normalised as an object: the focus is the origin, cameras at distance {:.2g}.",
          radius));
      return object_transform(scene_cameras(scene, inputs), radius);
    }
    default:
      return {};
  }
}

namespace {

ViewSet load_set(const Scene& scene,
                 const std::vector<int>& indices,
                 const ViewOptions& options,
                 const PoseTransform& transform,
                 ImageNotes& notes,
                 std::vector<UnreadableView>& unreadable) {
  ViewSet set{.indices = indices};
  if (indices.empty()) {
    return set;
  }
  std::vector<Tensor> images;
  std::vector<Tensor> alphas;
  const std::vector<LoadedView> views = load_readable_views(scene, indices, options, unreadable);
  if (!unreadable.empty()) {
    return set;  // incomplete, and of no use
  }
  for (const LoadedView& view : views) {
    set.names.push_back(view.name);
    set.cameras.push_back(transform.apply(view.camera));
    images.push_back(view.rgb);
    if (view.alpha.defined()) {
      alphas.push_back(view.alpha);
    }
    notes.add(view.note, view.has_orientation);
  }
  set.batch = to_camera_batch(set.cameras);
  set.images = torch::stack(images).unsqueeze(0);
  if (alphas.size() == images.size()) {
    set.alpha = torch::stack(alphas).unsqueeze(0);
  }
  return set;
}

void require_room(const NvsModel& model, const ViewSelection& selection, const ImageSize& size) {
  const LactNvsOptions& options = model.card.options;
  const int64_t per_view =
      static_cast<int64_t>(size.height / options.patch_size) * (size.width / options.patch_size);
  const auto inputs = static_cast<int64_t>(selection.inputs.size());
  const auto views = inputs + static_cast<int64_t>(selection.targets.size());
  const int64_t pixels = views * size.height * size.width * 5 * static_cast<int64_t>(sizeof(float));
  require_memory(pixels + estimate_pass_bytes(options, inputs * per_view, per_view),
                 fmt::format("reading {} views of {}", inputs, size_text(size.width, size.height)),
                 "Use a smaller --size, fewer --input-views or a smaller model.");
}

}  // namespace

PoseNormalisation parse_pose_normalisation(const std::string& name) {
  if (name == "auto") {
    return PoseNormalisation::kAuto;
  }
  if (name == "none") {
    return PoseNormalisation::kNone;
  }
  if (name == "scene") {
    return PoseNormalisation::kScene;
  }
  if (name == "object") {
    return PoseNormalisation::kObject;
  }
  throw UsageError(ErrorParts{.what = "there is no such pose normalisation",
                              .where = "--normalise-poses",
                              .expected = "auto, none, scene or object",
                              .got = "'" + name + "'"});
}

namespace {

// Of a small scene, a quarter of the views is left to be rendered.
std::string usual_input_views(const Scene& scene, const NvsModelCard& card) {
  constexpr int kUsual = 8;
  const int most = std::max(1, static_cast<int>(scene.views.size()) * 3 / 4);
  return std::to_string(card.input_views > 0 ? std::min(card.input_views, most) : kUsual);
}

// What is asked for, of the views that are not marked as unreadable. Where one that is chosen
// cannot be read either, `unreadable` says so and the result is incomplete.
PreparedScene try_to_prepare(const Scene& scene,
                             const NvsModel& model,
                             const PrepareOptions& options,
                             std::vector<UnreadableView>& unreadable) {
  PreparedScene prepared{
      .name = scene.name, .format = scene_format_name(scene.format), .notes = scene.notes};
  const ImageSize size =
      choose_image_size(model.card, {options.height, options.width}, prepared.notes);
  prepared.height = size.height;
  prepared.width = size.width;
  const ViewSelection selection =
      options.views
          ? *options.views
          : select_views(scene,
                         options.input_views.empty() ? usual_input_views(scene, model.card)
                                                     : options.input_views,
                         options.target_views);
  require_room(model, selection, size);
  prepared.notes.insert(prepared.notes.end(), selection.notes.begin(), selection.notes.end());
  prepared.transform = choose_pose_transform(
      scene, model.card, options.normalisation, selection.inputs, prepared.notes);
  const ViewOptions view_options{
      .height = size.height, .width = size.width, .background = options.background};
  ImageNotes notes;
  const auto load = [&](const std::vector<int>& views) {
    return load_set(scene, views, view_options, prepared.transform, notes, unreadable);
  };
  prepared.inputs = load(selection.inputs);
  if (unreadable.empty()) {
    prepared.targets = load(selection.targets);
    prepared.surrounds_object = cameras_surround_object(prepared.inputs.cameras);
  }
  notes.append_to(prepared.notes);
  return prepared;
}

// Marks the views, and adds to `reasons`. Throws Error for a view that is marked already and was
// chosen all the same, as then the user asked for this very view.
void mark(const std::vector<UnreadableView>& unreadable,
          Scene& scene,
          std::vector<std::string>& reasons) {
  for (const UnreadableView& view : unreadable) {
    bool& is_marked = scene.views[view.index].is_unreadable;
    if (is_marked) {
      throw unreadable_view_error(scene, view);
    }
    is_marked = true;
    reasons.push_back(view.reason);
  }
}

}  // namespace

PreparedScene prepare_scene(const Scene& scene,
                            const NvsModel& model,
                            const PrepareOptions& options) {
  Scene usable = scene;
  std::vector<std::string> reasons;
  while (true) {
    std::vector<UnreadableView> unreadable;
    try {
      PreparedScene prepared = try_to_prepare(usable, model, options, unreadable);
      if (unreadable.empty()) {
        if (!reasons.empty()) {
          prepared.notes.push_back(left_out_note(scene.views.size(), reasons));
        }
        return prepared;
      }
    } catch (const UsageError& error) {
      if (reasons.empty()) {
        throw;
      }
      if (reasons.size() == scene.views.size()) {
        throw Error(fmt::format("{} (and none of the other {} views can be used)",
                                reasons.front(),
                                scene.views.size() - 1));
      }
      throw Error(ErrorParts{.what = error.what(),  // the scene's fault, not the user's
                             .remedy = left_out_note(scene.views.size(), reasons)});
    }
    mark(unreadable, usable, reasons);
  }
}

ViewSet load_inputs(const Scene& scene, const PreparedScene& prepared, const ViewOptions& options) {
  ImageNotes notes;  // already given when the scene was prepared
  std::vector<UnreadableView> unreadable;
  ViewSet inputs =
      load_set(scene, prepared.inputs.indices, options, prepared.transform, notes, unreadable);
  if (!unreadable.empty()) {
    throw unreadable_view_error(scene, unreadable.front());
  }
  return inputs;
}

std::vector<Camera> new_camera_path(const PreparedScene& scene, int count) {
  return scene.surrounds_object || scene.inputs.cameras.size() < 2
             ? turntable(scene.inputs.cameras, count)
             : interpolate_path(scene.inputs.cameras, count);
}

}  // namespace parallax
