// Images read, cropped and normalised on worker threads, ahead of the model.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/torch.h"
#include "vision/images/classifier_preprocess.h"
#include "vision/images/image_files.h"

namespace parallax {

// One image ready for the model, or the reason why it is not.
struct LoadedImage {
  ImageFile file;  // with `error` if the image cannot be used
  Tensor pixels;   // [3, height, width] float32, normalised; undefined on error
  int rows = 0;    // of the image in the file
  int cols = 0;
  std::string thumbnail;  // a JPEG file; empty on error or if none was requested
};

// How an ImageLoader prepares images, and how far ahead it reads.
struct ImageLoaderOptions {
  ClassifierView view;
  int workers = 2;
  size_t ahead = 32;       // most images between source and model, which bounds memory
  int thumbnail_side = 0;  // longer side; 0: no thumbnails
  bool upright = false;    // turn images as their EXIF orientation says; timm does not
  bool normalise = true;   // false: pixels are [height, width, 3] uint8
};

// Yields images in the order of the source. The workers call the source one at a time; next_batch()
// rethrows an exception of the source.
class ImageLoader {
 public:
  // The next file to load; empty after the last one.
  using Source = std::function<std::optional<ImageFile>()>;

  ImageLoader(Source source, const ImageLoaderOptions& options);
  ~ImageLoader();
  ImageLoader(const ImageLoader&) = delete;
  ImageLoader& operator=(const ImageLoader&) = delete;

  // The next `count` images, fewer only at the end; empty after the last image.
  std::vector<LoadedImage> next_batch(size_t count);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Loads one image; if that fails, its `error` says why.
LoadedImage load_image(const ImageFile& file, const ImageLoaderOptions& options);

}  // namespace parallax
