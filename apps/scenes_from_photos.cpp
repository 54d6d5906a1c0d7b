// `parallax scenes from-photos`: a scene of a folder of photographs, whose cameras COLMAP finds.
#include <fmt/format.h>

#include <cstdio>
#include <optional>

#include "apps/common/cli.h"
#include "apps/common/stop_signals.h"
#include "core/base/progress.h"
#include "vision/reconstruction/reconstruct.h"

namespace parallax {
namespace {

struct FromPhotosOptions {
  std::string folder;
  std::string output;
  bool sequence = false;
  bool keep_blurred = false;
  std::string colmap = "colmap";
  CommonOptions common;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor(
        "sequence",
        self.sequence,
        "the photographs are a sequence, such as a video's frames: only neighbours are matched");
    visitor("keep_blurred", self.keep_blurred, "use blurred photographs as well");
    visitor("colmap", self.colmap, "COLMAP's program");
  }
};

// One line of progress per stage.
class StageProgress {
 public:
  explicit StageProgress(bool quiet) : quiet_(quiet) {}

  void report(const std::string& stage, int done, int total) {
    if (!progress_ || stage != stage_ || total != total_) {
      finish();
      progress_.emplace(stage, total, quiet_);
      stage_ = stage;
      total_ = total;
      done_ = 0;
    }
    if (done > done_) {
      progress_->advance(done - done_);
      done_ = done;
    }
  }

  void finish() {
    if (progress_ && done_ > 0) {
      progress_->finish();
    }
    progress_.reset();
  }

 private:
  bool quiet_;
  std::optional<Progress> progress_;
  std::string stage_;
  int total_ = 0;
  int done_ = 0;
};

int run_from_photos(const FromPhotosOptions& options) {
  const StopSignals signals;
  StageProgress progress(options.common.quiet);
  const PhotoReconstruction made =
      reconstruct({.photos = options.folder,
                   .output = options.output,
                   .colmap = options.colmap,
                   .is_sequence = options.sequence,
                   .keeps_blurred = options.keep_blurred,
                   .threads = options.common.threads,
                   .on_progress = [&](const std::string& stage,
                                      int done,
                                      int total) { progress.report(stage, done, total); },
                   .should_stop = stop_requested});
  progress.finish();
  for (const std::string& note : made.notes) {
    fmt::print(stderr, "parallax: {}\n", note);
  }
  if (made.stopped) {
    fmt::print(stderr,
               "parallax: stopped; the same command goes on where it was (or delete {})\n",
               options.output);
    return kExitFailed;
  }
  if (!options.common.quiet) {
    fmt::print(stderr,
               "{} of {} photographs are now the scene {} (cameras by {})\n",
               made.views,
               made.photos,
               options.output,
               made.colmap);
  }
  return kExitDone;
}

}  // namespace

Command add_scenes_from_photos_command(CLI::App& scenes) {
  auto options = std::make_shared<FromPhotosOptions>();
  CLI::App* app =
      add_subcommand(scenes,
                     "from-photos",
                     "Make a scene of photographs, whose cameras COLMAP finds",
                     "Example:\n  parallax scenes from-photos my_photos output/my_scene");
  add_positional(
      *app, "FOLDER", options->folder, "folder with the photographs", Presence::kRequired);
  add_positional(*app, "OUT", options->output, "the scene's new folder", Presence::kRequired);
  add_options(*app, *options);
  add_options(*app, options->common);
  return {app, [options] { return run_from_photos(*options); }};
}

}  // namespace parallax
