// `parallax compare`: variants and forms over scenes, in a table, CSV, JSON and a page.
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "apps/common/nvs_options.h"
#include "apps/compare/compare_report.h"
#include "apps/compare/protocol.h"
#include "apps/report/results.h"
#include "apps/report/system_info.h"
#include "apps/report/timing.h"
#include "core/base/device.h"
#include "core/base/paths.h"
#include "core/base/progress.h"
#include "core/io/atomic_file.h"
#include "vision/models/model_files.h"
#include "vision/scene/formats/load_scene.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

struct CompareOptions {
  std::vector<std::string> scenes;
  std::vector<std::string> models;
  std::vector<std::string> variants;
  std::string output = "output/compare";
  std::string json;
  int repeats = 3;
  std::string views_from;
  std::vector<std::string> lpips;
  bool resume = false;
  NvsRunOptions run;
  CommonOptions common;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("model",
            self.models,
            "models to compare: bundled names or checkpoints (default: all bundled ones)");
    visitor("variant", self.variants, "only these rows of the variant table: " + variant_names());
    visitor("output", self.output, "folder for compare.html, compare.csv and compare.json");
    visitor("json", self.json, "also write the results here; - is stdout");
    visitor("repeats",
            self.repeats,
            "timed runs per form, alternating; medians are reported",
            OptionRange{1, 1000});
    visitor("views_from",
            self.views_from,
            "a benchmark's index of views, {scene: {context: [..], target: [..]}}: evaluate these "
            "scenes of the folders, once each");
    visitor("lpips",
            self.lpips,
            "also measure LPIPS, with its VGG-16 weights from this file (or several)");
    visitor("resume",
            self.resume,
            "with --views-from: go on where an earlier run into the same folder ended");
  }
};

std::vector<std::string> chosen_models(const CompareOptions& options,
                                       std::vector<std::string>& notes) {
  std::vector<std::string> names = with_distinct_names(options.models);
  if (names.empty()) {
    for (const ModelListing& listing : list_nvs_models()) {
      const std::string& variant = listing.card.options.variant;
      if (options.variants.empty() ||
          std::find(options.variants.begin(), options.variants.end(), variant) !=
              options.variants.end()) {
        names.push_back(listing.name);
      }
    }
  }
  std::string without;
  for (const Variant& variant : kVariants) {
    const std::string name(variant.name);
    const bool wanted = options.variants.empty()
                            ? variant.number >= 0
                            : std::find(options.variants.begin(), options.variants.end(), name) !=
                                  options.variants.end();
    const auto listings = list_nvs_models();
    const bool has_weights =
        std::any_of(listings.begin(), listings.end(), [&](const ModelListing& listing) {
          return listing.card.options.variant == name;
        });
    if (wanted && !has_weights && options.models.empty()) {
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

Comparison compare_forms(const NvsModel& model,
                         const PreparedScene& scene,
                         const std::vector<Form>& forms,
                         int repeats,
                         const EvaluateOptions& evaluate,
                         Progress& progress) {
  Comparison comparison{.model = model.name,
                        .variant = model.card.options.variant,
                        .training_steps = model.card.total_steps};
  std::vector<std::vector<double>> reconstruct(forms.size());
  std::vector<std::vector<double>> render(forms.size());
  evaluate_form(model, scene, forms.front(), evaluate);  // not timed: sets up threads and kernels
  for (int repeat = 0; repeat < repeats; ++repeat) {
    for (size_t f = 0; f < forms.size(); ++f) {
      FormEvaluation evaluation = evaluate_form(model, scene, forms[f], evaluate);
      reconstruct[f].push_back(evaluation.reconstruct_seconds);
      render[f].push_back(evaluation.render_seconds);
      progress.advance();
      if (repeat == 0) {
        comparison.forms.push_back(std::move(evaluation));
      }
    }
  }
  for (size_t f = 0; f < forms.size(); ++f) {
    comparison.forms[f].reconstruct_seconds = median(reconstruct[f]);
    comparison.forms[f].render_seconds = median(render[f]);
  }
  if (forms.size() == 2) {
    comparison.difference = compare_images(comparison.forms[0].images, comparison.forms[1].images);
  }
  return comparison;
}

int run_compare(const CompareOptions& options) {
  configure_threads(options.common);
  const std::vector<Form> forms = parse_forms(options.run.form);
  const PrepareOptions prepare = prepare_options(options.run);
  for (const std::string& variant : options.variants) {
    find_variant(variant);
  }
  CompareReport report{.machine = describe_machine()};
  const std::vector<std::string> names = chosen_models(options, report.notes);
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
                         .models = names,
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
  if (options.resume) {
    throw UsageError(ErrorParts{.what = "only a comparison with --views-from can be resumed",
                                .where = "--resume"});
  }
  size_t failed = 0;
  Progress progress(
      "compare",
      static_cast<int64_t>(options.scenes.size() * names.size() * forms.size()) * options.repeats,
      options.common.quiet);
  for (const std::string& path : options.scenes) {
    try {
      const Scene scene = load_scene(path, {.image_folder = options.run.image_folder});
      SceneComparison compared;
      for (const std::string& name : names) {
        NvsModel model = load_nvs_model(name);
        configure_model(options.run, model);
        compared.scene = prepare_scene(scene, model, prepare);
        if (compared.scene.targets.indices.empty()) {
          throw Error(ErrorParts{.what = "every view is an input: none is left to compare with",
                                 .where = path,
                                 .remedy = "Use fewer --input-views, or name --target-views."});
        }
        compared.models.push_back(
            compare_forms(model, compared.scene, forms, options.repeats, evaluate, progress));
      }
      report.scenes.push_back(std::move(compared));
    } catch (const UsageError&) {
      throw;
    } catch (const Error& error) {
      ++failed;
      fmt::print(stderr, "parallax: {}\n", error.what());
      report.notes.push_back(std::string("Left out: ") + error.what());
    }
  }
  progress.finish();
  if (report.scenes.empty()) {
    return kExitFailed;
  }
  const fs::path folder = options.output;
  create_folder(folder);
  const auto rows = comparison_rows(report);
  const nlohmann::json json = comparison_json(report);
  write_file_atomically(folder / "compare.csv", format_csv(rows));
  write_json((folder / "compare.json").string(), json);
  write_file_atomically(folder / "compare.html", comparison_page(report));
  if (options.json != "-") {
    fmt::print("{}", format_table(rows));
    if (const auto differences = difference_rows(report); differences.size() > 1) {
      fmt::print("\n{}", format_table(differences));
    }
    for (const std::string& note : report.notes) {
      fmt::print("{}\n", note);
    }
    fmt::print("{}\n", kPsnrDefinition);
  }
  if (!options.json.empty()) {
    write_json(options.json, json);
  }
  if (!options.common.quiet) {
    fmt::print(stderr, "written to {}\n", folder.string());
  }
  return failed == 0 ? kExitDone : kExitSomeFailed;
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
