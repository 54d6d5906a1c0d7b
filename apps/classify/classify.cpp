// `parallax classify`: images to labels, in JSON Lines, CSV and a page.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include "apps/classify/classify_page.h"
#include "apps/classify/classify_run.h"
#include "apps/classify/classify_shard.h"
#include "apps/classify/classify_summary.h"
#include "apps/common/nvs_options.h"
#include "apps/report/earlier_results.h"
#include "apps/report/results.h"
#include "apps/report/system_info.h"
#include "core/base/device.h"
#include "core/base/json_text.h"
#include "core/base/operator_threads.h"
#include "core/base/paths.h"
#include "core/image/image.h"
#include "core/image/image_extension.h"
#include "core/image/image_format.h"
#include "core/io/atomic_file.h"
#include "vision/models/model_files.h"
#include "vision/scene/image_size.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr auto kStartTime = std::chrono::minutes(2);  // for all ranks to start

ClassifierView parse_view(const ClassifyOptions& options, const ClassifierCard& card) {
  ClassifierView view{.height = card.options.image_size, .width = card.options.image_size};
  if (!options.size.empty()) {
    const ImageSize size = parse_image_size(options.size, "--size");
    view.height = size.height;
    view.width = size.width;
  }
  const int64_t multiple = size_multiple(card.options);
  const auto fits = [&](int side) { return side >= 1 && side <= 16384 && side % multiple == 0; };
  if (!fits(view.height) || !fits(view.width)) {
    throw UsageError(
        ErrorParts{.what = "the input size does not fit the model",
                   .where = "--size",
                   .expected = fmt::format("multiples of {}, up to 16384", multiple),
                   .got = options.size.empty() ? std::to_string(view.height) : options.size});
  }
  if (view.height == card.options.image_size && view.width == view.height) {
    view.resize_side = card.resize_side;
  }
  return view;
}

std::vector<Classifier> load_models(const ClassifyOptions& options) {
  std::vector<Classifier> models;
  if (options.models.empty()) {
    const std::vector<std::string> wanted =
        options.variants.empty() ? std::vector<std::string>{""} : options.variants;
    for (const std::string& variant : wanted) {
      models.push_back(load_classifier(classifier_for_variant(variant), variant));
    }
    return models;
  }
  const size_t variants = options.variants.size();
  if (variants > 1 && variants != options.models.size()) {
    throw UsageError(ErrorParts{
        .what = "each model is of one variant; no variant is shown with another's weights",
        .where = "--variant",
        .expected = fmt::format("one, or {}: one per model", options.models.size()),
        .got = std::to_string(variants)});
  }
  const std::vector<std::string> words = with_distinct_names(options.models);
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string variant = variants == 0 ? "" : options.variants[variants == 1 ? 0 : i];
    models.push_back(load_classifier(words[i], variant, options.checkpoint_key));
  }
  return models;
}

// The user's labels, else the first model's.
ClassLabels choose_labels(const ClassifyOptions& options, const ClassifierCard& card) {
  if (options.labels.empty()) {
    return card.labels;
  }
  ClassLabels labels = read_label_file(options.labels);
  if (labels.size() != card.options.num_classes) {
    throw UsageError(ErrorParts{.what = "the label file does not fit the model",
                                .where = options.labels,
                                .expected = fmt::format("{} classes", card.options.num_classes),
                                .got = std::to_string(labels.size())});
  }
  return labels;
}

// What the user names must exist, else a slip of the pen would leave a folder of results behind. An
// image that is gone from among others, as from a shell's pattern or a list, is a row of its own.
void require_paths(const std::vector<std::string>& paths) {
  std::vector<std::string> missing;
  for (const std::string& path : paths) {
    std::error_code ignored;
    if (path != "-" && path.find_first_of("*?[") == std::string::npos &&
        !fs::exists(fs::symlink_status(path, ignored))) {
      missing.push_back(path);
    }
  }
  const auto found = std::find_if(missing.begin(), missing.end(), [&](const std::string& path) {
    return missing.size() == paths.size() || !has_image_extension(path);
  });
  if (found != missing.end()) {
    throw UsageError(ErrorParts{.what = "there is no such file or folder", .where = *found});
  }
}

nlohmann::json run_settings(const ClassifyOptions& options,
                            const ClassifyEngine& engine,
                            const ClassifierView& view) {
  nlohmann::json models = nlohmann::json::array();
  for (const Classifier& model : engine.models()) {
    nlohmann::json entry = {{"file", absolute_path(model.path).string()},
                            {"variant", model.card.options.variant}};
    if (!model.source.empty()) {
      entry["weights"] = model.source;
    }
    models.push_back(std::move(entry));
  }
  nlohmann::json settings = {{"models", models},
                             {"runs", engine.run_labels()},
                             {"size", {view.height, view.width}},
                             {"resize_side", view.resize_side},
                             {"upright", options.upright},
                             {"topk", options.topk},
                             {"dtype", options.dtype}};
  // Null without one, as in the settings of runs before there were shards.
  settings["shard"] = options.shard.empty() ? nlohmann::json() : nlohmann::json(options.shard);
  return settings;
}

std::string describe_run(const ClassifyEngine& engine, const ClassifierView& view) {
  std::vector<std::string> models;
  for (const Classifier& model : engine.models()) {
    models.push_back(fmt::format("{} ({}, variant {})",
                                 model.name,
                                 describe_architecture(model.card.options),
                                 model.card.options.variant));
  }
  return fmt::format("{} at {}", fmt::join(models, ", "), size_text(view.width, view.height));
}

void write_reports(const ClassifyOptions& options,
                   const std::string& heading,
                   const ResultsFolder& results,
                   const ClassifySummary& summary,
                   const nlohmann::json& json) {
  const fs::path& folder = results.path();
  const ClassLabels& labels = results.format().labels;
  write_json((folder / "summary.json").string(), json);
  if (!summary.runs.empty() && summary.runs.front().accuracy.images() > 0) {
    const Accuracy& accuracy = summary.runs.front().accuracy;
    write_file_atomically(folder / "classes.csv", class_accuracy_csv(accuracy, labels));
    write_file_atomically(folder / "confusion.csv", confusion_csv(accuracy, labels));
    write_image(folder / "confusion.png", confusion_picture(accuracy, labels));
  }
  write_classify_page(folder / "index.html",
                      results,
                      summary,
                      {.title = "Classified images",
                       .heading = heading,
                       .footer = provenance_text(json.at("provenance")),
                       .most_thumbnails = options.thumbnails});
}

// Rank 0 publishes its settings, and the other ranks check that theirs are the same; files may be
// stored elsewhere.
void compare_settings(KeyValueStore& store, const RankInfo& ranks, nlohmann::json settings) {
  for (nlohmann::json& model : settings["models"]) {
    model["file"] = fs::path(model.at("file").get<std::string>()).filename().string();
  }
  if (ranks.rank == 0) {
    store.set("settings", dump_json(settings));
    return;
  }
  const auto start = std::chrono::steady_clock::now();
  auto first = store.get("settings");
  while (!first && std::chrono::steady_clock::now() - start < kStartTime) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    first = store.get("settings");
  }
  if (first && *first != dump_json(settings)) {
    throw UsageError(ErrorParts{.what = "the ranks were started with different options or models",
                                .where = fmt::format("rank {}", ranks.rank),
                                .expected = *first,
                                .got = dump_json(settings)});
  }
}

nlohmann::json whole_summary(const ClassifySummary& summary,
                             const RowFormat& format,
                             const nlohmann::json& settings,
                             const ClassifyOutcome& outcome) {
  nlohmann::json json = summary_json(summary, format);
  json["settings"] = settings;
  json["images_this_time"] = outcome.done;
  json["seconds"] = outcome.seconds;
  json["images_per_second"] =
      outcome.seconds > 0 ? static_cast<double>(outcome.done) / outcome.seconds : 0;
  json["listed"] = outcome.listed;
  json["skipped_files"] = outcome.passed_over.other_files;
  if (!outcome.passed_over.pictures.empty()) {
    json["pictures_left_out"] = outcome.passed_over.pictures;
  }
  for (const auto& [rank, images] : outcome.by_rank) {
    json["images_of_other_ranks"][std::to_string(rank)] = images;
  }
  json["machine"] = describe_machine();
  json["provenance"] = provenance_json();
  return json;
}

// Says how far a run came that a signal ended.
int report_stopped(const ClassifyOptions& options,
                   const ResultsFolder& results,
                   const ClassifyOutcome& outcome) {
  fmt::print(stderr,
             "stopped by a signal; {} images are done in {}; continue with --resume\n",
             static_cast<int64_t>(results.count_done()) + outcome.done,
             options.output);
  return kExitStopped;
}

// Writes everything that is derived from the rows, once all of them are written.
int report_results(const ClassifyOptions& options,
                   const std::string& heading,
                   const nlohmann::json& settings,
                   const ResultsFolder& results,
                   const ClassifyOutcome& outcome) {
  ClassifySummary summary;
  results.for_each([&](const ClassifiedImage& image) { summary.add(image); });
  const bool is_empty_shard = !options.shard.empty() && outcome.listed > 0;
  if (summary.images == 0 && !is_empty_shard) {
    const std::string pictures = describe_pictures(outcome.passed_over);
    const int64_t others = outcome.passed_over.other_files;
    throw Error(
        ErrorParts{.what = "there are no images to classify",
                   .where = fmt::format("{}", fmt::join(options.paths, " ")),
                   .got = pictures + (pictures.empty() ? "" : ", which are not read, and ") +
                          fmt::format("{} other file{}", others, others == 1 ? "" : "s"),
                   .remedy = pictures.empty() ? "" : "Convert the pictures to JPEG or PNG."});
  }
  const nlohmann::json json = whole_summary(summary, results.format(), settings, outcome);
  write_reports(options, heading, results, summary, json);
  if (options.json != "-") {
    fmt::print("{}\n{}", heading, summary_text(summary, results.format()));
  }
  if (!options.json.empty()) {
    write_json(options.json, json);
  }
  if (!options.common.quiet) {
    fmt::print(stderr, "written to {}\n", options.output);
  }
  return summary.broken > 0 ? kExitSomeFailed : kExitDone;
}

// Puts the results of all shards together, as one run would have left them.
int run_merge(const ClassifyOptions& options) {
  const std::vector<ShardFolder> shards = open_shard_folders(options.paths);
  check_rows(shards);
  const ShardFolder& first = shards.front();
  ResultsFolder results(options.output, first.format, first.settings, false);
  merge_rows(shards, results);
  const ClassifyOutcome outcome{.listed = first.listed};
  return report_results(
      options,
      fmt::format("{} shards, {}", shards.size(), fmt::join(first.format.runs, ", ")),
      first.settings,
      results,
      outcome);
}

int run_classify(const ClassifyOptions& options) {
  if (options.merge) {
    return run_merge(options);
  }
  set_operator_threads(options.common.threads);
  const std::vector<Form> forms = parse_forms(options.form);
  require_paths(options.paths);
  parse_shard(options.shard);
  const RankInfo ranks = rank_from_environment();
  if (!options.shard.empty() && !ranks.alone()) {
    throw UsageError(ErrorParts{.what = "the ranks of one run share the work already",
                                .where = "--shard",
                                .remedy = "Leave it out, or start each shard as a process of its "
                                          "own."});
  }
  std::optional<KeyValueStore> store;
  std::optional<Heartbeat> heartbeat;
  if (!ranks.alone()) {
    store.emplace(
        ranks, attempt_prefix("classify"), std::chrono::duration<double>(kStartTime).count());
    heartbeat.emplace(*store, ranks.rank);
  }
  ClassifyEngine engine(load_models(options),
                        {.forms = forms,
                         .device = parse_device(options.device),
                         .dtype = parse_dtype(options.dtype),
                         .topk = options.topk});
  const ClassifierCard& card = engine.models().front().card;
  const ClassifierView view = parse_view(options, card);
  for (const Classifier& model : engine.models()) {
    parse_view(options, model.card);  // fails unless the other models accept this size too
  }
  const RowFormat format{.runs = engine.run_labels(),
                         .labels = choose_labels(options, card),
                         .topk = std::min(options.topk, card.options.num_classes),
                         .upright = options.upright};
  const nlohmann::json settings = run_settings(options, engine, view);
  if (store) {
    compare_settings(*store, ranks, settings);
  }
  if (ranks.rank != 0) {
    run_classify_worker(options, view, engine, format, *store, ranks);
    return kExitDone;
  }
  for (const Classifier& model : engine.models()) {
    if (!model.source.empty() && !options.common.quiet) {
      fmt::print(stderr, "note: {}: weights {}\n", model.name, model.source);
    }
  }
  ResultsFolder results(options.output, format, settings, options.resume);
  if (!options.common.quiet) {
    note_set_aside(results.earlier());
  }
  if (options.resume && !options.common.quiet) {
    fmt::print(stderr, "note: {} images were done before\n", results.count_done());
  }
  const ClassifyOutcome outcome =
      run_classifying(options, view, engine, results, store ? &*store : nullptr, ranks);
  if (outcome.stopped) {
    return report_stopped(options, results, outcome);
  }
  return report_results(options, describe_run(engine, view), settings, results, outcome);
}

}  // namespace

Command add_classify_command(CLI::App& program) {
  auto options = std::make_shared<ClassifyOptions>();
  CLI::App* app = add_subcommand(
      program,
      "classify",
      "Name what images show",
      "Example:\n  parallax classify ~/Pictures 'scans/*.png' --form both -o output/pictures");
  add_positional(*app,
                 "PATH",
                 options->paths,
                 "images, folders (searched recursively), globs; - reads a list from stdin",
                 Presence::kRequired);
  add_options(*app, *options);
  add_options(*app, options->common);
  return {app, [options] { return run_classify(*options); }};
}

}  // namespace parallax
