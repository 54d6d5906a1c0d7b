// Frames are rendered at the scene's size and shown larger.
#include "apps/render_video.h"

#include <fmt/format.h>

#include "apps/report/pictures.h"
#include "apps/report/video.h"
#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/image/image.h"
#include "vision/viewer/camera/camera_control.h"
#include "vision/viewer/camera/camera_track.h"

namespace parallax {
namespace {

constexpr int kVideoSide = 256;

}  // namespace

VideoPlan plan_of_path(const std::filesystem::path& path, const PreparedScene& scene) {
  const view::CameraTrack track = view::read_track(path);
  if (track.keyframes.empty()) {
    throw Error(ErrorParts{.what = "the camera path has no keyframes", .where = path.string()});
  }
  VideoPlan plan{.name = "path", .frames_per_second = track.frames_per_second, .pictures = true};
  for (const Camera& camera : view::track_cameras(track)) {
    plan.cameras.push_back(
        scene.transform.apply(view::resize_camera(camera, scene.height, scene.width)));
  }
  return plan;
}

std::string video_stem(const std::string& name, Form form) {
  return fmt::format("{}_{}", name, form_name(form));
}

std::filesystem::path render_video(const std::filesystem::path& folder,
                                   const NvsModel& model,
                                   const FormEvaluation& form,
                                   const VideoPlan& plan,
                                   EvaluateOptions evaluate,
                                   bool quiet) {
  Progress progress(fmt::format("{}, {}", plan.name, form_name(form.form)),
                    static_cast<int64_t>(plan.cameras.size()),
                    quiet);
  evaluate.on_views_rendered = [&](int64_t count) { progress.advance(count); };
  const Tensor images = render_cameras(model, form.state, plan.cameras, evaluate);
  const std::filesystem::path stem = folder / video_stem(plan.name, form.form);
  if (plan.pictures) {
    create_folder(stem);
  }
  std::vector<cv::Mat> frames;
  for (int64_t i = 0; i < images.size(0); ++i) {
    const cv::Mat picture = to_picture(images[i]);
    if (plan.pictures) {
      write_image(stem / fmt::format("{:04d}.png", i), picture);
    }
    frames.push_back(enlarge(picture, kVideoSide));
  }
  progress.finish();
  return write_video(stem, frames, plan.frames_per_second);
}

}  // namespace parallax
