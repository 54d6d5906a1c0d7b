// Options that the commands on scenes share, and their conversion to settings.
#pragma once

#include <string>

#include "apps/common/cli.h"
#include "apps/common/nvs_reading.h"
#include "core/ops/newton_schulz/newton_schulz_coefficients.h"
#include "vision/eval/evaluate.h"

namespace parallax {

inline constexpr const char* kNewtonSchulzHelp =
    "precision of Newton-Schulz: float32, bfloat16 (sums in float32, half the operations) or "
    "published (bfloat16, each operation rounded as the published code does); default: --dtype";

// Which views of a scene are read and rendered, and how they are sized and posed.
struct SceneViewOptions {
  static constexpr const char* kHelpGroup = "Views";

  std::string size;
  std::string input_views;
  std::string target_views = "all";
  std::string normalise_poses = "auto";
  std::string background = "white";
  std::string image_folder;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("size", self.size, "image size WxH (default: what the model was trained at)");
    visitor("input_views",
            self.input_views,
            "views to read: a count (farthest-point sampling) or a list (0,5,9) (default: 8, or "
            "what a published model is meant for)");
    visitor("target_views",
            self.target_views,
            "views to render: all (the held-out ones), a count or a list");
    visitor("normalise_poses", self.normalise_poses, "auto, none, scene or object");
    visitor(
        "background", self.background, "behind transparent pixels: white, black, grey or #rrggbb");
    visitor(
        "image_folder", self.image_folder, "folder of the scene's photographs, in the scene's own");
  }
};

// The options that the commands on scenes share.
struct NvsRunOptions : SceneViewOptions {
  static constexpr const char* kHelpGroup = "Views and forms";

  std::string form = "both";
  std::string reading = kReadingAsTrained;
  std::string device = "cpu";
  std::string dtype = "float32";
  int views_per_pass = 0;
  int newton_schulz_steps = -1;
  std::string newton_schulz_coefficients = "muon";
  std::string newton_schulz;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    SceneViewOptions::visit(self, visitor);
    visitor("form", self.form, "recurrent, parallel or both");
    visitor("reading", self.reading, kReadingHelp);
    visitor("device", self.device, "cpu, cuda or cuda:<index>");
    visitor("dtype", self.dtype, "float32 or bfloat16");
    visitor("views_per_pass",
            self.views_per_pass,
            "views rendered at once; 0: as many as fit into memory",
            OptionRange{0, 4096});
    visitor("newton_schulz_steps",
            self.newton_schulz_steps,
            "number of Newton-Schulz iterations; -1: the model's own",
            OptionRange{-1, 100});
    visitor("newton_schulz_coefficients",
            self.newton_schulz_coefficients,
            "their coefficients: " + coefficient_names());
    visitor("newton_schulz", self.newton_schulz, kNewtonSchulzHelp);
  }
};

// The requested forms, in the order they are shown. Throws UsageError.
std::vector<Form> parse_forms(const std::string& text);

// Parses white, black, grey or #rrggbb as RGB. Throws UsageError naming --background.
cv::Vec3b parse_colour(const std::string& text);

// Throws UsageError naming the option at fault.
PrepareOptions prepare_options(const SceneViewOptions& options);

// Sets the precision of the projections to `dtype` and that of Newton–Schulz to `newton_schulz` or,
// if that is empty, to `dtype` too.
void choose_precision(LactNvs& module, const std::string& dtype, const std::string& newton_schulz);

// Applies device, dtype and Newton–Schulz options to a loaded model.
void configure_model(const NvsRunOptions& options, NvsModel& model);

// Applies --threads; where that is 0, the number stays one per core. See set_operator_threads for
// commands that make room for other processes.
void configure_threads(const CommonOptions& options);

}  // namespace parallax
