// `parallax classify`: images to labels, in JSON Lines, CSV and a page.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <iostream>
#include <opencv2/core/utils/logger.hpp>

#include "apps/classify_engine.h"
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
  int64_t skipped = 0;  // files that are no images
};

Outcome classify_all(const ClassifyOptions& options,
                     const ClassifierView& view,
                     ClassifyEngine& engine,
                     ResultsFolder& results) {
  const bool from_list = reads_stdin(options);
  const int64_t total = from_list ? 0 : count_image_files(file_options(options, nullptr));
  const int64_t left = std::max<int64_t>(0, total - static_cast<int64_t>(results.count_done()));
  ImageFiles files(file_options(options, &results.format().labels));
  const auto source = [&]() -> std::optional<ImageFile> {
    while (auto file = files.next()) {
      if (!results.was_done(printable_path(file->path.string()))) {
        return file;
      }
    }
    return std::nullopt;
  };
  const auto batch_size = static_cast<size_t>(options.batch_size);
  Outcome outcome;
  const auto start = std::chrono::steady_clock::now();
  {
    ImageLoader loader(source,
                       {.view = view,
                        .workers = options.workers,
                        .ahead = 2 * batch_size + static_cast<size_t>(options.workers),
                        .thumbnail_side = options.thumbnails > 0 ? kThumbnailSide : 0});
    Progress progress("images", left, options.common.quiet);
    const bool print = !from_list && total <= kPrintedImages && options.json != "-";
    for (auto batch = loader.next_batch(batch_size); !batch.empty();
         batch = loader.next_batch(batch_size)) {
      std::vector<NewRow> rows = engine.classify(batch);
      results.append(rows);
      for (size_t i = 0; print && i < rows.size(); ++i) {
        fmt::print("{}", stdout_line(rows[i].image, results.format()));
      }
      outcome.done += static_cast<int64_t>(rows.size());
      progress.advance(static_cast<int64_t>(rows.size()));
    }
    progress.finish();
  }
  outcome.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  outcome.skipped = files.skipped();
  for (const std::string& loop : files.loops()) {
    fmt::print(stderr, "note: {} leads back into a folder above it and was not entered\n", loop);
  }
  return outcome;
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

int run_classify(const ClassifyOptions& options) {
  configure_threads(options.common);
  // What is wrong with an image stands in its row.
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  const std::vector<Form> forms = parse_forms(options.form);
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
  ResultsFolder results(
      options.output, format, run_settings(options, engine, view), options.resume);
  if (options.resume && !options.common.quiet) {
    fmt::print(stderr, "note: {} images were done before\n", results.count_done());
  }
  const Outcome outcome = classify_all(options, view, engine, results);
  ClassifySummary summary;
  results.for_each([&](const ClassifiedImage& image) { summary.add(image); });
  if (summary.images == 0) {
    throw Error(ErrorParts{.what = "there are no images to classify",
                           .where = fmt::format("{}", fmt::join(options.paths, " ")),
                           .got = fmt::format("{} files that are no images", outcome.skipped)});
  }
  const std::string heading = describe_run(engine, view);
  nlohmann::json json = summary_json(summary, format);
  json["settings"] = run_settings(options, engine, view);
  json["images_this_time"] = outcome.done;
  json["seconds"] = outcome.seconds;
  json["images_per_second"] =
      outcome.seconds > 0 ? static_cast<double>(outcome.done) / outcome.seconds : 0;
  json["skipped_files"] = outcome.skipped;
  json["machine"] = describe_machine();
  write_reports(options, heading, results, summary, json);
  if (options.json != "-") {
    fmt::print("{}\n{}", heading, summary_text(summary, format));
  }
  if (!options.json.empty()) {
    write_json(options.json, json);
  }
  if (!options.common.quiet) {
    fmt::print(stderr, "written to {}\n", options.output);
  }
  return summary.broken > 0 ? kExitSomeFailed : kExitDone;
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
