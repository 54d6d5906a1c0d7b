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

struct LoadedImage {
  ImageFile file;  // with `error` if the image cannot be used
  Tensor pixels;   // [3, height, width] float32, normalised; undefined on error
  int rows = 0;    // of the file's image
  int cols = 0;
  std::string thumbnail;  // a JPEG file; empty on error or where none was asked for
};

struct ImageLoaderOptions {
  ClassifierView view;
  int workers = 2;
  size_t ahead = 32;       // images at most between source and model: the bound on memory
  int thumbnail_side = 0;  // longer side; 0: no thumbnails
  bool normalise = true;   // false: pixels are [height, width, 3] uint8
};

// Gives images in the order of the source. The source is called from the workers, one at a time; an
// exception of its own is thrown again by next_batch().
class ImageLoader {
 public:
  using Source = std::function<std::optional<ImageFile>()>;

  ImageLoader(Source source, const ImageLoaderOptions& options);
  ~ImageLoader();
  ImageLoader(const ImageLoader&) = delete;
  ImageLoader& operator=(const ImageLoader&) = delete;

  // The next `count` images, fewer only at the end; empty: that was all.
  std::vector<LoadedImage> next_batch(size_t count);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// One image, with whatever is wrong with it in its `error`.
LoadedImage load_image(const ImageFile& file, const ImageLoaderOptions& options);

}  // namespace parallax
