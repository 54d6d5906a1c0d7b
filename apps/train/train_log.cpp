// Writes lines, page and plot.
#include "apps/train/train_log.h"

#include <fmt/format.h>

#include <chrono>
#include <fstream>

#include "apps/report/html.h"
#include "apps/report/plot.h"
#include "apps/report/system_info.h"
#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/image/image.h"
#include "core/io/atomic_file.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr double kSecondsBetweenDrawings = 5;
constexpr size_t kPlottedPoints = 600;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<nlohmann::json> read_records(const fs::path& path, int64_t steps_done) {
  std::vector<nlohmann::json> records;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    nlohmann::json record = nlohmann::json::parse(line, nullptr, false);
    if (record.is_object() && record.contains("step") && record.at("step").is_number_integer() &&
        record.at("step").get<int64_t>() <= steps_done) {
      records.push_back(std::move(record));
    }
  }
  return records;
}

// One field of one kind of record over the steps, thinned out to as many points as a chart can
// show.
html::Series series_of(const std::vector<nlohmann::json>& records,
                       const std::string& kind,
                       const std::string& field,
                       const std::string& label) {
  html::Series series{.label = label};
  for (const nlohmann::json& record : records) {
    if (record.value("kind", "") == kind && record.contains(field) &&
        record.at(field).is_number()) {
      series.points.emplace_back(record.at("step").get<double>(), record.at(field).get<double>());
    }
  }
  const size_t stride = series.points.size() / kPlottedPoints + 1;
  if (stride > 1) {
    std::vector<std::pair<double, double>> thinned;
    for (size_t i = 0; i < series.points.size(); i += stride) {
      thinned.push_back(series.points[i]);
    }
    series.points = std::move(thinned);
  }
  return series;
}

struct Chart {
  const char* title;
  const char* unit;
  std::vector<html::Series> series;
};

std::vector<Chart> charts_of(const std::vector<nlohmann::json>& records) {
  std::vector<Chart> charts = {
      {"Quality",
       "dB",
       {series_of(records, "step", "psnr", "training"),
        series_of(records, "evaluation", "held_out_psnr", "held out")}},
      {"Accuracy",
       "%",
       {series_of(records, "step", "accuracy", "training"),
        series_of(records, "evaluation", "top1", "validation top-1"),
        series_of(records, "evaluation", "top5", "validation top-5")}},
      {"Loss", "loss", {series_of(records, "step", "loss", "training")}},
      {"Gradient norm", "norm", {series_of(records, "step", "gradient_norm", "before clipping")}}};
  for (Chart& chart : charts) {
    std::erase_if(chart.series, [](const html::Series& one) { return one.points.empty(); });
  }
  std::erase_if(charts, [](const Chart& chart) { return chart.series.empty(); });
  return charts;
}

std::vector<std::vector<std::string>> evaluation_rows(const std::vector<nlohmann::json>& records) {
  std::vector<std::vector<std::string>> rows = {{"step", "minutes", "results"}};
  for (const nlohmann::json& record : records) {
    if (record.value("kind", "") != "evaluation") {
      continue;
    }
    std::string results;
    for (const auto& item : record.items()) {
      const std::string& key = item.key();
      if (key != "kind" && key != "step" && key != "seconds" && key != "score" &&
          item.value().is_number()) {
        results += fmt::format(
            "{}{} {:.4g}", results.empty() ? "" : ", ", key, item.value().get<double>());
      }
    }
    rows.push_back({record.at("step").dump(),
                    fmt::format("{:.1f}", record.value("seconds", 0.0) / 60),
                    results});
  }
  return rows;
}

}  // namespace

TrainLog::TrainLog(const fs::path& folder, std::string title, int64_t steps_done)
    : folder_(folder), title_(std::move(title)), provenance_(provenance_text(provenance_json())) {
  const fs::path path = folder / "log.jsonl";
  records_ = read_records(path, steps_done);
  std::string text;
  for (const nlohmann::json& record : records_) {
    text += dump_json(record) + "\n";
  }
  write_file_atomically(path, text);
  file_.emplace(path, "The last checkpoint is kept; continue with --resume.");
}

void TrainLog::add(const nlohmann::json& record) {
  records_.push_back(record);
  file_->append(dump_json(record) + "\n");
  if (now() - drawn_at_ > kSecondsBetweenDrawings) {
    draw(false);
  }
}

void TrainLog::draw(bool finished) {
  std::string body;
  cv::Mat picture;
  for (const Chart& chart : charts_of(records_)) {
    body += html::line_chart(chart.title, chart.series, "step", chart.unit);
    const cv::Mat plot = line_plot(chart.title, chart.series, "step", chart.unit);
    if (picture.empty()) {
      picture = plot.clone();
    } else {
      picture.push_back(plot);
    }
  }
  body += "<h2>Evaluations</h2>" + html::table(evaluation_rows(records_));
  if (!finished) {
    body +=
        "<p class=\"note\">This page follows the run.</p>"
        "<script>setTimeout(() => location.reload(), 10000)</script>";
  }
  body += "<p class=\"note\">" + html::escape(provenance_) + "</p>";
  write_file_atomically(folder_ / "training.html", html::page(title_, body));
  if (!picture.empty()) {
    write_image(folder_ / "training.png", picture);
  }
  drawn_at_ = now();
}

}  // namespace parallax
