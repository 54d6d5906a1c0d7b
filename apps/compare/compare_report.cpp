// The comparison as rows, JSON and HTML.
#include "apps/compare/compare_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/report/html.h"
#include "apps/report/pictures.h"
#include "apps/report/results.h"
#include "vision/scene/image_size.h"

namespace parallax {
namespace {

constexpr size_t kPicturedViews = 4;
constexpr int kPictureWidth = 120;

std::string form_label(const Comparison& comparison, const FormEvaluation& form) {
  return fmt::format("{} {}", comparison.model, form_name(form.form));
}

std::string picture_table(const SceneComparison& scene) {
  const size_t targets = scene.scene.targets.indices.size();
  const size_t shown = std::min(kPicturedViews, targets);
  std::string rows = "<table class=\"pictures\">\n";
  const auto row = [&](const std::string& title, const std::function<std::string(int64_t)>& cell) {
    rows += "<tr><td>" + html::escape(title) + "</td>";
    for (size_t s = 0; s < shown; ++s) {
      rows += "<td>" + cell(static_cast<int64_t>(s * targets / shown)) + "</td>";
    }
    rows += "</tr>\n";
  };
  row("truth", [&](int64_t i) {
    return html::image(to_picture(scene.scene.targets.images[0][i]),
                       fmt::format("view {}", scene.scene.targets.indices[i]),
                       kPictureWidth);
  });
  for (const Comparison& comparison : scene.models) {
    for (const FormEvaluation& form : comparison.forms) {
      row(form_label(comparison, form), [&](int64_t i) {
        return html::image(
                   to_picture(form.images[i]), form_label(comparison, form), kPictureWidth) +
               fmt::format("<br>{} dB", format_metric(form.views[i].psnr, 2));
      });
    }
  }
  return rows + "</table>\n";
}

std::string scene_section(const SceneComparison& scene) {
  std::vector<html::Bar> quality;
  std::vector<html::Bar> speed;
  std::vector<html::Series> series;
  double lowest = 1e300;
  for (const Comparison& comparison : scene.models) {
    for (const FormEvaluation& form : comparison.forms) {
      const std::string label = form_label(comparison, form);
      quality.push_back({label, form.mean.psnr, format_metric(form.mean.psnr, 2) + " dB"});
      lowest = std::isfinite(form.mean.psnr) ? std::min(lowest, form.mean.psnr) : lowest;
      const double rate = form.reconstruct_tokens_per_second();
      speed.push_back({label, rate, fmt::format("{:.0f}", rate)});
      html::Series line{.label = label};
      for (size_t i = 0; i < form.views.size(); ++i) {
        line.points.emplace_back(scene.scene.targets.indices[i], form.views[i].psnr);
      }
      series.push_back(std::move(line));
    }
  }
  std::string section = fmt::format("<h2>{} ({} input views, {})</h2>\n",
                                    html::escape(scene.scene.name),
                                    scene.scene.inputs.indices.size(),
                                    size_text(scene.scene.width, scene.scene.height));
  for (const std::string& note : scene.scene.notes) {
    section += "<p class=\"note\">" + html::escape(note) + "</p>\n";
  }
  const double base = lowest < 1e299 ? std::floor(lowest - 1) : 0;
  section += html::bar_chart("PSNR of the held-out views", quality, base, "dB");
  section += html::bar_chart("Reconstruction, tokens per second", speed, 0, "tokens/s");
  section += html::line_chart("PSNR per held-out view", series, "view", "dB");
  return section + picture_table(scene);
}

}  // namespace

std::vector<std::vector<std::string>> comparison_rows(const CompareReport& report) {
  const bool has_lpips =
      std::any_of(report.scenes.begin(), report.scenes.end(), [](const SceneComparison& scene) {
        return !std::isnan(scene.models.front().forms.front().mean.lpips);
      });
  std::vector<std::vector<std::string>> rows = {{"scene",
                                                 "model",
                                                 "variant",
                                                 "steps",
                                                 "form",
                                                 "PSNR dB",
                                                 "SSIM",
                                                 "masked dB",
                                                 "pooled dB",
                                                 "reconstruct ms",
                                                 "ms/view",
                                                 "tokens/s",
                                                 "max |rec-par|",
                                                 "PSNR rec/par dB"}};
  if (has_lpips) {
    rows.front().emplace_back("LPIPS");
  }
  for (const SceneComparison& scene : report.scenes) {
    for (const Comparison& comparison : scene.models) {
      for (const FormEvaluation& form : comparison.forms) {
        rows.push_back(
            {scene.scene.name,
             comparison.model,
             comparison.variant,
             comparison.training_steps > 0 ? fmt::format("{}", comparison.training_steps) : "-",
             std::string(form_name(form.form)),
             format_metric(form.mean.psnr, 2),
             format_metric(form.mean.ssim, 4),
             format_metric(form.mean.masked_psnr, 2),
             format_metric(form.pooled_psnr, 2),
             fmt::format("{:.1f}", form.reconstruct_seconds * 1e3),
             format_metric(form.seconds_per_view() * 1e3, 2),
             fmt::format("{:.0f}", form.reconstruct_tokens_per_second()),
             comparison.difference ? fmt::format("{:.1e}", comparison.difference->max_absolute)
                                   : "-",
             comparison.difference ? format_metric(comparison.difference->psnr, 1) : "-"});
        if (has_lpips) {
          rows.back().push_back(format_metric(form.mean.lpips, 4));
        }
      }
    }
  }
  return rows;
}

std::vector<std::vector<std::string>> difference_rows(const CompareReport& report) {
  std::vector<std::vector<std::string>> rows = {
      {"scene", "model", "variant", "dB over variant 0", "in the paper"}};
  for (const SceneComparison& scene : report.scenes) {
    for (const Comparison& comparison : scene.models) {
      const auto baseline =
          std::find_if(scene.models.begin(), scene.models.end(), [&](const Comparison& other) {
            return other.variant == "0" && other.training_steps > 0 &&
                   other.training_steps == comparison.training_steps;
          });
      if (baseline == scene.models.end() || comparison.variant == "0") {
        continue;
      }
      const double paper =
          find_variant(comparison.variant).paper.nvs_psnr - find_variant("0").paper.nvs_psnr;
      rows.push_back(
          {scene.scene.name,
           comparison.model,
           comparison.variant,
           fmt::format("{:+.2f}",
                       comparison.forms.front().mean.psnr - baseline->forms.front().mean.psnr),
           std::isnan(paper) ? "-" : fmt::format("{:+.2f}", paper)});
    }
  }
  return rows;
}

nlohmann::json comparison_json(const CompareReport& report) {
  nlohmann::json json = {{"machine", report.machine},
                         {"notes", report.notes},
                         {"psnr_definition", kPsnrDefinition},
                         {"scenes", nlohmann::json::array()}};
  for (const SceneComparison& scene : report.scenes) {
    nlohmann::json models = nlohmann::json::array();
    for (const Comparison& comparison : scene.models) {
      nlohmann::json entry = {{"model", comparison.model},
                              {"variant", comparison.variant},
                              {"training_steps", comparison.training_steps}};
      for (const FormEvaluation& form : comparison.forms) {
        entry["forms"][std::string(form_name(form.form))] = evaluation_json(form);
      }
      if (comparison.difference) {
        entry["difference"] = difference_json(*comparison.difference);
      }
      models.push_back(std::move(entry));
    }
    json["scenes"].push_back({{"scene", scene_json(scene.scene)}, {"models", std::move(models)}});
  }
  return json;
}

std::string comparison_page(const CompareReport& report) {
  std::string body = fmt::format("<p class=\"note\">{}<br>{}</p>\n",
                                 html::escape(kPsnrDefinition),
                                 html::escape(report.machine));
  for (const std::string& note : report.notes) {
    body += "<p>" + html::escape(note) + "</p>\n";
  }
  body += html::table(comparison_rows(report));
  if (const auto differences = difference_rows(report); differences.size() > 1) {
    body += "<h2>Compared with the paper</h2>\n" + html::table(differences);
  }
  for (const SceneComparison& scene : report.scenes) {
    body += scene_section(scene);
  }
  return html::page("Parallax: variants and forms compared", body);
}

}  // namespace parallax
