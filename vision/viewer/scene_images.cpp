// Reading views, and forgetting those that were not used for longest.
#include "vision/viewer/scene_images.h"

#include <algorithm>

namespace parallax::view {
namespace {

constexpr int64_t kMostKeptBytes = int64_t{128} << 20;

int64_t image_bytes(const LoadedView& view) {
  return static_cast<int64_t>(view.rgb.nbytes()) +
         (view.alpha.defined() ? static_cast<int64_t>(view.alpha.nbytes()) : 0);
}

}  // namespace

// The view if it is kept, as the one used last; else null.
LoadedViewPtr SceneImages::find(int view) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(
      kept_.begin(), kept_.end(), [view](const Kept& kept) { return kept.view == view; });
  if (found == kept_.end()) {
    return nullptr;
  }
  kept_.splice(kept_.begin(), kept_, found);
  return found->image;
}

LoadedViewPtr SceneImages::read(int view) {
  if (LoadedViewPtr kept = find(view)) {
    return kept;
  }
  return std::make_shared<const LoadedView>(load_view(views_.at(view), options_));
}

LoadedViewPtr SceneImages::at(int view) {
  if (LoadedViewPtr kept = find(view)) {
    return kept;
  }
  LoadedViewPtr image = read(view);
  const std::lock_guard lock(mutex_);
  kept_.push_front({view, image, image_bytes(*image)});
  kept_bytes_ += kept_.front().bytes;
  while (kept_bytes_ > kMostKeptBytes && kept_.size() > 1) {
    kept_bytes_ -= kept_.back().bytes;
    kept_.pop_back();
  }
  return image;
}

}  // namespace parallax::view
