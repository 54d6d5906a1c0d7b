// Top-1 and top-5 accuracy, over all images and per class, and the confusion matrix.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace parallax {

// How many images of one class there were and how many were predicted correctly.
struct ClassAccuracy {
  int64_t images = 0;
  int64_t top1 = 0;
  int64_t top5 = 0;
};

// Accumulates predictions of labelled images.
class Accuracy {
 public:
  // `rank` is the position of the true class among the predictions, from 0.
  void add(int truth, int predicted, int rank);

  int64_t images() const { return total_.images; }
  double top1() const;  // fractions of the images; NaN without images
  double top5() const;

  // By class, for the classes that occur as truth.
  const std::map<int, ClassAccuracy>& classes() const { return classes_; }

  // How many images of class `truth` were predicted as `predicted`.
  int64_t count(int truth, int predicted) const;

  // The classes that occur as truth or as prediction, in order.
  std::vector<int> seen_classes() const;

 private:
  ClassAccuracy total_;
  std::map<int, ClassAccuracy> classes_;
  std::map<std::pair<int, int>, int64_t> confusion_;  // only pairs that occur
};

}  // namespace parallax
