// `parallax classify`: images to labels, in JSON Lines, CSV and a page.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <opencv2/core/utils/logger.hpp>
#include <thread>

#include "apps/classify_engine.h"
#include "apps/classify_ranks.h"
#include "apps/nvs_options.h"
#include "apps/report/classify_page.h"
#include "apps/report/classify_summary.h"
#include "apps/report/results.h"
#include "core/atomic_file.h"
#include "core/device.h"
#include "core/image.h"
#include "core/machine.h"
#include "core/progress.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr int kThumbnailSide = 96;
constexpr double kSilenceSeconds = 5;                 // after which a rank is taken for lost
constexpr double kFirstRankSilenceSeconds = 20;       // likewise rank 0, whom nobody replaces
constexpr auto kStartTime = std::chrono::minutes(2);  // for all ranks to have started
constexpr int64_t kPrintedImages = 100;  // results go to stdout, too, where there are no more

struct ClassifyOptions {
  std::vector<std::string> paths;
  std::vector<std::string> models;
  std::vector<std::string> variants;
  std::string form = "parallel";
  std::string device = "cpu";
  std::string dtype = "float32";
  std::string size;
  std::string labels;
  std::string output = "output/classify";
  std::string json;
  int batch_size = 8;
  int workers = 2;
  int topk = 5;
  int thumbnails = 4000;
  bool resume = false;
  CommonOptions common;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("model",
            self.models,
            "bundled names or checkpoints (.safetensors, .pt, .pth); several are compared");
    visitor("variant",
            self.variants,
            "rows of the variant table, several are compared: " + vit3_variant_names());
    visitor("form", self.form, "recurrent, parallel or both");
    visitor("device", self.device, "cpu, cuda or cuda:<index>");
    visitor("dtype", self.dtype, "float32 or bfloat16");
    visitor(
        "size", self.size, "input size, a number or HxW (default: what the model was trained at)");
    visitor("labels", self.labels, "a file of class names, one a line or JSON");
    visitor("output", self.output, "folder for the results");
    visitor("json", self.json, "also write the summary here; - is stdout");
    visitor("batch_size", self.batch_size, "images a pass", OptionRange{1, 4096});
    visitor("workers", self.workers, "threads that decode images", OptionRange{1, 256});
    visitor("topk", self.topk, "classes reported an image", OptionRange{1, 1000});
    visitor("thumbnails",
            self.thumbnails,
            "thumbnails on the page, at most; 0: none",
            OptionRange{0, 1e6});
    visitor("resume", self.resume, "go on where an earlier run into the same folder ended");
  }
};

ClassifierView parse_view(const ClassifyOptions& options, const ClassifierCard& card) {
  ClassifierView view{.height = card.options.image_size, .width = card.options.image_size};
  if (!options.size.empty()) {
    char rest = 0;
    const char* text = options.size.c_str();
    if (std::sscanf(text, "%5d%c", &view.height, &rest) == 1) {
      view.width = view.height;
    } else if (std::sscanf(text, "%5dx%5d%c", &view.height, &view.width, &rest) != 2) {
      view.height = 0;
    }
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
        .expected = fmt::format("one, or {}, one a model", options.models.size()),
        .got = std::to_string(variants)});
  }
  for (size_t i = 0; i < options.models.size(); ++i) {
    const std::string variant = variants == 0 ? "" : options.variants[variants == 1 ? 0 : i];
    models.push_back(load_classifier(options.models[i], variant));
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

nlohmann::json run_settings(const ClassifyOptions& options,
                            const ClassifyEngine& engine,
                            const ClassifierView& view) {
  nlohmann::json models = nlohmann::json::array();
  for (const Classifier& model : engine.models()) {
    std::error_code ignored;
    models.push_back({{"file", fs::absolute(model.path, ignored).lexically_normal().string()},
                      {"variant", model.card.options.variant}});
  }
  return {{"models", models},
          {"runs", engine.run_labels()},
          {"size", {view.height, view.width}},
          {"resize_side", view.resize_side},
          {"topk", options.topk},
          {"dtype", options.dtype}};
}

bool reads_stdin(const ClassifyOptions& options) {
  return std::find(options.paths.begin(), options.paths.end(), "-") != options.paths.end();
}

ImageFilesOptions file_options(const ClassifyOptions& options, const ClassLabels* labels) {
  ImageFilesOptions files{.labels = labels, .excluded = options.output};
  for (const std::string& path : options.paths) {
    if (path != "-") {
      files.paths.push_back(path);
    }
  }
  files.list = reads_stdin(options) ? &std::cin : nullptr;
  return files;
}

std::string stdout_line(const ClassifiedImage& image, const RowFormat& format) {
  if (!image.error.empty()) {
    return fmt::format("{}: not readable: {}\n", image.path, image.error);
  }
  const Prediction& best = image.runs.front().top.front();
  return fmt::format("{}: {} ({:.1f} %)\n",
                     image.path,
                     format.labels.short_name(best.index),
                     100 * best.probability);
}

struct Outcome {
  int64_t done = 0;
  double seconds = 0;
  int64_t skipped = 0;             // files that are no images
  std::map<int, int64_t> by_rank;  // images of the other ranks
};

ImageLoaderOptions loader_options(const ClassifyOptions& options, const ClassifierView& view) {
  return {
      .view = view,
      .workers = options.workers,
      .ahead = 2 * static_cast<size_t>(options.batch_size) + static_cast<size_t>(options.workers),
      .thumbnail_side = options.thumbnails > 0 ? kThumbnailSide : 0};
}

// Rank 0, or the only one: walks over the files, classifies its share, and writes all results.
class Classifying {
 public:
  Classifying(const ClassifyOptions& options,
              const ClassifierView& view,
              ClassifyEngine& engine,
              ResultsFolder& results)
      : options_(options),
        view_(view),
        engine_(engine),
        results_(results),
        total_(reads_stdin(options) ? 0 : count_image_files(file_options(options, nullptr))),
        files_(file_options(options, &results.format().labels)),
        progress_("images",
                  std::max<int64_t>(0, total_ - static_cast<int64_t>(results.count_done())),
                  options.common.quiet) {}

  // `store` null: there are no others.
  Outcome run(RankStore* store, const RankInfo& ranks) {
    const auto start = std::chrono::steady_clock::now();
    std::optional<ClassifyDealer> dealer;
    if (store != nullptr) {
      dealer.emplace(
          *store,
          ClassifyDealer::Options{ranks.world_size, options_.batch_size, kSilenceSeconds},
          [this] { return next_file(); },
          [this](std::vector<NewRow>& rows) { write(rows); },
          results_.format());
    }
    classify([this] { return next_file(); });
    if (dealer) {
      while (auto batch = dealer->take_left_behind()) {
        classify([&]() -> std::optional<ImageFile> {
          if (batch->files.empty()) {
            return std::nullopt;
          }
          ImageFile file = std::move(batch->files.back());
          batch->files.pop_back();
          return file;
        });
      }
      dealer->finish();
      outcome_.by_rank = dealer->images_by_rank();
      for (const int rank : dealer->lost()) {
        fmt::print(stderr, "note: rank {} was lost; its images were classified by others\n", rank);
      }
    }
    progress_.finish();
    outcome_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    outcome_.skipped = files_.skipped();
    for (const std::string& loop : files_.loops()) {
      fmt::print(stderr, "note: {} leads back into a folder above it and was not entered\n", loop);
    }
    return outcome_;
  }

 private:
  std::optional<ImageFile> next_file() {
    const std::lock_guard lock(files_mutex_);
    while (auto file = files_.next()) {
      if (!results_.was_done(printable_path(file->path.string()))) {
        return file;
      }
    }
    return std::nullopt;
  }

  void classify(const ImageLoader::Source& source) {
    const auto batch_size = static_cast<size_t>(options_.batch_size);
    ImageLoader loader(source, loader_options(options_, view_));
    for (auto batch = loader.next_batch(batch_size); !batch.empty();
         batch = loader.next_batch(batch_size)) {
      std::vector<NewRow> rows = engine_.classify(batch);
      write(rows);
    }
  }

  void write(std::vector<NewRow>& rows) {
    const std::lock_guard lock(write_mutex_);
    results_.append(rows);
    const bool print = !reads_stdin(options_) && total_ <= kPrintedImages && options_.json != "-";
    for (size_t i = 0; print && i < rows.size(); ++i) {
      fmt::print("{}", stdout_line(rows[i].image, results_.format()));
    }
    outcome_.done += static_cast<int64_t>(rows.size());
    progress_.advance(static_cast<int64_t>(rows.size()));
  }

  const ClassifyOptions& options_;
  ClassifierView view_;
  ClassifyEngine& engine_;
  ResultsFolder& results_;
  int64_t total_;
  std::mutex files_mutex_;
  ImageFiles files_;
  std::mutex write_mutex_;  // of what follows
  Progress progress_;
  Outcome outcome_;
};

// The other ranks: no files of their own, no results folder.
int run_hand(const ClassifyOptions& options,
             const ClassifierView& view,
             ClassifyEngine& engine,
             const RowFormat& format,
             RankStore& store,
             const RankInfo& ranks) {
  ClassifyHand hand(store, ranks.rank, kFirstRankSilenceSeconds);
  ImageLoader loader([&] { return hand.next_file(); }, loader_options(options, view));
  while (const auto batch = hand.next_batch()) {
    std::vector<LoadedImage> images = loader.next_batch(batch->count);
    hand.send(batch->id, engine.classify(images), format);
  }
  loader.next_batch(1);  // throws what went wrong with the asking, if anything did
  hand.leave();
  return kExitDone;
}

std::string describe_run(const ClassifyEngine& engine, const ClassifierView& view) {
  std::vector<std::string> models;
  for (const Classifier& model : engine.models()) {
    models.push_back(fmt::format("{} ({}, variant {})",
                                 model.name,
                                 describe_architecture(model.card.options),
                                 model.card.options.variant));
  }
  return fmt::format("{} at {}x{}", fmt::join(models, ", "), view.height, view.width);
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
  write_classify_page(
      folder / "index.html",
      results,
      summary,
      {.title = "Classified images", .heading = heading, .most_thumbnails = options.thumbnails});
}

// Rank 0 says what it runs, and the others that they run the same; files may lie elsewhere.
void compare_settings(RankStore& store, const RankInfo& ranks, nlohmann::json settings) {
  for (nlohmann::json& model : settings["models"]) {
    model["file"] = fs::path(model.at("file").get<std::string>()).filename().string();
  }
  if (ranks.rank == 0) {
    store.set("settings", settings.dump());
    return;
  }
  const auto start = std::chrono::steady_clock::now();
  auto first = store.get("settings");
  while (!first && std::chrono::steady_clock::now() - start < kStartTime) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    first = store.get("settings");
  }
  if (first && *first != settings.dump()) {
    throw UsageError(ErrorParts{.what = "the ranks were started with different options or models",
                                .where = fmt::format("rank {}", ranks.rank),
                                .expected = *first,
                                .got = settings.dump()});
  }
}

nlohmann::json whole_summary(const ClassifySummary& summary,
                             const RowFormat& format,
                             const nlohmann::json& settings,
                             const Outcome& outcome) {
  nlohmann::json json = summary_json(summary, format);
  json["settings"] = settings;
  json["images_this_time"] = outcome.done;
  json["seconds"] = outcome.seconds;
  json["images_per_second"] =
      outcome.seconds > 0 ? static_cast<double>(outcome.done) / outcome.seconds : 0;
  json["skipped_files"] = outcome.skipped;
  for (const auto& [rank, images] : outcome.by_rank) {
    json["images_of_other_ranks"][std::to_string(rank)] = images;
  }
  json["machine"] = describe_machine();
  return json;
}

// What is left to do once all rows are written: everything that is made from them.
int report(const ClassifyOptions& options,
           const std::string& heading,
           const nlohmann::json& settings,
           const ResultsFolder& results,
           const Outcome& outcome) {
  ClassifySummary summary;
  results.for_each([&](const ClassifiedImage& image) { summary.add(image); });
  if (summary.images == 0) {
    throw Error(ErrorParts{.what = "there are no images to classify",
                           .where = fmt::format("{}", fmt::join(options.paths, " ")),
                           .got = fmt::format("{} files that are no images", outcome.skipped)});
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

// Keys of an earlier attempt of the same torchrun must not be taken for this one's.
std::string store_prefix() {
  const char* attempt = std::getenv("TORCHELASTIC_RESTART_COUNT");
  return fmt::format("parallax/classify/{}", attempt != nullptr ? attempt : "0");
}

int run_classify(const ClassifyOptions& options) {
  configure_threads(options.common);
  // What is wrong with an image stands in its row.
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  const std::vector<Form> forms = parse_forms(options.form);
  const RankInfo ranks = ranks_from_environment();
  std::optional<RankStore> store;
  std::optional<Heartbeat> heartbeat;
  if (!ranks.alone()) {
    store.emplace(ranks, store_prefix(), std::chrono::duration<double>(kStartTime).count());
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
    parse_view(options, model.card);  // the others must be able to see it, too
  }
  const RowFormat format{.runs = engine.run_labels(),
                         .labels = choose_labels(options, card),
                         .topk = std::min(options.topk, card.options.num_classes)};
  const nlohmann::json settings = run_settings(options, engine, view);
  if (store) {
    compare_settings(*store, ranks, settings);
  }
  if (ranks.rank != 0) {
    return run_hand(options, view, engine, format, *store, ranks);
  }
  ResultsFolder results(options.output, format, settings, options.resume);
  if (options.resume && !options.common.quiet) {
    fmt::print(stderr, "note: {} images were done before\n", results.count_done());
  }
  const Outcome outcome =
      Classifying(options, view, engine, results).run(store ? &*store : nullptr, ranks);
  return report(options, describe_run(engine, view), settings, results, outcome);
}

}  // namespace

Command add_classify_command(CLI::App& program) {
  auto options = std::make_shared<ClassifyOptions>();
  CLI::App* app = program.add_subcommand("classify", "Name what images show");
  app->add_option("PATH",
                  options->paths,
                  "images, folders (searched recursively), globs; - reads a list from stdin")
      ->required();
  add_options(*app, *options);
  add_options(*app, options->common);
  app->footer(
      "Example:\n  parallax classify ~/Pictures 'scans/*.png' --form both -o output/pictures");
  return {app, [options] { return run_classify(*options); }};
}

}  // namespace parallax
