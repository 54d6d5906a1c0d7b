// Fills the page's frame (apps/lab/page).
#include "apps/lab/lab_page.h"

#include <fmt/format.h>

#include "apps/lab/lab_probes.h"
#include "apps/report/html.h"
#include "apps/report/system_info.h"
#include "lab_page_text.h"
#include "report_page_text.h"

namespace parallax {
namespace {

using nlohmann::json;

std::string lab_introduction(const LabReport& report) {
  std::string data;
  for (const std::string& one : report.data) {
    data += (data.empty() ? "" : "; ") + one;
  }
  std::string text = fmt::format(
      "<p>The claims of <i>Test-Time Training with KV Binding Is Secretly Linear Attention</i> "
      "(arXiv 2602.21204), tested on these models with {}. Each sentence names the number behind "
      "it; where that has an interval of 95 %, a claim holds only if all of the interval says "
      "so.</p>\n<p "
      "class=\"soft\">{}</p>\n",
      html::escape(data),
      html::escape(kTwoForms));
  for (const std::string& failure : report.failures) {
    text += "<p class=\"soft\">Left out: " + html::escape(failure) + "</p>\n";
  }
  return text;
}

}  // namespace

std::vector<std::vector<std::string>> findings_table(const LabReport& report) {
  std::vector<std::vector<std::string>> table = {{"model", "claim", "paper", "verdict", "number"}};
  for (const LabProbe& probe : lab_probes()) {
    for (const LabRow& row : report.rows) {
      if (row.probe != probe.name) {
        continue;
      }
      for (const json& finding : row.result.at("findings")) {
        table.push_back({row.model,
                         finding.at("claim").get<std::string>(),
                         finding.at("section").get<std::string>(),
                         finding.at("verdict").get<std::string>(),
                         finding.at("number").get<std::string>()});
      }
    }
  }
  return table;
}

std::string findings_text(const LabReport& report) {
  std::string text;
  std::string model;
  for (const LabRow& row : report.rows) {
    if (row.model != model) {
      text += fmt::format("{}{}\n", text.empty() ? "" : "\n", row.model);
      model = row.model;
    }
    for (const json& finding : row.result.at("findings")) {
      const auto field = [&](const char* name) { return finding.at(name).get<std::string>(); };
      text += fmt::format("  {:<19} {}{}{}\n",
                          field("verdict"),
                          field("claim"),
                          field("section").empty() ? "" : " (" + field("section") + ")",
                          field("number").empty() ? "" : ": " + field("number"));
    }
  }
  return text;
}

json lab_json(const LabReport& report, bool for_page) {
  json object = {{"provenance", report.provenance},
                 {"data", report.data},
                 {"failures", report.failures},
                 {"two_forms", kTwoForms},
                 {"rows", json::array()}};
  for (const LabRow& row : report.rows) {
    json entry = lab_row_json(row);
    entry.erase("word");
    entry.erase("model_time");
    if (!for_page) {
      entry["result"].erase("pictures");
    } else {
      entry["result"].erase("measures");
    }
    object["rows"].push_back(std::move(entry));
  }
  if (for_page) {
    object["probes"] = json::array();
    for (const LabProbe& probe : lab_probes()) {
      object["probes"].push_back({{"name", probe.name},
                                  {"title", probe.title},
                                  {"section", probe.section},
                                  {"summary", probe.summary}});
    }
  }
  return object;
}

std::string lab_page(const LabReport& report) {
  return html::fill(
      pages::k_lab_html,
      {{"title", "Parallax: the laboratory"},
       {"style", std::string(pages::k_common_css) + pages::k_lab_css},
       {"introduction", lab_introduction(report)},
       {"plain_table", html::table(findings_table(report))},
       {"details", "<pre>" + html::escape(provenance_text(report.provenance)) + "</pre>\n"},
       {"data", html::script_safe(lab_json(report, true))},
       {"script", std::string(pages::k_common_js) + pages::k_lab_js}});
}

}  // namespace parallax
