// Which views a LaCT-NVS model is trained on.
#pragma once

#include <string>

#include "core/base/options.h"

namespace parallax {

// The options of procedural training views.
struct NvsDataOptions {
  std::string batch_size = "4";
  std::string size = "64x64";
  std::string difficulty = "0";
  std::string input_views = "4-8";
  int target_views = 4;
  double copied_targets = 0.45;
  double copied_until = 0.3;
  int samples = 2;
  int evaluation_scenes = 32;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("batch_size",
            self.batch_size,
            "scenes per step over all processes; may change during the run: 16@0,4@0.4");
    visitor("size", self.size, "image size WxH; may change during the run: 32x32@0,64x64@0.4");
    visitor("difficulty",
            self.difficulty,
            "simple (0) to mixed (1), or a range (0-0.5); may change during the run: 1@0,0@0.5");
    visitor("input_views", self.input_views, "views read per scene, a number or a range (4-8)");
    visitor("target_views", self.target_views, "views rendered per scene", OptionRange{1, 1024});
    visitor("copied_targets",
            self.copied_targets,
            "share of targets that repeat an input view at first, fading out",
            OptionRange{0, 1});
    visitor("copied_until",
            self.copied_until,
            "share of the run by which no target repeats an input",
            OptionRange{0, 1});
    visitor("samples", self.samples, "rays along each side of a pixel", OptionRange{1, 16});
    visitor("evaluation_scenes",
            self.evaluation_scenes,
            "held-out scenes that evaluations render",
            OptionRange{1, 10000});
  }
};

}  // namespace parallax
