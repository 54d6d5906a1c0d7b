// Reads rows.
#include "apps/viewer/laboratory/lab_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <limits>

#include "apps/lab/lab_probes.h"
#include "apps/lab/lab_rows.h"
#include "apps/lab/lab_run.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// By probe, the newest row.
std::map<std::string, LabRow> newest_rows(const fs::path& file, const std::string& model) {
  std::map<std::string, LabRow> rows;
  std::ifstream stream(file);
  int64_t newest = std::numeric_limits<int64_t>::min();
  for (std::string line; std::getline(stream, line) && !stream.eof();) {  // at eof: no whole line
    auto row = parse_lab_row(line);
    if (row && row->word == model) {
      newest = std::max(newest, row->model_time);
      rows.insert_or_assign(row->probe, *std::move(row));
    }
  }
  std::erase_if(rows, [&](const auto& row) { return row.second.model_time != newest; });
  return rows;
}

}  // namespace

view::LabFolder read_lab_folder(const std::string& folder, const std::string& model) {
  view::LabFolder found{.path = folder};
  std::error_code ignored;
  const fs::path page = fs::path(folder) / "lab.html";
  if (fs::is_regular_file(page, ignored)) {
    found.page = page.string();
  }
  const std::map<std::string, LabRow> rows = newest_rows(fs::path(folder) / kLabRows, model);
  for (const LabProbe& probe : lab_probes()) {
    const auto row = rows.find(probe.name);
    if (row == rows.end()) {
      continue;
    }
    found.seconds[probe.name] = row->second.seconds;
    for (const json& finding : row->second.result.at("findings")) {
      found.findings.push_back({.claim = finding.value("claim", ""),
                                .verdict = finding.value("verdict", ""),
                                .number = finding.value("number", ""),
                                .sentence = finding.value("sentence", "")});
    }
  }
  return found;
}

std::string lab_folder_stamp(const std::string& folder) {
  std::string stamp;
  for (const char* name : {kLabRows, "lab.html"}) {
    std::error_code ignored;
    const fs::path file = fs::path(folder) / name;
    stamp += fmt::format("{} {} ",
                         fs::last_write_time(file, ignored).time_since_epoch().count(),
                         fs::file_size(file, ignored));
  }
  return stamp;
}

}  // namespace parallax
