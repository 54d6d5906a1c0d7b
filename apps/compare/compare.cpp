// `parallax compare`: variants and forms over scenes, in a table, CSV, JSON and a page.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>

#include "apps/compare/compare_page.h"
#include "apps/compare/compare_run.h"
#include "apps/compare/protocol.h"
#include "apps/report/results.h"
#include "apps/report/system_info.h"
#include "core/base/device.h"
#include "core/base/operator_threads.h"
#include "core/io/atomic_file.h"
#include "vision/models/model_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

// The models to compare, as words that load_nvs_model() takes.
std::vector<std::string> chosen_models(const CompareOptions& options,
                                       std::vector<std::string>& notes) {
  std::vector<std::string> names = with_distinct_names(options.models);
  if (!names.empty()) {
    return names;
  }
  const auto is_wanted = [&](const std::string& variant) {
    return std::find(options.variants.begin(), options.variants.end(), variant) !=
           options.variants.end();
  };
  std::set<std::string> trained;
  for (const ModelListing& listing : list_nvs_models()) {
    const std::string& variant = listing.card.options.variant;
    trained.insert(variant);
    if (options.variants.empty() || is_wanted(variant)) {
      names.push_back(listing.name);
    }
  }
  std::string without;
  for (const Variant& variant : kVariants) {
    const std::string name(variant.name);
    const bool wanted = options.variants.empty() ? variant.number >= 0 : is_wanted(name);
    if (wanted && !trained.contains(name)) {
      without += (without.empty() ? "" : ", ") + name;
    }
  }
  if (!without.empty()) {
    notes.push_back("Not shown, as there are no weights trained as these variants: " + without +
                    ". No variant is shown with another's weights.");
  }
  if (names.empty()) {
    throw Error(ErrorParts{.what = "there is no model to compare",
                           .remedy = "Name checkpoints with --model."});
  }
  return names;
}

void write_report(const CompareOptions& options, const CompareReport& report) {
  const fs::path folder = options.output;
  const nlohmann::json json = comparison_json(report, false);
  write_file_atomically(folder / "compare.csv", format_csv(comparison_csv(report)));
  write_file_atomically(folder / "views.csv", format_csv(views_csv(report)));
  write_json((folder / "compare.json").string(), json);
  write_file_atomically(folder / "compare.html", comparison_page(report));
  if (options.json != "-") {
    fmt::print("{}", format_table(comparison_table(report)));
    if (const auto differences = difference_table(report); differences.size() > 1) {
      fmt::print("\n{}", format_table(differences));
    }
    for (const std::string& note : report.notes) {
      fmt::print("{}\n", note);
    }
    if (report.beside_paper) {
      fmt::print("{}\n", kPaperCaveat);
    }
    fmt::print("±: standard error over views; of times, half of the middle half of {} rounds\n{}\n",
               options.repeats,
               kPsnrDefinition);
  }
  if (!options.json.empty()) {
    write_json(options.json, json);
  }
  if (!options.common.quiet) {
    fmt::print(stderr, "written to {}\n", folder.string());
  }
}

int run_compare(const CompareOptions& options) {
  set_operator_threads(options.common.threads);
  parse_forms(options.run.form);
  check_reading(options.run.reading);
  prepare_options(options.run);
  for (const std::string& variant : options.variants) {
    find_variant(variant);
  }
  CompareReport report{.baseline = options.baseline,
                       .beside_paper = options.beside_paper,
                       .provenance = provenance_json()};
  const std::vector<std::string> words = chosen_models(options, report.notes);
  std::optional<Lpips> lpips;
  if (!options.lpips.empty()) {
    lpips = load_lpips(options.lpips);
    lpips->to(parse_device(options.run.device));
  }
  const EvaluateOptions evaluate{.device = parse_device(options.run.device),
                                 .views_per_pass = options.run.views_per_pass,
                                 .lpips = lpips ? &*lpips : nullptr};
  if (!options.views_from.empty()) {
    return run_protocol({.scenes = options.scenes,
                         .models = words,
                         .views_from = options.views_from,
                         .output = options.output,
                         .json = options.json,
                         .resume = options.resume,
                         .lpips = options.lpips,
                         .run = options.run,
                         .common = options.common},
                        evaluate,
                        report.notes);
  }
  ComparisonResult result = run_comparison(options, words, evaluate);
  for (const std::string& failure : result.failures) {
    report.notes.push_back("Left out: " + failure);
  }
  report.rows = std::move(result.rows);
  if (report.rows.empty()) {
    return kExitFailed;
  }
  report.baseline = choose_baseline(report);
  write_report(options, report);
  return result.failures.empty() ? kExitDone : kExitSomeFailed;
}

}  // namespace

Command add_compare_command(CLI::App& program) {
  auto options = std::make_shared<CompareOptions>();
  CLI::App* app = add_subcommand(
      program,
      "compare",
      "Compare variants and forms on scenes: PSNR, SSIM, speed",
      "Examples:\n  parallax compare assets/scenes/procedural_a assets/scenes/procedural_b\n"
      "  parallax compare re10k/test --views-from evaluation_index_re10k.json --size 128x128 "
      "--model obj_res256.pt --lpips lpips_vgg.pth");
  add_positional(*app,
                 "SCENE",
                 options->scenes,
                 "scenes, or folders of scenes with --views-from",
                 Presence::kRequired);
  add_options(*app, *options);
  add_options(*app, options->run);
  add_options(*app, options->common);
  return {app, [options] { return run_compare(*options); }};
}

}  // namespace parallax
