// One image's classification, as a line of JSON, a line of CSV, and back.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vision/images/class_labels.h"

namespace parallax {

struct Prediction {
  int index = 0;
  double probability = 0;
};

// What one model in one form says of an image.
struct RunResult {
  std::vector<Prediction> top;  // the most probable first
  int truth_rank = -1;          // place of the true class, from 0; −1 without one
  double difference = 0;        // largest difference of a probability from the first run's
};

struct ClassifiedImage {
  std::string path;
  std::string error;  // why there is no result; else empty
  int rows = 0;
  int cols = 0;
  std::optional<int> truth;
  std::vector<RunResult> runs;   // in the order of the run labels; empty on error
  int64_t thumbnail_offset = 0;  // in the thumbnails' file
  int64_t thumbnail_bytes = 0;   // 0: none
};

// What the rows of one run of the command have in common.
struct RowFormat {
  std::vector<std::string> runs;  // "parallel", or "vit3-t recurrent" where there are more models
  ClassLabels labels;
  int topk = 5;
};

// A path as text that JSON can hold: bytes that are no UTF-8 as \xNN.
std::string printable_path(const std::string& path);

std::string json_line(const ClassifiedImage& image, const RowFormat& format);

// Nothing where the line is not one of ours or is cut off.
std::optional<ClassifiedImage> parse_json_line(const std::string& line, const RowFormat& format);

std::string csv_header(const RowFormat& format);
std::string csv_line(const ClassifiedImage& image, const RowFormat& format);

}  // namespace parallax
