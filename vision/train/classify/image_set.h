// Image folders for training: every image is decoded once, into one file of small images that later
// runs only map into memory.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/base/torch.h"
#include "vision/images/class_labels.h"

namespace parallax {

// The images of a folder at one size, with their classes.
struct ImageSet {
  Tensor pixels;                     // [N, side, side, 3] uint8, mapped from the cache's file
  std::vector<int> classes;          // by image
  std::vector<std::string> skipped;  // images that could not be read, with the reason

  int64_t size() const { return static_cast<int64_t>(classes.size()); }
};

// The classes named by a folder's sub-folders, in the order of their names; WordNet ids of ImageNet
// classes also get the class names. Throws Error if there are none.
ClassLabels labels_of_folder(const std::filesystem::path& folder);

// How an image folder is decoded and where the result is stored.
struct ImageSetOptions {
  int side = 64;  // shorter side resized to this, centre kept
  int workers = 2;
  std::filesystem::path cache;  // a folder; empty: the user's cache folder
  std::function<void(int64_t done, int64_t total)> on_image;
};

// All images of known class under `folder`, sorted by path. Caches are distinguished by every
// image's path, size and time, and by the side. Throws Error if there are no images.
ImageSet load_image_set(const std::filesystem::path& folder,
                        const ClassLabels& labels,
                        const ImageSetOptions& options);

}  // namespace parallax
