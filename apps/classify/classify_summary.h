// What all rows say together: accuracy, agreement of runs, confusion.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "apps/classify/classify_rows.h"
#include "vision/metrics/accuracy.h"

namespace parallax {

struct RunSummary {
  Accuracy accuracy;
  int64_t same_top1 = 0;          // images with the first run's most probable class
  double largest_difference = 0;  // of a probability from the first run's
};

struct ClassifySummary {
  int64_t images = 0;
  int64_t broken = 0;
  std::vector<RunSummary> runs;

  void add(const ClassifiedImage& image);
  int64_t classified() const { return images - broken; }
};

nlohmann::json summary_json(const ClassifySummary& summary, const RowFormat& format);

// For people: counts, accuracy a run, agreement.
std::string summary_text(const ClassifySummary& summary, const RowFormat& format);

// A row a class that occurs: id, name, images, top-1, top-5.
std::string class_accuracy_csv(const Accuracy& accuracy, const ClassLabels& labels);

// True classes down, predicted ones across; only those that occur.
std::string confusion_csv(const Accuracy& accuracy, const ClassLabels& labels);

// The same as a picture, each row as shares of the class; names where there is room.
cv::Mat confusion_picture(const Accuracy& accuracy, const ClassLabels& labels);

}  // namespace parallax
