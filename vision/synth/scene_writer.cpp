// Renders to files.
#include "vision/synth/scene_writer.h"

#include <fmt/format.h>

#include <system_error>

#include "core/base/error.h"
#include "core/image/image.h"
#include "vision/scene/formats/opencv_json.h"
#include "vision/synth/scene_renderer.h"

namespace parallax {
namespace {

// Composites a premultiplied image onto a background: [H, W, 4] float32, in place.
void put_on_background(cv::Mat& picture, const cv::Vec3f& background) {
  for (int y = 0; y < picture.rows; ++y) {
    auto* row = picture.ptr<cv::Vec4f>(y);
    for (int x = 0; x < picture.cols; ++x) {
      for (int c = 0; c < 3; ++c) {
        row[x][c] += (1 - row[x][3]) * background[c];
      }
      row[x][3] = 1;
    }
  }
}

}  // namespace

void write_scene(const RenderScene& scene,
                 const SceneWriteOptions& options,
                 const std::filesystem::path& folder) {
  if (options.num_views < 1) {
    throw Error(ErrorParts{.what = "a scene needs views",
                           .where = folder.string(),
                           .expected = "at least one",
                           .got = std::to_string(options.num_views)});
  }
  const SceneRenderer renderer(scene);
  std::error_code failure;
  std::filesystem::create_directories(folder / "renderings", failure);
  if (failure) {
    throw Error(ErrorParts{.what = "the scene's folder cannot be created",
                           .where = folder.string(),
                           .got = failure.message()});
  }
  // A camera file left by an earlier scene would describe images that are being replaced.
  std::filesystem::remove(folder / "opencv_cameras.json", failure);
  Scene written;
  written.name = folder.filename().string();
  written.format = SceneFormat::kOpencvJson;
  written.root = folder;
  for (const Camera& camera : sample_cameras(
           options.family, options.seed, options.num_views, options.height, options.width)) {
    View view;
    view.name = fmt::format("renderings/{:08d}_rgba.png", written.views.size());
    view.image_path = folder / view.name;
    view.camera = camera;
    cv::Mat picture = renderer.render(camera, options.samples);
    if (options.background) {
      put_on_background(picture, *options.background);
    }
    write_image(view.image_path, to_rgba8(picture));
    written.views.push_back(std::move(view));
    if (options.on_view) {
      options.on_view(static_cast<int>(written.views.size()));
    }
  }
  save_opencv_json(written, folder / "opencv_cameras.json");
}

void write_scene(const SceneDescription& description,
                 const SceneWriteOptions& options,
                 const std::filesystem::path& folder) {
  write_scene(build_scene(description), options, folder);
}

}  // namespace parallax
