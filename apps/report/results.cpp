// Formats values as text.
#include "apps/report/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "core/base/json_text.h"
#include "core/io/atomic_file.h"
#include "vision/metrics/image_metrics.h"

namespace parallax {

std::string format_metric(double value, int decimals) {
  if (std::isnan(value)) {
    return "-";
  }
  return std::isinf(value) ? (value > 0 ? "inf" : "-inf") : fmt::format("{:.{}f}", value, decimals);
}

nlohmann::json metrics_json(const ViewMetrics& metrics) {
  nlohmann::json json = {{"psnr", metric_json(metrics.psnr)},
                         {"ssim", metric_json(metrics.ssim)},
                         {"masked_psnr", metric_json(metrics.masked_psnr)}};
  if (!std::isnan(metrics.lpips)) {
    json["lpips"] = metrics.lpips;
  }
  return json;
}

double parse_metric(const nlohmann::json& value) {
  if (value.is_string()) {
    return value == "inf" ? INFINITY : -INFINITY;
  }
  return value.is_number() ? value.get<double>() : kNotMeasured;
}

ViewMetrics parse_metrics(const nlohmann::json& object) {
  return {.psnr = parse_metric(object.at("psnr")),
          .ssim = parse_metric(object.at("ssim")),
          .masked_psnr = parse_metric(object.at("masked_psnr")),
          .lpips = object.contains("lpips") ? parse_metric(object.at("lpips")) : kNotMeasured};
}

nlohmann::json evaluation_json(const FormEvaluation& evaluation) {
  nlohmann::json json = metrics_json(evaluation.mean);
  json["pooled_psnr"] = metric_json(evaluation.pooled_psnr);
  json["reconstruct_seconds"] = evaluation.reconstruct_seconds;
  json["render_seconds_per_view"] = metric_json(evaluation.seconds_per_view());
  json["reconstruct_tokens_per_second"] = evaluation.reconstruct_tokens_per_second();
  json["render_tokens_per_second"] = metric_json(evaluation.render_tokens_per_second());
  return json;
}

nlohmann::json difference_json(const FormDifference& difference) {
  return {{"max_absolute", difference.max_absolute},
          {"psnr_between_forms", metric_json(difference.psnr)}};
}

nlohmann::json scene_json(const PreparedScene& scene) {
  return {{"name", scene.name},
          {"format", scene.format},
          {"height", scene.height},
          {"width", scene.width},
          {"input_views", scene.inputs.indices},
          {"target_views", scene.targets.indices},
          {"notes", scene.notes}};
}

nlohmann::json model_json(const NvsModel& model) {
  return {{"name", model.name},
          {"file", model.path.string()},
          {"variant", model.card.options.variant},
          {"config", options_to_json(model.card.options)},
          {"newton_schulz_steps", model.module->rule().newton_schulz.steps}};
}

namespace {

// The number of characters in a UTF-8 string, for columns.
size_t display_width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row[i]));
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - display_width(row[i]), ' ');
      line += i == 0 ? row[i] + padding : "  " + padding + row[i];
    }
    text += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return text;
}

std::string format_csv(const std::vector<std::vector<std::string>>& rows) {
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      std::string field = row[i];
      if (field.find_first_of(",\"\n") != std::string::npos) {
        std::string quoted = "\"";
        for (const char c : field) {
          quoted += c == '"' ? "\"\"" : std::string(1, c);
        }
        field = quoted + "\"";
      }
      text += (i == 0 ? "" : ",") + field;
    }
    text += "\n";
  }
  return text;
}

void write_json(const std::string& path, const nlohmann::json& json) {
  const std::string text = dump_json(json, 1) + "\n";
  if (path == "-") {
    std::fputs(text.c_str(), stdout);
    return;
  }
  write_file_atomically(path, text);
}

}  // namespace parallax
