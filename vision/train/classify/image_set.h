// Image folders for training: every image decoded once, into one file of small pictures that later
// runs only map into memory.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/base/torch.h"
#include "vision/images/class_labels.h"

namespace parallax {

struct ImageSet {
  Tensor pixels;                     // [N, side, side, 3] uint8, mapped from the cache's file
  std::vector<int> classes;          // by image
  std::vector<std::string> skipped;  // images that could not be read, with the reason

  int64_t size() const { return static_cast<int64_t>(classes.size()); }
};

// The classes that a folder's sub-folders name, in the order of their names; WordNet ids of
// ImageNet get their words. Throws Error when there are none.
ClassLabels labels_of_folder(const std::filesystem::path& folder);

struct ImageSetOptions {
  int side = 64;  // shorter side resized to this, the centre kept
  int workers = 2;
  std::filesystem::path cache;  // a folder; empty: the user's
  std::function<void(int64_t done, int64_t total)> on_image;
};

// All images of known class under `folder`, sorted by path. The cache is told apart by every
// image's path, size and time, and by the side. Throws Error when there are no images.
ImageSet load_image_set(const std::filesystem::path& folder,
                        const ClassLabels& labels,
                        const ImageSetOptions& options);

}  // namespace parallax
