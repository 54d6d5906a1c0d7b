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
  int64_t unlabelled = 0;            // images of no known class, left out
  std::vector<std::string> notes;    // of the walk over the folder, see ImageFiles

  int64_t size() const { return static_cast<int64_t>(classes.size()); }
};

// The classes of a training folder, and where they come from.
struct TrainingClasses {
  ClassLabels labels;
  std::filesystem::path truth_file;         // the file that names them; empty: sub-folders do
  std::vector<std::string> without_images;  // sub-folders that are no classes for that reason
};

// The classes named by the sub-folders that hold images, tools' folders left out, in the order of
// their names, or of numbers if all are numbers; if `truth_file` is named or there are no such
// sub-folders, those of the file of labels, which may be beside the images. WordNet ids of ImageNet
// classes also get the class names. Throws Error if there are none.
TrainingClasses training_classes(const std::filesystem::path& folder,
                                 const std::filesystem::path& truth_file);

// How an image folder is decoded and where the result is stored.
struct ImageSetOptions {
  int side = 64;  // shorter side resized to this, centre kept
  int workers = 2;
  std::filesystem::path cache;       // a folder; empty: the user's cache folder
  std::filesystem::path truth_file;  // as ImageFilesOptions has it
  std::function<void(int64_t done, int64_t total)> on_image;
};

// All images of known class under `folder`, sorted by path. Caches are distinguished by every
// image's path, size and time, and by the side. Throws Error if there are no images.
ImageSet load_image_set(const std::filesystem::path& folder,
                        const ClassLabels& labels,
                        const ImageSetOptions& options);

}  // namespace parallax
