// Formats rows, reads them back, averages them.
#include "apps/compare/protocol_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/common/nvs_reading.h"
#include "apps/report/results.h"
#include "core/base/json_text.h"
#include "vision/metrics/image_metrics.h"
#include "vision/scene/image_size.h"

namespace parallax {
namespace {

using nlohmann::json;

double mean_of(const std::vector<ProtocolRow>& rows, double ViewMetrics::*member) {
  double sum = 0;
  for (const ProtocolRow& row : rows) {
    sum += row.mean.*member;
  }
  return rows.empty() ? kNotMeasured : sum / static_cast<double>(rows.size());
}

ViewMetrics mean_of(const ProtocolGroup& group) {
  return {.psnr = mean_of(group.rows, &ViewMetrics::psnr),
          .ssim = mean_of(group.rows, &ViewMetrics::ssim),
          .masked_psnr = mean_of(group.rows, &ViewMetrics::masked_psnr),
          .lpips = mean_of(group.rows, &ViewMetrics::lpips)};
}

std::string mean_label(const ProtocolGroup& group) {
  return group.rows.size() == group.wanted
             ? fmt::format("mean of {}", group.wanted)
             : fmt::format("mean of {} of {}", group.rows.size(), group.wanted);
}

std::vector<std::string> metric_cells(const ViewMetrics& metrics) {
  return {format_metric(metrics.psnr, 2),
          format_metric(metrics.ssim, 4),
          format_metric(metrics.lpips, 4)};
}

// "parallel", or "parallel, streamed".
std::string form_cell(const ProtocolGroup& group) {
  const bool streamed = !group.rows.empty() && group.rows.front().reading == kStreamedReading;
  return group.form + (streamed ? ", streamed" : "");
}

json protocol_row_json(const ProtocolRow& row) {
  json object = metrics_json(row.mean);
  object["scene"] = row.scene;
  object["model"] = row.model;
  object["form"] = row.form;
  object["reading"] = row.reading;
  object["size"] = {row.height, row.width};
  object["context"] = row.context;
  object["target"] = row.target;
  object["reconstruct_seconds"] = row.reconstruct_seconds;
  object["render_seconds_per_view"] = metric_json(row.seconds_per_view);
  for (const ViewMetrics& view : row.views) {
    object["views"].push_back(metrics_json(view));
  }
  return object;
}

}  // namespace

std::string protocol_row_line(const ProtocolRow& row) {
  return dump_json(protocol_row_json(row)) + "\n";
}

std::optional<ProtocolRow> parse_protocol_row(const std::string& line) {
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object()) {
    return std::nullopt;
  }
  try {
    return ProtocolRow{.scene = object.at("scene").get<std::string>(),
                       .model = object.at("model").get<std::string>(),
                       .form = object.at("form").get<std::string>(),
                       .reading = object.at("reading").get<std::string>(),
                       .height = object.at("size").at(0).get<int>(),
                       .width = object.at("size").at(1).get<int>(),
                       .context = object.at("context").get<std::vector<int>>(),
                       .target = object.at("target").get<std::vector<int>>(),
                       .mean = parse_metrics(object),
                       .reconstruct_seconds = object.at("reconstruct_seconds").get<double>(),
                       .seconds_per_view = parse_metric(object.at("render_seconds_per_view"))};
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

std::vector<std::vector<std::string>> protocol_table_rows(const ProtocolTable& table) {
  std::vector<std::vector<std::string>> rows = {
      {"scene", "model", "form", "inputs", "targets", "size", "PSNR dB", "SSIM", "LPIPS"}};
  for (const ProtocolGroup& group : table) {
    for (const ProtocolRow& row : group.rows) {
      rows.push_back({escape_invalid_utf8(row.scene),
                      row.model,
                      form_cell(group),
                      std::to_string(row.context.size()),
                      std::to_string(row.target.size()),
                      size_text(row.width, row.height)});
      const std::vector<std::string> cells = metric_cells(row.mean);
      rows.back().insert(rows.back().end(), cells.begin(), cells.end());
    }
  }
  for (const ProtocolGroup& group : table) {
    rows.push_back({mean_label(group), group.model, form_cell(group), "", "", ""});
    const std::vector<std::string> cells = metric_cells(mean_of(group));
    rows.back().insert(rows.back().end(), cells.begin(), cells.end());
  }
  return rows;
}

json protocol_json(const ProtocolTable& table) {
  json means = json::array();
  json rows = json::array();
  for (const ProtocolGroup& group : table) {
    json mean = metrics_json(mean_of(group));
    mean["model"] = group.model;
    mean["form"] = group.form;
    mean["scenes"] = group.rows.size();
    mean["scenes_wanted"] = group.wanted;
    means.push_back(std::move(mean));
    for (const ProtocolRow& row : group.rows) {
      rows.push_back(protocol_row_json(row));
    }
  }
  return {{"definition", kProtocolDefinition}, {"means", means}, {"scenes", rows}};
}

}  // namespace parallax
