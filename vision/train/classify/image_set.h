// Image folders for training: every image is decoded once, into one file of small images, from
// which each is read when it is used. The file is not mapped: were it cut off on a network file
// system, that must end in an Error, not in a bus error.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "core/io/input_file.h"
#include "vision/images/class_labels.h"

namespace parallax {

// The images of a folder at one size, with their classes.
struct ImageSet {
  int side = 0;
  std::vector<int> classes;          // by image
  std::vector<std::string> skipped;  // images that could not be read, with the reason
  int64_t unlabelled = 0;            // images of no known class, left out
  std::vector<std::string> notes;    // of the walk over the folder, see ImageFiles

  std::shared_ptr<const InputFile> file;  // of the cache
  std::vector<std::uint64_t> offsets;     // of each image's pixels in it

  int64_t size() const { return static_cast<int64_t>(classes.size()); }
  // Reads the pixels of an image: [side, side, 3] uint8. Throws Error naming the cache's file.
  cv::Mat pixels(int64_t image) const;
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
