// Fills the page's frame (apps/compare/page).
#include "apps/compare/compare_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "apps/report/html.h"
#include "apps/report/results.h"
#include "apps/report/system_info.h"
#include "compare_page_text.h"
#include "report_page_text.h"

namespace parallax {
namespace {

// What was compared, and the answer to the first question: whether the forms agree.
std::string introduction(const CompareReport& report) {
  std::set<std::string> models;
  std::set<std::string> scenes;
  size_t views = 0;
  double least = INFINITY;
  bool two_forms = false;
  for (const ComparisonRow& row : report.rows) {
    models.insert(row.model);
    views += scenes.insert(row.scene_path).second ? row.forms.front().views.size() : 0;
    if (row.difference) {
      two_forms = true;
      least = std::min(least, row.difference->psnr);
    }
  }
  std::string text = fmt::format("<p>{} {} on {} {}, {} held-out {}.",
                                 models.size(),
                                 models.size() == 1 ? "model" : "models",
                                 scenes.size(),
                                 scenes.size() == 1 ? "scene" : "scenes",
                                 views,
                                 views == 1 ? "view" : "views");
  if (two_forms) {
    text +=
        std::isinf(least)
            ? " The recurrent and the parallel form render the same pictures to the bit."
            : fmt::format(
                  " The recurrent and the parallel form of every model render the same pictures "
                  "to {:.0f} dB or better.",
                  least);
  }
  text += "</p>\n";
  for (const std::string& note : report.notes) {
    text += "<p class=\"soft\">" + html::escape(note) + "</p>\n";
  }
  return text;
}

std::string details(const CompareReport& report) {
  std::string text = "<pre>" + html::escape(provenance_text(report.provenance)) + "</pre>\n";
  text += "<p class=\"soft small\">" + html::escape(kPsnrDefinition) +
          " ± is the standard error over the held-out views of these scenes; with several scenes, "
          "means are of the scenes' means. Differences are paired by view. Speeds: the forms in "
          "turns, medians of all rounds; a form is called faster only where the 95 % interval of "
          "the rounds' ratio leaves out 1.</p>\n";
  for (const ComparisonRow& row : report.rows) {
    if (&row != &report.rows.front() && row.scene_path == (&row - 1)->scene_path) {
      continue;  // its notes were given
    }
    const nlohmann::json& scene = row.scene;
    text += fmt::format("<p class=\"soft small\">{}: {}, {}x{}, {} input views",
                        html::escape(row.scene_name()),
                        html::escape(scene.at("format").get<std::string>()),
                        scene.at("width").get<int>(),
                        scene.at("height").get<int>(),
                        scene.at("input_views").size());
    for (const nlohmann::json& note : scene.at("notes")) {
      text += ". " + html::escape(note.get<std::string>());
    }
    text += "</p>\n";
  }
  return text;
}

}  // namespace

std::string comparison_page(const CompareReport& report) {
  std::string plain = html::table(comparison_table(report));
  if (const auto differences = difference_table(report); differences.size() > 1) {
    plain += html::table(differences);
  }
  const std::string note = report.beside_paper ? fmt::format("<p class=\"soft small\">{}</p>",
                                                             html::escape(kPaperCaveat))
                                               : std::string();
  return html::fill(pages::k_compare_html,
                    {{"title", "Parallax: models and forms compared"},
                     {"style", std::string(pages::k_common_css) + pages::k_compare_css},
                     {"introduction", introduction(report)},
                     {"table_note", note},
                     {"plain_table", plain},
                     {"details", details(report)},
                     {"data", html::script_safe(comparison_json(report, true))},
                     {"script", std::string(pages::k_common_js) + pages::k_compare_js}});
}

}  // namespace parallax
