// Summary of all rows: accuracy, agreement between runs, confusion.
#pragma once

#include <opencv2/core/mat.hpp>
#include <set>
#include <string>
#include <vector>

#include "apps/classify/classify_rows.h"
#include "vision/metrics/accuracy.h"

namespace parallax {

// One run's accuracy and its agreement with the first run.
struct RunSummary {
  Accuracy accuracy;
  Accuracy alone;                 // among the classes that occur alone
  std::set<int> classes_alone;    // how many these were
  int64_t same_top1 = 0;          // images whose most probable class equals the first run's
  double largest_difference = 0;  // of a probability from the first run's

  // The accuracy among the classes that occur is one of all images of known class.
  bool has_alone() const {
    return classes_alone.size() == 1 && alone.images() == accuracy.images();
  }
};

// Counts and accuracies accumulated over the rows.
struct ClassifySummary {
  int64_t images = 0;
  int64_t broken = 0;
  std::vector<RunSummary> runs;

  void add(const ClassifiedImage& image);
  int64_t classified() const { return images - broken; }
};

nlohmann::json summary_json(const ClassifySummary& summary, const RowFormat& format);

// For people to read: counts, accuracy per run, agreement.
std::string summary_text(const ClassifySummary& summary, const RowFormat& format);

// One row per class that occurs: id, name, images, top-1, top-5.
std::string class_accuracy_csv(const Accuracy& accuracy, const ClassLabels& labels);

// True classes down, predicted ones across; only those that occur.
std::string confusion_csv(const Accuracy& accuracy, const ClassLabels& labels);

// The same as an image, each row as shares of the class; with names if there is room.
cv::Mat confusion_picture(const Accuracy& accuracy, const ClassLabels& labels);

}  // namespace parallax
