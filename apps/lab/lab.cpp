// `parallax lab`: the paper's claims tested on the user's own models.
#include <fmt/format.h>

#include <cstdio>

#include "apps/lab/lab_options.h"
#include "apps/lab/lab_page.h"
#include "apps/lab/lab_run.h"
#include "apps/report/results.h"
#include "core/base/operator_threads.h"
#include "core/io/atomic_file.h"

namespace parallax {
namespace {

void write_lab(const LabOptions& options, const LabReport& report) {
  const std::filesystem::path folder = options.output;
  const nlohmann::json json = lab_json(report, false);
  write_json((folder / "lab.json").string(), json);
  write_file_atomically(folder / "lab.html", lab_page(report));
  if (options.json != "-") {
    fmt::print("{}", findings_text(report));
  }
  if (!options.json.empty()) {
    write_json(options.json, json);
  }
  if (!options.common.quiet) {
    fmt::print(stderr, "written to {}\n", (folder / "lab.html").string());
  }
}

int run_lab(const LabOptions& options) {
  set_operator_threads(options.common.threads);
  prepare_options(options.views);
  const LabReport report = run_laboratory(options);
  if (report.rows.empty()) {
    return kExitFailed;
  }
  write_lab(options, report);
  return report.failures.empty() ? kExitDone : kExitSomeFailed;
}

}  // namespace

Command add_lab_command(CLI::App& program) {
  auto options = std::make_shared<LabOptions>();
  CLI::App* app =
      add_subcommand(program,
                     "lab",
                     "Test the paper's claims on your models: one page of findings",
                     "Examples:\n  parallax lab assets/scenes/procedural_a --model nvs-v2\n"
                     "  parallax lab pictures --probe more-steps ascent -o output/lab");
  add_positional(*app,
                 "SCENE|FOLDER",
                 options->paths,
                 "scenes for models of novel views, folders of images for classifiers",
                 Presence::kRequired);
  add_options(*app, *options);
  add_options(*app, options->views);
  add_options(*app, options->common);
  return {app, [options] { return run_lab(*options); }};
}

}  // namespace parallax
