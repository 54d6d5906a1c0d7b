// Rows to JSON and back.
#include "apps/compare/compare_rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/report/form_speed.h"
#include "apps/report/results.h"
#include "apps/report/timing.h"
#include "core/base/json_text.h"
#include "vision/metrics/image_metrics.h"
#include "vision/metrics/statistics.h"

namespace parallax {
namespace {

using nlohmann::json;

ComparedForm parse_form(const json& object) {
  ComparedForm form{
      .form = object.at("form").get<std::string>(),
      .mean = parse_metrics(object),
      .pooled_psnr = parse_metric(object.at("pooled_psnr")),
      .reconstruct_seconds = object.at("reconstruct_rounds").get<std::vector<double>>(),
      .view_seconds = object.at("view_rounds").get<std::vector<double>>(),
      .input_tokens = object.at("input_tokens").get<int64_t>()};
  for (const json& view : object.at("views")) {
    form.views.push_back(parse_metrics(view));
  }
  return form;
}

ComparisonRow parse_row(const json& object) {
  ComparisonRow row{.scene_path = object.at("scene_path").get<std::string>(),
                    .scene = object.at("scene"),
                    .word = object.at("word").get<std::string>(),
                    .model = object.at("model").get<std::string>(),
                    .variant = object.at("variant").get<std::string>(),
                    .reading = object.at("reading").get<std::string>(),
                    .training_steps = object.at("training_steps").get<int64_t>(),
                    .model_time = object.at("model_time").get<int64_t>()};
  for (const json& form : object.at("forms")) {
    row.forms.push_back(parse_form(form));
  }
  if (const json& difference = object.at("difference"); !difference.is_null()) {
    row.difference = FormDifference{.max_absolute = difference.at("max_absolute").get<double>(),
                                    .psnr = parse_metric(difference.at("psnr_between_forms"))};
  }
  for (const json& picture : object.at("pictures")) {
    ComparedPicture& read = row.pictures.emplace_back();
    read.view = picture.at("view").get<int>();
    read.truth = picture.at("truth").get<std::string>();
    for (const auto& image : picture.at("images").items()) {
      read.images.emplace_back(image.key(), image.value().get<std::string>());
    }
  }
  return row;
}

double median_or_nothing(const std::vector<double>& seconds) {
  return seconds.empty() ? kNotMeasured : median(seconds);
}

}  // namespace

double ComparedForm::reconstruct_median() const { return median_or_nothing(reconstruct_seconds); }

double ComparedForm::view_median() const { return median_or_nothing(view_seconds); }

const ComparedForm* ComparisonRow::find_form(const std::string& form) const {
  const auto found = std::find_if(
      forms.begin(), forms.end(), [&](const ComparedForm& other) { return other.form == form; });
  return found == forms.end() ? nullptr : &*found;
}

std::vector<double> column_of(const ComparedForm& form, double ViewMetrics::*metric) {
  std::vector<double> column;
  column.reserve(form.views.size());
  for (const ViewMetrics& view : form.views) {
    column.push_back(view.*metric);
  }
  return column;
}

json compared_form_json(const ComparedForm& form) {
  json object = metrics_json(form.mean);
  object["pooled_psnr"] = metric_json(form.pooled_psnr);
  object["psnr_standard_error"] =
      metric_json(estimate_mean(column_of(form, &ViewMetrics::psnr)).standard_error);
  object["reconstruct_seconds"] = metric_json(form.reconstruct_median());
  object["render_seconds_per_view"] = metric_json(form.view_median());
  object["reconstruct_tokens_per_second"] =
      metric_json(static_cast<double>(form.input_tokens) / form.reconstruct_median());
  object["reconstruct_rounds"] = form.reconstruct_seconds;
  object["view_rounds"] = form.view_seconds;
  object["input_tokens"] = form.input_tokens;
  object["views"] = json::array();
  for (const ViewMetrics& view : form.views) {
    object["views"].push_back(metrics_json(view));
  }
  return object;
}

json pictures_json(const std::vector<ComparedPicture>& pictures) {
  json list = json::array();
  for (const ComparedPicture& picture : pictures) {
    json images = json::object();
    for (const auto& [form, png] : picture.images) {
      images[form] = png;
    }
    list.push_back({{"view", picture.view}, {"truth", picture.truth}, {"images", images}});
  }
  return list;
}

std::string comparison_row_line(const ComparisonRow& row) {
  json forms = json::array();
  for (const ComparedForm& form : row.forms) {
    forms.push_back(compared_form_json(form));
    forms.back()["form"] = form.form;
  }
  const json object = {{"scene_path", row.scene_path},
                       {"scene", row.scene},
                       {"word", row.word},
                       {"model", row.model},
                       {"variant", row.variant},
                       {"reading", row.reading},
                       {"training_steps", row.training_steps},
                       {"model_time", row.model_time},
                       {"forms", forms},
                       {"difference", row.difference ? difference_json(*row.difference) : json()},
                       {"pictures", pictures_json(row.pictures)}};
  return dump_json(object) + "\n";
}

std::optional<ComparisonRow> parse_comparison_row(const std::string& line) {
  const json object = json::parse(line, nullptr, false);
  if (!object.is_object()) {
    return std::nullopt;
  }
  try {
    return parse_row(object);
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

std::string faster_form(const ComparisonRow& row) {
  if (row.forms.size() < 2) {
    return "";
  }
  const double ratio =
      certain_ratio(row.forms[0].reconstruct_seconds, row.forms[1].reconstruct_seconds);
  if (ratio == 1) {
    return "equal";
  }
  return ratio > 1 ? fmt::format("{} {:.2f}×", row.forms[1].form, ratio)
                   : fmt::format("{} {:.2f}×", row.forms[0].form, 1 / ratio);
}

}  // namespace parallax
