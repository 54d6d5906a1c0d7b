// A benchmark's protocol: models over the views that an index lists, resumable, in one table.
#pragma once

#include <string>
#include <vector>

#include "apps/common/nvs_options.h"

namespace parallax {

// Which scenes are evaluated with what, and where the results go.
struct ProtocolOptions {
  std::vector<std::string> scenes;  // or folders of scenes
  std::vector<std::string> models;
  std::string views_from;  // the index
  std::string output;
  std::string json;
  bool resume = false;
  std::vector<std::string> lpips;  // files of weights
  NvsRunOptions run;
  CommonOptions common;
};

// Evaluates each scene of the index that is there by each model in each form, once. A row per
// evaluation is appended to results.jsonl as soon as it is known; with `resume`, rows that are
// there are not made again. Then writes one table, with means over scenes, to stdout, compare.csv,
// compare.json and compare.html. Scenes that fail are named and tried again by the next run that
// resumes. Returns the exit code; throws Error if there is none of the index's scenes.
int run_protocol(const ProtocolOptions& options,
                 const EvaluateOptions& evaluate,
                 std::vector<std::string> notes);

}  // namespace parallax
