// Turns a scene's view into what a model sees: reads, checks, undistorts, resizes and composites
// the image.
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/torch.h"
#include "vision/scene/scene.h"

namespace parallax {

// The size and background of loaded views.
struct ViewOptions {
  int height = 0;  // of the result; if both sides are 0, the image keeps its size
  int width = 0;
  cv::Vec3b background = {255, 255, 255};  // RGB, behind transparent pixels
};

// A view's image as tensors, with the camera that belongs to it.
struct LoadedView {
  std::string name;
  Tensor rgb;        // [3, H, W] float32 in [0, 1]
  Tensor alpha;      // [1, H, W] float32 in [0, 1]; undefined if the image has no alpha channel
  Camera camera;     // intrinsics adapted to H × W, free of distortion
  std::string note;  // a sentence where the image is not of the declared size; else empty
  bool has_orientation = false;  // EXIF says that it is to be shown turned or mirrored
};

// What load_view() will say of a view, but for its pixels, from the header of its image.
struct ViewHeader {
  Camera camera;
  std::string note;
};

// Throws those of load_view()'s errors that a header shows.
ViewHeader read_view_header(const View& view, const ViewOptions& options);

// Reads the view's image and brings image and camera to the requested size. An image that is a
// uniformly scaled version of the declared size rescales the intrinsics, with a note; another
// aspect ratio is an Error, as nothing says what was cut off. Pixels are used as stored, as cameras
// describe those: an EXIF orientation is reported and not applied. A mask becomes alpha. Distorted
// images are undistorted (see undistort()).
LoadedView load_view(const View& view, const ViewOptions& options);

// Gathers what is unusual about the images of some views.
class ImageNotes {
 public:
  void add(const std::string& note, bool has_orientation);
  // One sentence per kind.
  void append_to(std::vector<std::string>& notes) const;

 private:
  size_t images_ = 0;
  size_t rescaled_ = 0;
  std::string first_rescaled_;
  size_t oriented_ = 0;
};

// Loads the chosen views on two threads; results are in the order of `indices`. Throws the error of
// the first view (in that order) that fails, naming scene and view.
std::vector<LoadedView> load_views(const Scene& scene,
                                   const std::vector<int>& indices,
                                   const ViewOptions& options);

// A view whose image cannot be used, and the sentence that says why.
struct UnreadableView {
  int index = 0;
  std::string reason;
};

// The Error for such a view, naming scene and view.
Error unreadable_view_error(const Scene& scene, const UnreadableView& view);

// Like load_views(), without the views that fail: those are added to `unreadable`.
std::vector<LoadedView> load_readable_views(const Scene& scene,
                                            const std::vector<int>& indices,
                                            const ViewOptions& options,
                                            std::vector<UnreadableView>& unreadable);

}  // namespace parallax
