// The options of `parallax compare`.
#pragma once

#include <string>
#include <vector>

#include "apps/common/nvs_options.h"

namespace parallax {

// Which models are compared on which scenes, and where the results go.
struct CompareOptions {
  std::vector<std::string> scenes;
  std::vector<std::string> models;
  std::vector<std::string> variants;
  std::string output = "output/compare";
  std::string json;
  int repeats = 3;
  std::string views_from;
  std::vector<std::string> lpips;
  bool resume = false;
  std::string baseline;
  bool beside_paper = false;
  NvsRunOptions run;
  CommonOptions common;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("model",
            self.models,
            "models to compare: names, checkpoints or runs' folders (default: the bundled and the "
            "user's own)");
    visitor("variant", self.variants, "only these rows of the variant table: " + variant_names());
    visitor(
        "output", self.output, "folder for compare.html, compare.csv, views.csv and compare.json");
    visitor("json", self.json, "also write the results here; - is stdout");
    visitor("repeats",
            self.repeats,
            "timed rounds, the forms in turns; medians are reported",
            OptionRange{1, 1000});
    visitor("views_from",
            self.views_from,
            "a benchmark's index of views, {scene: {context: [..], target: [..]}}: evaluate these "
            "scenes of the folders, once each");
    visitor("lpips",
            self.lpips,
            "also measure LPIPS, with its VGG-16 weights from this file (or several)");
    visitor("resume", self.resume, "go on where an earlier run into the same folder ended");
    visitor("baseline",
            self.baseline,
            "the model that differences are taken to (default: the first of variant 0)");
    visitor("beside_paper",
            self.beside_paper,
            "show differences beside those that the paper reports for its own models");
  }
};

}  // namespace parallax
