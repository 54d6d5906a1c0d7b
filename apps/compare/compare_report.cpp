// Formats rows; takes differences by view.
#include "apps/compare/compare_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "apps/common/nvs_reading.h"
#include "apps/report/form_speed.h"
#include "apps/report/results.h"
#include "core/base/json_text.h"
#include "vision/metrics/image_metrics.h"
#include "vision/metrics/statistics.h"
#include "vision/models/variant_text.h"

namespace parallax {
namespace {

using nlohmann::json;

constexpr double kMillisecond = 1e-3;
constexpr int kReadingColumn = 3;  // after scene, model and variant

bool has_lpips(const CompareReport& report) {
  return std::any_of(report.rows.begin(), report.rows.end(), [](const ComparisonRow& row) {
    return !std::isnan(row.forms.front().mean.lpips);
  });
}

bool has_streamed(const CompareReport& report) {
  return std::any_of(report.rows.begin(), report.rows.end(), [](const ComparisonRow& row) {
    return row.reading == kStreamedReading;
  });
}

// The forms that any model has, in the order of the first that has most.
std::vector<std::string> forms_of(const CompareReport& report) {
  std::vector<std::string> names;
  for (const ComparisonRow& row : report.rows) {
    if (row.forms.size() > names.size()) {
      names.clear();
      for (const ComparedForm& form : row.forms) {
        names.push_back(form.form);
      }
    }
  }
  return names;
}

std::string with_error(const Estimate& estimate, int decimals) {
  return std::isnan(estimate.standard_error)
             ? format_metric(estimate.mean, decimals)
             : fmt::format(
                   "{:.{}f} ± {:.{}f}", estimate.mean, decimals, estimate.standard_error, decimals);
}

// "+0.12", never "-0.00".
std::string signed_text(double value) {
  const std::string text = fmt::format("{:+.2f}", value);
  return text == "-0.00" ? "+0.00" : text;
}

// A mean with its error, of a form's views; of its own where views and mean differ in meaning.
std::string mean_cell(const ComparedForm& form, double ViewMetrics::*metric, int decimals) {
  const std::vector<double> values = column_of(form, metric);
  const bool finite =
      std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
  return finite && !values.empty() ? with_error(estimate_mean(values), decimals)
                                   : format_metric(form.mean.*metric, decimals);
}

std::string spread_cell(const std::vector<double>& seconds) {
  return seconds.empty() ? "-" : format_spread(spread_of(seconds), kMillisecond);
}

// PSNR over the baseline's, by view.
struct OverBaseline {
  Estimate psnr;
  size_t better = 0;    // views
  std::string variant;  // the baseline's
};

// Nothing for the baseline itself, and on scenes that it has no row for.
std::optional<OverBaseline> over_baseline(const CompareReport& report, const ComparisonRow& row) {
  const std::string baseline = choose_baseline(report);
  const auto found =
      std::find_if(report.rows.begin(), report.rows.end(), [&](const ComparisonRow& other) {
        return other.scene_path == row.scene_path && other.model == baseline;
      });
  if (found == report.rows.end() || row.model == baseline) {
    return std::nullopt;
  }
  const std::vector<double> own = column_of(row.forms.front(), &ViewMetrics::psnr);
  const std::vector<double> base = column_of(found->forms.front(), &ViewMetrics::psnr);
  OverBaseline over{.psnr = estimate_difference(own, base), .variant = found->variant};
  for (size_t i = 0; i < own.size(); ++i) {
    over.better += own[i] > base[i] ? 1 : 0;
  }
  return over;
}

// The paper's difference of two variants; NaN where it has none.
double paper_difference(const std::string& variant, const std::string& baseline) {
  return find_variant(variant).paper.nvs_psnr - find_variant(baseline).paper.nvs_psnr;
}

std::string csv_number(double value) {
  return std::isnan(value)   ? ""
         : std::isinf(value) ? (value > 0 ? "inf" : "-inf")
                             : fmt::format("{}", value);
}

json model_entry(const CompareReport& report, const ComparisonRow& row, bool for_page) {
  json entry = {{"model", row.model},
                {"variant", row.variant},
                {"reading", row.reading},
                {"training_steps", row.training_steps},
                {"faster_form", faster_form(row)}};
  for (const ComparedForm& form : row.forms) {
    entry["forms"][form.form] = compared_form_json(form);
  }
  if (row.difference) {
    entry["difference"] = difference_json(*row.difference);
  }
  if (const auto over = over_baseline(report, row)) {
    entry["over_baseline"] = {{"psnr", metric_json(over->psnr.mean)},
                              {"standard_error", metric_json(over->psnr.standard_error)},
                              {"low", metric_json(over->psnr.low)},
                              {"high", metric_json(over->psnr.high)},
                              {"views", over->psnr.count},
                              {"views_better", over->better}};
  }
  if (for_page) {
    entry["pictures"] = pictures_json(row.pictures);
    entry["variant_summary"] = full_summary(find_variant(row.variant));
  }
  return entry;
}

json paper_json(const CompareReport& report) {
  json psnr = json::object();
  for (const ComparisonRow& row : report.rows) {
    if (const double value = find_variant(row.variant).paper.nvs_psnr; !std::isnan(value)) {
      psnr[row.variant] = value;
    }
  }
  return {{"note", kPaperCaveat}, {"psnr", psnr}};
}

}  // namespace

std::string choose_baseline(const CompareReport& report) {
  if (!report.baseline.empty()) {
    return report.baseline;
  }
  const auto original = std::find_if(report.rows.begin(),
                                     report.rows.end(),
                                     [](const ComparisonRow& row) { return row.variant == "0"; });
  return original == report.rows.end() ? report.rows.front().model : original->model;
}

std::vector<std::vector<std::string>> comparison_table(const CompareReport& report) {
  const bool lpips = has_lpips(report);
  const bool streamed = has_streamed(report);
  const std::vector<std::string> forms = forms_of(report);
  std::vector<std::vector<std::string>> table = {
      {"scene", "model", "variant", "steps", "PSNR dB", "SSIM", "masked dB", "pooled dB"}};
  if (streamed) {
    table.front().insert(table.front().begin() + kReadingColumn, "reading");
  }
  if (lpips) {
    table.front().emplace_back("LPIPS");
  }
  for (const std::string& form : forms) {
    table.front().push_back(form + " reads, ms");
  }
  if (forms.size() > 1) {
    table.front().insert(table.front().end(), {"faster form", "forms equal to, dB"});
  }
  table.front().emplace_back("ms/view");
  for (const ComparisonRow& row : report.rows) {
    const ComparedForm& first = row.forms.front();
    std::vector<std::string> cells = {
        escape_invalid_utf8(row.scene_name()),
        row.model,
        row.variant,
        row.training_steps > 0 ? fmt::format("{}", row.training_steps) : "-",
        mean_cell(first, &ViewMetrics::psnr, 2),
        mean_cell(first, &ViewMetrics::ssim, 4),
        mean_cell(first, &ViewMetrics::masked_psnr, 2),
        format_metric(first.pooled_psnr, 2)};
    if (streamed) {
      cells.insert(cells.begin() + kReadingColumn, row.reading);
    }
    if (lpips) {
      cells.push_back(mean_cell(first, &ViewMetrics::lpips, 4));
    }
    for (const std::string& name : forms) {
      const ComparedForm* form = row.find_form(name);
      cells.push_back(form != nullptr ? spread_cell(form->reconstruct_seconds) : "-");
    }
    if (forms.size() > 1) {
      cells.push_back(row.forms.size() > 1 ? faster_form(row) : "-");
      cells.push_back(row.difference ? format_metric(row.difference->psnr, 1) : "-");
    }
    cells.push_back(spread_cell(first.view_seconds));
    table.push_back(std::move(cells));
  }
  return table;
}

std::vector<std::vector<std::string>> difference_table(const CompareReport& report) {
  const std::string baseline = choose_baseline(report);
  std::vector<std::vector<std::string>> table = {
      {"scene", "model", "variant", "dB over " + baseline, "95 % interval", "better views"}};
  if (report.beside_paper) {
    table.front().emplace_back("in the paper");
  }
  for (const ComparisonRow& row : report.rows) {
    const auto over = over_baseline(report, row);
    if (!over) {
      continue;
    }
    const Estimate& psnr = over->psnr;
    table.push_back({escape_invalid_utf8(row.scene_name()),
                     row.model,
                     row.variant,
                     psnr.count == 0 ? "-" : signed_text(psnr.mean),
                     psnr.count < 2
                         ? "-"
                         : fmt::format("{} to {}", signed_text(psnr.low), signed_text(psnr.high)),
                     fmt::format("{} of {}", over->better, row.forms.front().views.size())});
    if (report.beside_paper) {
      const double paper = paper_difference(row.variant, over->variant);
      table.back().push_back(std::isnan(paper) ? "-" : signed_text(paper));
    }
  }
  return table;
}

std::vector<std::vector<std::string>> comparison_csv(const CompareReport& report) {
  std::vector<std::vector<std::string>> rows = {{"scene",
                                                 "model",
                                                 "variant",
                                                 "training_steps",
                                                 "reading",
                                                 "form",
                                                 "views",
                                                 "psnr",
                                                 "psnr_standard_error",
                                                 "ssim",
                                                 "masked_psnr",
                                                 "pooled_psnr",
                                                 "lpips",
                                                 "reconstruct_seconds",
                                                 "render_seconds_per_view",
                                                 "reconstruct_tokens_per_second",
                                                 "forms_max_absolute",
                                                 "forms_psnr",
                                                 "baseline",
                                                 "psnr_over_baseline",
                                                 "psnr_over_baseline_low",
                                                 "psnr_over_baseline_high"}};
  const std::string baseline = choose_baseline(report);
  for (const ComparisonRow& row : report.rows) {
    const auto over = over_baseline(report, row);
    for (const ComparedForm& form : row.forms) {
      const double seconds = form.reconstruct_median();
      rows.push_back({escape_invalid_utf8(row.scene_name()),
                      row.model,
                      row.variant,
                      row.training_steps > 0 ? fmt::format("{}", row.training_steps) : "",
                      row.reading,
                      form.form,
                      std::to_string(form.views.size()),
                      csv_number(form.mean.psnr),
                      csv_number(estimate_mean(column_of(form, &ViewMetrics::psnr)).standard_error),
                      csv_number(form.mean.ssim),
                      csv_number(form.mean.masked_psnr),
                      csv_number(form.pooled_psnr),
                      csv_number(form.mean.lpips),
                      csv_number(seconds),
                      csv_number(form.view_median()),
                      csv_number(static_cast<double>(form.input_tokens) / seconds),
                      row.difference ? csv_number(row.difference->max_absolute) : "",
                      row.difference ? csv_number(row.difference->psnr) : "",
                      baseline,
                      over ? csv_number(over->psnr.mean) : "",
                      over ? csv_number(over->psnr.low) : "",
                      over ? csv_number(over->psnr.high) : ""});
    }
  }
  return rows;
}

std::vector<std::vector<std::string>> views_csv(const CompareReport& report) {
  std::vector<std::vector<std::string>> rows = {
      {"scene", "model", "variant", "form", "view", "psnr", "ssim", "masked_psnr", "lpips"}};
  for (const ComparisonRow& row : report.rows) {
    const json& targets = row.scene.at("target_views");
    for (const ComparedForm& form : row.forms) {
      for (size_t i = 0; i < form.views.size(); ++i) {
        const ViewMetrics& view = form.views[i];
        rows.push_back({escape_invalid_utf8(row.scene_name()),
                        row.model,
                        row.variant,
                        form.form,
                        std::to_string(targets.at(i).get<int>()),
                        csv_number(view.psnr),
                        csv_number(view.ssim),
                        csv_number(view.masked_psnr),
                        csv_number(view.lpips)});
      }
    }
  }
  return rows;
}

json comparison_json(const CompareReport& report, bool for_page) {
  const std::string baseline = choose_baseline(report);
  json object = {{"provenance", report.provenance},
                 {"notes", report.notes},
                 {"psnr_definition", kPsnrDefinition},
                 {"baseline", baseline},
                 {"scenes", json::array()}};
  if (report.beside_paper) {
    object["beside_paper"] = paper_json(report);
  }
  std::string path;
  for (const ComparisonRow& row : report.rows) {
    if (object["scenes"].empty() || path != row.scene_path) {
      path = row.scene_path;
      object["scenes"].push_back({{"scene", row.scene}, {"models", json::array()}});
    }
    object["scenes"].back()["models"].push_back(model_entry(report, row, for_page));
  }
  return object;
}

}  // namespace parallax
