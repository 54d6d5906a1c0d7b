// Sums over rows, and draws the confusion matrix.
#include "apps/classify/classify_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "apps/report/results.h"
#include "apps/report/text.h"

namespace parallax {
namespace {

constexpr int kPictureSide = 1000;  // approximate; a cell is at least one pixel
constexpr int kLargestCell = 40;
constexpr int kNamedCell = 12;  // smallest cell, in pixels, next to which names fit
constexpr int kNameWidth = 170;
constexpr int kMargin = 12;

double agreement(const RunSummary& run, int64_t classified) {
  return classified > 0 ? static_cast<double>(run.same_top1) / static_cast<double>(classified) : 0;
}

std::string percent(double share) { return format_metric(100 * share, 2) + " %"; }

std::string class_id(int index, const ClassLabels& labels) {
  return labels[index].id.empty() ? std::to_string(index) : labels[index].id;
}

// The name, or its beginning and an ellipsis, so that it fits beside the matrix.
std::string fitting(std::string name, int pixels) {
  if (text_width(name, pixels) <= kNameWidth - kMargin) {
    return name;
  }
  while (!name.empty() && text_width(name + "…", pixels) > kNameWidth - kMargin) {
    const auto is_inside = [&] {
      return (static_cast<unsigned char>(name.back()) & 0xC0U) == 0x80;
    };
    while (name.size() > 1 && is_inside()) {  // of a letter of several bytes
      name.pop_back();
    }
    name.pop_back();
  }
  return name + "…";
}

// A class's name that ends at `end`.
void put_name(cv::Mat& picture, const std::string& name, cv::Point end) {
  constexpr int kText = 11;
  const std::string text = fitting(name, kText);
  write_text(picture, text, {end.x - text_width(text, kText), end.y}, kText, cv::Scalar::all(60));
}

}  // namespace

void ClassifySummary::add(const ClassifiedImage& image) {
  ++images;
  if (!image.error.empty()) {
    ++broken;
    return;
  }
  runs.resize(std::max(runs.size(), image.runs.size()));
  for (size_t i = 0; i < image.runs.size(); ++i) {
    const RunResult& run = image.runs[i];
    const int predicted = run.top.front().index;
    runs[i].same_top1 += predicted == image.runs.front().top.front().index ? 1 : 0;
    runs[i].largest_difference = std::max(runs[i].largest_difference, run.difference);
    if (image.truth && run.truth_rank >= 0) {
      const int counted = counted_class(image, predicted);
      runs[i].accuracy.add(counted, predicted, run.truth_rank);
      if (run.rank_alone >= 0) {
        runs[i].alone.add(counted, predicted, run.rank_alone);
        runs[i].classes_alone.insert(run.classes_alone);
      }
    }
  }
}

nlohmann::json summary_json(const ClassifySummary& summary, const RowFormat& format) {
  nlohmann::json json = {
      {"images", summary.images}, {"classified", summary.classified()}, {"broken", summary.broken}};
  for (size_t i = 0; i < summary.runs.size(); ++i) {
    const RunSummary& run = summary.runs[i];
    nlohmann::json entry = nlohmann::json::object();
    if (run.accuracy.images() > 0) {
      entry["images_with_known_class"] = run.accuracy.images();
      entry["top1"] = run.accuracy.top1();
      entry["top5"] = run.accuracy.top5();
    }
    if (run.has_alone()) {
      entry["occurring_classes_alone"] = {{"classes", *run.classes_alone.begin()},
                                          {"top1", run.alone.top1()},
                                          {"top5", run.alone.top5()}};
    }
    if (i > 0) {
      entry["same_top1"] = agreement(run, summary.classified());
      entry["largest_probability_difference"] = run.largest_difference;
    }
    json["runs"][format.runs[i]] = std::move(entry);
  }
  return json;
}

std::string summary_text(const ClassifySummary& summary, const RowFormat& format) {
  std::string text = fmt::format("{} images, {} classified", summary.images, summary.classified());
  text += summary.broken > 0 ? fmt::format(", {} could not be classified\n", summary.broken) : "\n";
  std::vector<std::vector<std::string>> rows = {{"run", "known class", "top-1", "top-5"}};
  const bool several = summary.runs.size() > 1;
  const bool alone = !summary.runs.empty() && summary.runs.front().has_alone();
  if (alone) {
    const int classes = *summary.runs.front().classes_alone.begin();
    rows[0].push_back(fmt::format("top-1 of {}", classes));
    rows[0].push_back(fmt::format("top-5 of {}", classes));
  }
  if (several) {
    rows[0].insert(rows[0].end(), {"same top-1", "largest difference"});
  }
  bool any_truth = false;
  for (size_t i = 0; i < summary.runs.size(); ++i) {
    const RunSummary& run = summary.runs[i];
    const bool known = run.accuracy.images() > 0;
    any_truth = any_truth || known;
    rows.push_back({format.runs[i],
                    std::to_string(run.accuracy.images()),
                    known ? percent(run.accuracy.top1()) : "-",
                    known ? percent(run.accuracy.top5()) : "-"});
    if (alone) {
      rows.back().push_back(run.has_alone() ? percent(run.alone.top1()) : "-");
      rows.back().push_back(run.has_alone() ? percent(run.alone.top5()) : "-");
    }
    if (several) {
      rows.back().push_back(i == 0 ? "-" : percent(agreement(run, summary.classified())));
      rows.back().push_back(i == 0 ? "-" : fmt::format("{:.2e}", run.largest_difference));
    }
  }
  if (!any_truth) {
    return several ? text + format_table(rows) : text;
  }
  text += format_table(rows);
  if (alone) {
    text += fmt::format("\"of {}\": the classes that occur, the model's {} others left out\n",
                        *summary.runs.front().classes_alone.begin(),
                        format.labels.size() - *summary.runs.front().classes_alone.begin());
  }
  return text + (format.upright ? "images turned as their EXIF orientation says\n"
                                : "images as stored: no EXIF orientation applied (--upright)\n");
}

std::string class_accuracy_csv(const Accuracy& accuracy, const ClassLabels& labels) {
  std::vector<std::vector<std::string>> rows = {{"class", "name", "images", "top1", "top5"}};
  for (const auto& [index, counts] : accuracy.classes()) {
    const auto share = [&](int64_t part) {
      return fmt::format("{}", static_cast<double>(part) / static_cast<double>(counts.images));
    };
    rows.push_back({class_id(index, labels),
                    labels.short_name(index),
                    std::to_string(counts.images),
                    share(counts.top1),
                    share(counts.top5)});
  }
  return format_csv(rows);
}

std::string confusion_csv(const Accuracy& accuracy, const ClassLabels& labels) {
  const std::vector<int> seen = accuracy.seen_classes();
  std::vector<std::vector<std::string>> rows = {{"truth \\ predicted"}};
  for (const int index : seen) {
    rows[0].push_back(class_id(index, labels));
  }
  for (const auto& item : accuracy.classes()) {
    rows.push_back({class_id(item.first, labels)});
    for (const int predicted : seen) {
      rows.back().push_back(std::to_string(accuracy.count(item.first, predicted)));
    }
  }
  return format_csv(rows);
}

cv::Mat confusion_picture(const Accuracy& accuracy, const ClassLabels& labels) {
  const std::vector<int> seen = accuracy.seen_classes();
  const int across = std::max(1, static_cast<int>(seen.size()));
  const int down = std::max(1, static_cast<int>(accuracy.classes().size()));
  const int cell = std::clamp(kPictureSide / std::max(across, down), 1, kLargestCell);
  const bool named = cell >= kNamedCell;
  const int left = named ? kNameWidth : kMargin;
  const int bottom = named ? kNameWidth : kMargin;
  cv::Mat picture(down * cell + kMargin + bottom,
                  across * cell + left + kMargin,
                  CV_8UC3,
                  cv::Scalar(255, 255, 255));
  int y = kMargin;
  for (const auto& [truth, counts] : accuracy.classes()) {
    for (int i = 0; i < across; ++i) {
      const double share =
          static_cast<double>(accuracy.count(truth, seen[static_cast<size_t>(i)])) /
          static_cast<double>(counts.images);
      // White to blue; the square root lets rare confusions show.
      const double depth = std::sqrt(share);
      const cv::Scalar colour(255 - 225 * depth, 255 - 170 * depth, 255 - 90 * depth);
      cv::rectangle(picture, cv::Rect(left + i * cell, y, cell, cell), colour, cv::FILLED);
    }
    if (named) {
      put_name(picture, labels.short_name(truth), {left - 6, y + cell / 2 + 4});
    }
    y += cell;
  }
  cv::rectangle(picture,
                cv::Rect(left - 1, kMargin - 1, across * cell + 2, down * cell + 2),
                {200, 200, 200});
  if (named) {
    // Written along the right side of the image turned by 90°.
    cv::Mat turned;
    cv::rotate(picture, turned, cv::ROTATE_90_CLOCKWISE);
    for (int i = 0; i < across; ++i) {
      put_name(turned,
               labels.short_name(seen[static_cast<size_t>(i)]),
               {bottom - 6, left + i * cell + cell / 2 + 4});
    }
    cv::rotate(turned, picture, cv::ROTATE_90_COUNTERCLOCKWISE);
  }
  return picture;
}

}  // namespace parallax
