// Reads views, one by one and in parallel.
#include "vision/scene/view_loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <opencv2/core.hpp>
#include <optional>
#include <thread>

#include "core/base/error.h"
#include "core/image/image.h"
#include "vision/scene/resize_and_crop.h"
#include "vision/scene/undistort.h"
#include "vision/scene/view_image.h"

namespace parallax {
namespace {

// [rows, cols, C] uint8 → [C, rows, cols] float32 in [0, 1]
Tensor to_tensor(const cv::Mat& image) {
  const cv::Mat packed = image.isContinuous() ? image : image.clone();
  const Tensor bytes =
      torch::from_blob(packed.data, {packed.rows, packed.cols, packed.channels()}, torch::kUInt8);
  // Contiguous before the division: the result must not refer to the image's memory.
  return bytes.permute({2, 0, 1}).contiguous().to(torch::kFloat32).div_(255);
}

void check_options(const ViewOptions& options) {
  const bool native = options.height == 0 && options.width == 0;
  const bool sized = options.height > 0 && options.width > 0 && options.height <= kMaxImageSide &&
                     options.width <= kMaxImageSide;
  if (!native && !sized) {
    throw Error(ErrorParts{.what = "the requested image size is not usable",
                           .expected = fmt::format("1 to {} rows and columns", kMaxImageSide),
                           .got = fmt::format("{} × {}", options.height, options.width)});
  }
}

// A sentence where the image was turned or is not of the declared size; else empty.
std::string fitting_note(const View& view, const UsedSize& used) {
  const char* turned = used.is_turned
                           ? " is turned as its EXIF orientation says, as only so it has "
                             "the proportions that the scene declares; it"
                           : "";
  if (used.size.width == view.camera.width && used.size.height == view.camera.height) {
    return used.is_turned ? fmt::format("{}{} has the declared size then.", view.name, turned) : "";
  }
  return fmt::format(
      "{}{} is {} × {}, but the scene declares {} × {}; its intrinsics were rescaled.",
      view.name,
      turned,
      used.size.width,
      used.size.height,
      view.camera.width,
      view.camera.height);
}

}  // namespace

ViewHeader read_view_header(const View& view, const ViewOptions& options) {
  check_options(options);
  const std::string where = view_place(view);
  const UsedSize used = used_image_size(view);
  const Camera straight =
      undistorted_camera(fit_camera(view.camera, used.size, where), view.lens, where);
  return {options.height > 0 ? plan_crop(used.size, straight, options.height, options.width).camera
                             : straight,
          fitting_note(view, used)};
}

void ImageNotes::add(const std::string& note, bool has_orientation) {
  ++images_;
  if (!note.empty() && rescaled_++ == 0) {
    first_rescaled_ = note;
  }
  oriented_ += has_orientation ? 1 : 0;
}

void ImageNotes::append_to(std::vector<std::string>& notes) const {
  if (rescaled_ > 0) {
    notes.push_back(rescaled_ == 1
                        ? first_rescaled_
                        : fmt::format("{} So are {} more.", first_rescaled_, rescaled_ - 1));
  }
  if (oriented_ > 0) {
    notes.push_back(fmt::format(
        "{} of {} photographs have an EXIF orientation; their pixels are used as stored, which is "
        "what the cameras describe.",
        oriented_,
        images_));
  }
}

LoadedView load_view(const View& view, const ViewOptions& options) {
  check_options(options);
  ViewImage stored = read_view_image(view);
  cv::Mat image = std::move(stored.pixels);
  LoadedView loaded;
  loaded.name = view.name;
  loaded.has_orientation = stored.has_orientation;
  loaded.camera = stored.camera;
  loaded.note = fitting_note(view, {image.size(), stored.is_turned});
  if (!view.lens.is_pinhole()) {
    UndistortedImage straight = undistort(image, loaded.camera, view.lens, view_place(view));
    image = std::move(straight.image);
    loaded.camera = straight.camera;
  }
  if (options.height > 0) {
    PreprocessedView fitted = resize_and_crop(image, loaded.camera, options.height, options.width);
    image = std::move(fitted.image);
    loaded.camera = fitted.camera;
  }
  if (image.channels() == 4) {
    cv::Mat alpha;
    cv::extractChannel(image, alpha, 3);
    loaded.alpha = to_tensor(alpha);
  }
  loaded.rgb = to_tensor(composite_on(image, options.background));
  return loaded;
}

Error unreadable_view_error(const Scene& scene, const UnreadableView& view) {
  return Error(ErrorParts{
      .what = view.reason,
      .where = fmt::format(
          "scene '{}', view {} ('{}')", scene.name, view.index, scene.views[view.index].name)});
}

std::vector<LoadedView> load_readable_views(const Scene& scene,
                                            const std::vector<int>& indices,
                                            const ViewOptions& options,
                                            std::vector<UnreadableView>& unreadable) {
  scene_cameras(scene, indices);  // throws for an index that is not a view
  check_options(options);
  std::vector<std::optional<LoadedView>> loaded(indices.size());
  std::vector<std::string> reasons(indices.size());
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < indices.size(); i = next++) {
      try {
        loaded[i] = load_view(scene.views[indices[i]], options);
      } catch (const std::exception& error) {
        reasons[i] = error.what();
      }
    }
  };
  {
    const std::jthread helper(work);
    work();
  }
  std::vector<LoadedView> views;
  for (size_t i = 0; i < indices.size(); ++i) {
    if (loaded[i]) {
      views.push_back(*std::move(loaded[i]));
    } else {
      unreadable.push_back({indices[i], reasons[i]});
    }
  }
  return views;
}

std::vector<LoadedView> load_views(const Scene& scene,
                                   const std::vector<int>& indices,
                                   const ViewOptions& options) {
  std::vector<UnreadableView> unreadable;
  std::vector<LoadedView> views = load_readable_views(scene, indices, options, unreadable);
  if (!unreadable.empty()) {
    throw unreadable_view_error(scene, unreadable.front());
  }
  return views;
}

}  // namespace parallax
