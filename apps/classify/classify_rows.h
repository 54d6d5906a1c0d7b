// One image's classification as a line of JSON or CSV, and back from JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vision/images/class_labels.h"

namespace parallax {

// A class and its probability.
struct Prediction {
  int index = 0;
  double probability = 0;
};

// The result of one model in one form for one image.
struct RunResult {
  std::vector<Prediction> top;  // most probable first
  int truth_rank = -1;          // position of the true class, from 0; −1 without one
  int rank_alone = -1;    // the same among the classes that occur alone; −1 if not asked for
  int classes_alone = 0;  // how many these are
  double difference = 0;  // largest difference of a probability from the first run's
};

// One image's row of the results.
struct ClassifiedImage {
  std::string path;
  std::string error;  // why there is no result; else empty
  int rows = 0;
  int cols = 0;
  std::optional<int> truth;
  std::vector<int> also_right;   // further classes that count as right
  std::vector<RunResult> runs;   // in the order of RowFormat's runs; empty on error
  int64_t thumbnail_offset = 0;  // in the thumbnail file
  int64_t thumbnail_bytes = 0;   // 0: none
};

// What the rows of one run of the command have in common.
struct RowFormat {
  std::vector<std::string> runs;  // "parallel", or "vit3-t recurrent" if there are more models
  ClassLabels labels;
  int topk = 5;
  bool upright = false;  // images were turned as their EXIF orientation says
};

// The class that an image of several counts under: the predicted one if that is right, else its
// first.
int counted_class(const ClassifiedImage& image, int predicted);

std::string json_line(const ClassifiedImage& image, const RowFormat& format);

// Empty if the line was not written by json_line or is cut off.
std::optional<ClassifiedImage> parse_json_line(const std::string& line, const RowFormat& format);

std::string csv_header(const RowFormat& format);
std::string csv_line(const ClassifiedImage& image, const RowFormat& format);

}  // namespace parallax
