// Medians and percentiles.
#include "apps/viewer/frame_times.h"

#include <fmt/format.h>

#include <algorithm>

namespace parallax {
namespace {

constexpr size_t kRecent = 300;
constexpr size_t kWarmUp = 3;  // the first frames create fonts and shaders

double percentile(std::vector<float>& values, double share) {
  if (values.empty()) {
    return 0;
  }
  const auto place = static_cast<int64_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), values.begin() + place, values.end());
  return values[static_cast<size_t>(place)];
}

std::string line(const char* what, std::vector<float> values) {
  const double median = percentile(values, 0.5);
  const double high = percentile(values, 0.95);
  const double longest = values.empty() ? 0 : *std::max_element(values.begin(), values.end());
  return fmt::format("{}: {} frames, median {:.2f} ms, 95 % within {:.2f} ms, longest {:.2f} ms\n",
                     what,
                     values.size(),
                     median,
                     high,
                     longest);
}

}  // namespace

void FrameClock::add(double milliseconds, bool model_works) {
  frames_.push_back({static_cast<float>(milliseconds), model_works});
}

FrameTimes FrameClock::summary() const {
  std::vector<float> recent;
  for (size_t i = frames_.size() > kRecent ? frames_.size() - kRecent : 0; i < frames_.size();
       ++i) {
    recent.push_back(frames_[i].milliseconds);
  }
  return {recent.empty() ? 0 : recent.back(),
          percentile(recent, 0.95),
          static_cast<int>(frames_.size())};
}

std::string FrameClock::report() const {
  std::vector<float> all;
  std::vector<float> beside;
  for (size_t i = kWarmUp; i < frames_.size(); ++i) {
    all.push_back(frames_[i].milliseconds);
    if (frames_[i].model_works) {
      beside.push_back(frames_[i].milliseconds);
    }
  }
  return line("interface", all) + line("interface while the model works", beside);
}

}  // namespace parallax
