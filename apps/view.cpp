// `parallax view`: the window that shows variants and forms side by side, live.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "apps/common/nvs_options.h"
#include "apps/report/video.h"
#include "apps/viewer/app.h"
#include "apps/viewer/exports.h"
#include "apps/viewer/ui.h"
#include "apps/viewer/window.h"
#include "core/base/error.h"
#include "core/base/paths.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/scene/image_size.h"

namespace parallax {
namespace {

constexpr double kFramesPerSecond = 20;

struct ViewCommandOptions {
  std::string scene;
  std::string model = kDefaultNvsModel;
  std::string classifier;
  std::string size;
  std::string input_views = "8";
  std::string normalise_poses = "auto";
  std::string background = "white";
  std::string image_folder;
  std::string device = "cpu";
  std::string output = "output/view";
  std::string window;
  double ui_scale = 0;
  std::string screenshot;
  std::string script;
  bool stats = false;
  CommonOptions common;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("model", self.model, "model shown first: a bundled name or a checkpoint");
    visitor("classifier",
            self.classifier,
            "classifier of the Classify screen: a bundled name or a checkpoint");
    visitor("size", self.size, "image size WxH (default: what the model was trained at)");
    visitor("input_views",
            self.input_views,
            "views to read: a count (farthest-point sampling) or a list (0,5,9)");
    visitor("normalise_poses", self.normalise_poses, "auto, none, scene or object");
    visitor(
        "background", self.background, "behind transparent pixels: white, black, grey or #rrggbb");
    visitor(
        "image_folder", self.image_folder, "folder of the scene's photographs, in the scene's own");
    visitor("device", self.device, "cpu, cuda or cuda:<index>");
    visitor("output", self.output, "folder for exports, videos and screenshots");
    visitor("window",
            self.window,
            "size of the window, WxH pixels (default: 1280x720 times the monitor's scale)");
    visitor("ui_scale",
            self.ui_scale,
            "size of text and controls, 0.5 to 4; 0: the monitor's, or as set in the window",
            OptionRange{0, kLargestScale});
    visitor("screenshot",
            self.screenshot,
            "write a PNG of the window when everything is rendered, then quit");
    visitor(
        "script", self.script, "carry out a JSON file's steps unattended (open, set, wait, ...)");
    visitor("stats", self.stats, "print the interface's frame times at the end");
  }
};

// One thread is left for the window, so that it never waits for a processor.
int rendering_threads(int asked) {
  const auto cores = static_cast<int>(std::thread::hardware_concurrency());
  return asked > 0 ? asked : std::max(cores - 1, 1);
}

int run_view(const ViewCommandOptions& options) {
  if (options.ui_scale != 0 && options.ui_scale < kLeastScale) {
    throw UsageError(fmt::format(
        "--ui-scale {:g} is too small: 0.5 to 4, or 0 for the monitor's scale", options.ui_scale));
  }
  std::error_code ignored;
  if (!options.scene.empty() && !std::filesystem::exists(options.scene, ignored)) {
    throw UsageError(ErrorParts{.what = "there is no such scene", .where = options.scene});
  }
  require_display();
  ViewerOptions viewer{.scene = options.scene,
                       .classifier = options.classifier,
                       .output = options.output,
                       .screenshot = options.screenshot,
                       .ui_scale = static_cast<float>(options.ui_scale),
                       .stats = options.stats};
  viewer.open = {.model = options.model,
                 .input_views = options.input_views,
                 .normalise_poses = options.normalise_poses,
                 .image_folder = options.image_folder,
                 .background = parse_colour(options.background)};
  if (!options.size.empty()) {
    const ImageSize size = parse_image_size(options.size, "--size");
    viewer.open.height = size.height;
    viewer.open.width = size.width;
  }
  if (!options.window.empty()) {
    const ImageSize window = parse_image_size(options.window, "--window");
    viewer.width = window.width;
    viewer.height = window.height;
  }
  if (!options.script.empty()) {
    viewer.script = read_json_file(options.script);
  }
  viewer.engine = {.device = options.device, .threads = rendering_threads(options.common.threads)};
  viewer.engine.write_video = [](const std::filesystem::path& stem,
                                 const std::vector<cv::Mat>& frames) {
    create_folder(stem.parent_path());
    return write_video(
        next_free_path(stem.parent_path(), stem.filename().string(), ""), frames, kFramesPerSecond);
  };
  return run_viewer(viewer) ? kExitDone : kExitSomeFailed;
}

}  // namespace

Command add_view_command(CLI::App& program) {
  auto options = std::make_shared<ViewCommandOptions>();
  CLI::App* app =
      add_subcommand(program,
                     "view",
                     "A window: variants and forms of a scene side by side, live, with PSNR",
                     "Example:\n  parallax view assets/scenes/procedural_a");
  add_positional(
      *app, "SCENE", options->scene, "a scene's folder or camera file", Presence::kOptional);
  add_options(*app, *options);
  add_options(*app, options->common);
  return {app, [options] { return run_view(*options); }};
}

}  // namespace parallax
