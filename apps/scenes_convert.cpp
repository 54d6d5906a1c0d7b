// `parallax scenes convert`: a scene of any format in another, with its photographs.
#include <fmt/format.h>

#include <cstdio>

#include "apps/common/cli.h"
#include "core/base/error.h"
#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/files/append_file.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/writers/convert_scene.h"

namespace parallax {
namespace {

struct ConvertOptions {
  std::string scene;
  std::string output;
  std::string format = "transforms";
  std::string image_folder;
  CommonOptions common;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("format",
            self.format,
            "opencv (opencv_cameras.json), transforms (nerfstudio's) or colmap (sparse/0)");
    visitor("image_folder",
            self.image_folder,
            "folder with the scene's photographs (default: where its file says)");
  }
};

SceneFormat parse_format(const std::string& text) {
  if (text == "opencv") {
    return SceneFormat::kOpencvJson;
  }
  if (text == "transforms") {
    return SceneFormat::kTransforms;
  }
  if (text == "colmap") {
    return SceneFormat::kColmap;
  }
  throw UsageError(ErrorParts{.what = "scenes are not written in this format",
                              .where = "--format",
                              .expected = "opencv, transforms or colmap",
                              .got = "'" + text + "'"});
}

int run_convert(const ConvertOptions& options) {
  const SceneFormat format = parse_format(options.format);
  const Scene scene = load_scene(options.scene, {.image_folder = options.image_folder});
  create_folder(options.output);
  const FolderLock lock(options.output);
  Progress progress("views", static_cast<int64_t>(scene.views.size()), options.common.quiet);
  const ConvertedScene converted =
      convert_scene(scene, options.output, format, [&] { progress.advance(); });
  progress.finish();
  for (const std::vector<std::string>& notes : {scene.notes, converted.notes}) {
    for (const std::string& note : notes) {
      fmt::print(stderr, "{}\n", note);
    }
  }
  if (!options.common.quiet) {
    fmt::print(stderr,
               "{} views written to {}, {} of their photographs copied as they are\n",
               converted.views,
               options.output,
               converted.copied);
  }
  return converted.views == scene.views.size() ? kExitDone : kExitSomeFailed;
}

}  // namespace

Command add_scenes_convert_command(CLI::App& scenes) {
  auto options = std::make_shared<ConvertOptions>();
  CLI::App* app = add_subcommand(
      scenes,
      "convert",
      "Write a scene in another format, with its photographs",
      "Example:\n  parallax scenes convert my_photos output/my_photos --format transforms");
  add_positional(*app, "SCENE", options->scene, "folder or camera file", Presence::kRequired);
  add_positional(*app, "OUT", options->output, "new scene's folder", Presence::kRequired);
  add_options(*app, *options);
  add_options(*app, options->common);
  return {app, [options] { return run_convert(*options); }};
}

}  // namespace parallax
