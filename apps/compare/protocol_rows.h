// The results of a benchmark's protocol as lines of JSON and as a table.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vision/eval/evaluate.h"

namespace parallax {

inline constexpr const char* kProtocolDefinition =
    "Means are over scenes, of each scene's mean over its target views. PSNR: on values clamped to "
    "[0, 1]; SSIM: Gaussian window 11 x 11; LPIPS: version 0.1 on VGG-16, of values in [0, 1] "
    "brought to [-1, 1].";

// One scene by one model in one form.
struct ProtocolRow {
  std::string scene;
  std::string model;
  std::string form;
  std::string reading;  // of the input views: batch or streamed
  int height = 0;
  int width = 0;
  std::vector<int> context;
  std::vector<int> target;
  ViewMetrics mean;
  std::vector<ViewMetrics> views;  // one per target
  double reconstruct_seconds = 0;
  double seconds_per_view = kNotMeasured;
};

// The row as a line of JSON, with its end; what was read back from one, without the views' metrics,
// or nothing if the line is something else.
std::string protocol_row_line(const ProtocolRow& row);
std::optional<ProtocolRow> parse_protocol_row(const std::string& line);

// The rows of one model in one form.
struct ProtocolGroup {
  std::string model;
  std::string form;
  std::vector<ProtocolRow> rows;
  size_t wanted = 0;  // the number of rows there would be if nothing failed
};
using ProtocolTable = std::vector<ProtocolGroup>;

// A header, the groups' rows, and at the end one row per group with its means.
std::vector<std::vector<std::string>> protocol_table_rows(const ProtocolTable& table);

nlohmann::json protocol_json(const ProtocolTable& table);

}  // namespace parallax
