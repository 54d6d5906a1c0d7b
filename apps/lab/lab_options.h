// The options of `parallax lab`.
#pragma once

#include <string>
#include <vector>

#include "apps/common/nvs_options.h"

namespace parallax {

inline constexpr const char* kProbesHelp =
    "probes to run: equivalence, deviation, more-steps, ascent, keys-queries, query-is-key, "
    "ablation, streaming (default: all)";

// Which probes run on which models and data, and where the results go.
struct LabOptions {
  std::vector<std::string> paths;
  std::vector<std::string> probes;
  std::vector<std::string> models;
  std::string output = "output/lab";
  std::string json;
  bool resume = false;
  int images = 1000;
  std::string truth;
  int longest_sequence = 65536;
  int repeats = 7;
  SceneViewOptions views;
  CommonOptions common;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("probe", self.probes, kProbesHelp);
    visitor(
        "model",
        self.models,
        "models: names, checkpoints or runs' folders (default: the bundled and the user's own)");
    visitor("output", self.output, "folder for lab.html and lab.json");
    visitor("json", self.json, "also write the results here; - is stdout");
    visitor("resume",
            self.resume,
            "go on where an earlier run into the same folder ended, with what it found of these "
            "models");
    visitor("images",
            self.images,
            "images of folders, evenly over all; 0: all of them",
            OptionRange{0, 1e9});
    visitor("truth",
            self.truth,
            "file of the images' classes (default: from folders' names, else a file beside the "
            "images)");
    visitor("longest_sequence",
            self.longest_sequence,
            "most tokens on which the forms' deviation is measured",
            OptionRange{256, 1 << 24});
    visitor("repeats", self.repeats, "timed rounds, the forms in turns", OptionRange{2, 1000});
  }
};

}  // namespace parallax
