// Counts predictions and classes.
#include "vision/metrics/accuracy.h"

#include <limits>
#include <set>

namespace parallax {
namespace {

constexpr int kTopFive = 5;

double share(int64_t part, int64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole)
                   : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

void Accuracy::add(int truth, int predicted, int rank) {
  for (ClassAccuracy* counts : {&total_, &classes_[truth]}) {
    ++counts->images;
    counts->top1 += rank == 0 ? 1 : 0;
    counts->top5 += rank < kTopFive ? 1 : 0;
  }
  ++confusion_[{truth, predicted}];
}

double Accuracy::top1() const { return share(total_.top1, total_.images); }

double Accuracy::top5() const { return share(total_.top5, total_.images); }

int64_t Accuracy::count(int truth, int predicted) const {
  const auto it = confusion_.find({truth, predicted});
  return it == confusion_.end() ? 0 : it->second;
}

std::vector<int> Accuracy::seen_classes() const {
  std::set<int> seen;
  for (const auto& item : confusion_) {
    seen.insert({item.first.first, item.first.second});
  }
  return {seen.begin(), seen.end()};
}

}  // namespace parallax
