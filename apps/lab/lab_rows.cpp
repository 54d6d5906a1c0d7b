// Results to JSON and back.
#include "apps/lab/lab_rows.h"

#include <cmath>

#include "apps/report/html.h"
#include "apps/report/pictures.h"
#include "apps/report/results.h"
#include "vision/lab/lab_text.h"
#include "vision/metrics/image_metrics.h"

namespace parallax {
namespace {

using nlohmann::json;

// Plots need no more digits, and pages get smaller.
double rounded(double value) {
  if (value == 0 || !std::isfinite(value)) {
    return value;
  }
  const double scale = std::pow(10.0, 4 - std::floor(std::log10(std::abs(value))));
  return std::isfinite(scale) ? std::round(value * scale) / scale : value;
}

json plot_json(const lab::LabPlot& plot) {
  json series = json::array();
  for (const lab::LabSeries& one : plot.series) {
    json points = json::array();
    for (const auto& [x, y] : one.points) {
      points.push_back({metric_json(rounded(x)), metric_json(rounded(y))});
    }
    series.push_back({{"name", one.name}, {"points", points}});
  }
  return {{"title", plot.title},
          {"choice", plot.choice},
          {"x_label", plot.x_label},
          {"y_label", plot.y_label},
          {"scatter", plot.scatter},
          {"log_x", plot.log_x},
          {"log_y", plot.log_y},
          {"series", series}};
}

}  // namespace

json probe_result_json(const lab::ProbeResult& result) {
  json object = {{"findings", json::array()},
                 {"plots", json::array()},
                 {"tables", json::array()},
                 {"pictures", json::array()},
                 {"notes", result.notes},
                 {"measures", json::object()}};
  for (const lab::Finding& finding : result.findings) {
    object["findings"].push_back({{"claim", finding.claim},
                                  {"section", finding.section},
                                  {"verdict", lab::verdict_text(finding.verdict)},
                                  {"number", finding.number},
                                  {"sentence", finding.sentence}});
  }
  for (const lab::LabPlot& plot : result.plots) {
    object["plots"].push_back(plot_json(plot));
  }
  for (const lab::LabTable& table : result.tables) {
    object["tables"].push_back({{"title", table.title}, {"rows", table.rows}});
  }
  for (const lab::LabPicture& picture : result.pictures) {
    object["pictures"].push_back({{"title", picture.title},
                                  {"note", picture.note},
                                  {"png", html::png_base64(to_picture(picture.image))}});
  }
  for (const auto& [name, values] : result.measures) {
    json list = json::array();
    for (const double value : values) {
      list.push_back(metric_json(value));
    }
    object["measures"][name] = list;
  }
  return object;
}

json lab_row_json(const LabRow& row) {
  return {{"probe", row.probe},
          {"word", row.word},
          {"model", row.model},
          {"variant", row.variant},
          {"classifies", row.classifies},
          {"training_steps", row.training_steps},
          {"model_time", row.model_time},
          {"seconds", row.seconds},
          {"result", row.result}};
}

std::optional<LabRow> parse_lab_row(const std::string& line) {
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object()) {
    return std::nullopt;
  }
  try {
    LabRow row{.probe = object.at("probe"),
               .word = object.at("word"),
               .model = object.at("model"),
               .variant = object.at("variant"),
               .classifies = object.at("classifies"),
               .training_steps = object.at("training_steps"),
               .model_time = object.at("model_time"),
               .seconds = object.at("seconds"),
               .result = object.at("result")};
    for (const char* list : {"findings", "plots", "tables", "pictures", "notes"}) {
      if (!row.result.at(list).is_array()) {
        return std::nullopt;
      }
    }
    return row;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

std::vector<double> measure_of(const LabRow& row, const std::string& name) {
  std::vector<double> values;
  const json measures = row.result.value("measures", json::object());
  if (measures.contains(name)) {
    for (const json& value : measures.at(name)) {
      values.push_back(parse_metric(value));
    }
  }
  return values;
}

}  // namespace parallax
