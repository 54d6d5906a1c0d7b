// Looks at names first, and at content if names do not decide.
#include "vision/viewer/view_files.h"

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/image/image_extension.h"
#include "core/io/shards.h"
#include "vision/images/folder_contents.h"
#include "vision/models/vit3/model_store.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/formats/realestate10k.h"

namespace parallax::view {
namespace {

namespace fs = std::filesystem;

}  // namespace

FileKind detect_file(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    throw Error(ErrorParts{.what = "there is no such file or folder", .where = path.string()});
  }
  if (fs::is_directory(path, ignored)) {
    if (looks_like_scene(path) || !holds_images(path)) {
      return FileKind::kScene;  // an empty folder gets the scene loader's explanation
    }
    return FileKind::kImageFolder;
  }
  const std::string extension = path.extension().string();
  if (is_file_of_scene(path)) {
    return FileKind::kScene;
  }
  if (has_checkpoint_extension(path)) {
    return holds_model(path, classifier_names()) ? FileKind::kClassifier : FileKind::kModel;
  }
  constexpr std::array kOfCameras = {".json", ".xml", ".out", ".csv", ".npy", ".npz"};
  if (std::find(kOfCameras.begin(), kOfCameras.end(), extension) != kOfCameras.end() ||
      !realestate10k_file(path).empty()) {
    return FileKind::kScene;  // and of what is no scene the loader says so
  }
  if (has_image_extension(path)) {
    throw Error(ErrorParts{
        .what = "an image alone has no camera, so it is not a view of a scene",
        .where = path.string(),
        .remedy = "Drop its scene's camera file or folder, or a folder of images to classify."});
  }
  throw Error(ErrorParts{
      .what = "the viewer cannot show this",
      .where = path.string(),
      .expected = "a scene's folder or camera file, a checkpoint (.safetensors, .pt, .pth), or a "
                  "folder of images"});
}

}  // namespace parallax::view
