// The images of an opened scene's views, read when they are asked for: scenes have thousands of
// photographs, of which a session looks at a few.
#pragma once

#include <list>
#include <memory>
#include <mutex>

#include "vision/scene/view_loader.h"

namespace parallax::view {

// A shared view that no longer changes.
using LoadedViewPtr = std::shared_ptr<const LoadedView>;

// Keeps what was asked for last, up to 128 MiB. Its functions may be called from several threads.
class SceneImages {
 public:
  SceneImages(std::vector<View> views, const ViewOptions& options)
      : views_(std::move(views)), options_(options) {}

  size_t size() const { return views_.size(); }

  // Each throws Error for an image that cannot be read. read() keeps nothing.
  LoadedViewPtr at(int view);
  LoadedViewPtr read(int view);

 private:
  struct Kept {
    int view = 0;
    LoadedViewPtr image;
    int64_t bytes = 0;
  };
  LoadedViewPtr find(int view);

  std::vector<View> views_;
  ViewOptions options_;
  std::mutex mutex_;      // for kept_ and kept_bytes_
  std::list<Kept> kept_;  // most recently used first
  int64_t kept_bytes_ = 0;
};

}  // namespace parallax::view
