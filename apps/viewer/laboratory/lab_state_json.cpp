// Names to choices, values to JSON.
#include "apps/viewer/laboratory/lab_state_json.h"

#include <algorithm>
#include <set>

#include "core/base/error.h"

namespace parallax {

using nlohmann::json;

void choose_lab_probes(const json& names, view::LabState& lab) {
  const auto wanted = names.get<std::set<std::string>>();
  std::set<std::string> known;
  for (const view::LabProbeChoice& probe : lab.probes) {
    known.insert(probe.name);
  }
  if (!std::includes(known.begin(), known.end(), wanted.begin(), wanted.end())) {
    std::string all;
    for (const view::LabProbeChoice& probe : lab.probes) {
      all += (all.empty() ? "" : ", ") + probe.name;
    }
    throw Error(ErrorParts{.what = "there is no such probe",
                           .where = "field 'lab_probes'",
                           .expected = all,
                           .got = names.dump()});
  }
  for (view::LabProbeChoice& probe : lab.probes) {
    probe.chosen = wanted.count(probe.name) != 0;
  }
}

json describe_lab(const view::LabState& lab) {
  const view::LabRun& run = lab.run;
  json description = {{"command", lab.words},
                      {"folder", lab.folder.path},
                      {"page", lab.folder.page},
                      {"page_error", lab.page_error},
                      {"seconds", lab.folder.seconds},
                      {"probes", json::array()},
                      {"findings", json::array()},
                      {"run",
                       {{"title", run.title},
                        {"running", run.is_running},
                        {"stopped", run.was_cancelled},
                        {"probe", run.probe},
                        {"work", run.work},
                        {"progress", run.progress},
                        {"errors", run.errors}}}};
  for (const view::LabProbeChoice& probe : lab.probes) {
    if (probe.chosen) {
      description["probes"].push_back(probe.name);
    }
  }
  for (const view::LabFinding& finding : lab.folder.findings) {
    description["findings"].push_back({{"claim", finding.claim},
                                       {"verdict", finding.verdict},
                                       {"number", finding.number},
                                       {"sentence", finding.sentence}});
  }
  return description;
}

}  // namespace parallax
