// One pipeline: source, loader threads, model, results.
#include "apps/classify/classify_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <istream>
#include <mutex>
#include <utility>

#include "apps/classify/classify_shard.h"
#include "apps/common/stop_signals.h"
#include "apps/common/stoppable_input.h"
#include "core/base/clock.h"
#include "core/base/json_text.h"
#include "core/base/progress.h"

namespace parallax {
namespace {

constexpr int kThumbnailSide = 96;
constexpr const char* kClassesKey = "classes";  // in the ranks' store: those that occur
constexpr double kFirstRankPatience = 4;  // times as long as for others: rank 0 cannot be replaced
constexpr int64_t kPrintedImages = 100;   // up to this many, results also go to stdout

bool reads_stdin(const ClassifyOptions& options) {
  return std::find(options.paths.begin(), options.paths.end(), "-") != options.paths.end();
}

// `list` is read where the paths name stdin.
ImageFilesOptions file_options(const ClassifyOptions& options,
                               const ClassLabels& labels,
                               std::istream* list) {
  ImageFilesOptions files{
      .labels = &labels, .truth_file = options.truth, .excluded = options.output, .archives = true};
  for (const std::string& path : options.paths) {
    if (path != "-") {
      files.paths.push_back(path);
    }
  }
  files.list = reads_stdin(options) ? list : nullptr;
  return files;
}

std::string stdout_line(const ClassifiedImage& image, const RowFormat& format) {
  if (!image.error.empty()) {
    const bool was_read = image.rows > 0;
    return fmt::format(
        "{}: {}: {}\n", image.path, was_read ? "not classified" : "not readable", image.error);
  }
  const Prediction& best = image.runs.front().top.front();
  return fmt::format("{}: {} ({:.1f} %)\n",
                     image.path,
                     format.labels.short_name(best.index),
                     100 * best.probability);
}

ImageLoaderOptions loader_options(const ClassifyOptions& options, const ClassifierView& view) {
  return {
      .view = view,
      .workers = options.workers,
      .ahead = 2 * static_cast<size_t>(options.batch_size) + static_cast<size_t>(options.workers),
      .thumbnail_side = options.thumbnails > 0 ? kThumbnailSide : 0,
      .upright = options.upright};
}

// For rank 0 or a single process: walks over the files, classifies its share, and writes all
// results.
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
        count_(reads_stdin(options)
                   ? ImageCount{}
                   : count_image_files(file_options(options, results.format().labels, nullptr))),
        files_(file_options(options, results.format().labels, &list_)),
        shard_(parse_shard(options.shard)),
        progress_("images",
                  std::max<int64_t>(
                      0,
                      shard_.size(count_.images) - static_cast<int64_t>(results.count_done())),
                  options.common.quiet) {}

  // `store` is null if there are no other ranks.
  ClassifyOutcome run(KeyValueStore* store, const RankInfo& ranks) {
    const auto start = Clock::now();
    const std::vector<int> classes(count_.classes.begin(), count_.classes.end());
    engine_.set_classes_alone(classes);
    std::optional<BatchCoordinator> dealer;
    if (store != nullptr) {
      store->set(kClassesKey, dump_json(classes));
      dealer.emplace(
          *store,
          BatchCoordinator::Options{ranks.world_size,
                                    options_.batch_size,
                                    [store, monitor = LivenessMonitor(options_.rank_timeout)](
                                        int rank) mutable { return monitor.lives(*store, rank); }},
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
    outcome_.seconds = seconds_since(start);
    outcome_.passed_over = files_.passed_over();
    print_notes();
    return outcome_;
  }

 private:
  void print_notes() const {
    for (const std::string& note : files_.notes()) {
      fmt::print(stderr, "note: {}\n", note);
    }
    if (files_.known() == 0 && outcome_.done > 0 && !options_.common.quiet) {
      fmt::print(
          stderr,
          "note: no accuracy: no folder has the name, WordNet id or index of a class, and no "
          "file of labels is beside the images (--truth names one)\n");
    }
  }

  std::optional<ImageFile> next_file() {
    const std::lock_guard lock(files_mutex_);
    while (!stop_requested()) {
      auto file = files_.next();
      if (!file) {
        // A signal also interrupts reading a list, which then seems to end.
        outcome_.stopped = stop_requested();
        return std::nullopt;
      }
      if (shard_.has(outcome_.listed++) &&
          !results_.was_done(escape_invalid_utf8(file->path.string()))) {
        return file;
      }
    }
    outcome_.stopped = true;
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
    const bool print =
        !reads_stdin(options_) && count_.images <= kPrintedImages && options_.json != "-";
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
  ImageCount count_;
  StoppableInput list_;
  std::mutex files_mutex_;  // guards the files, and what the outcome says of the list
  ImageFiles files_;
  Shard shard_;
  std::mutex write_mutex_;  // guards what follows
  Progress progress_;
  ClassifyOutcome outcome_;
};

}  // namespace

ClassifyOutcome run_classifying(const ClassifyOptions& options,
                                const ClassifierView& view,
                                ClassifyEngine& engine,
                                ResultsFolder& results,
                                KeyValueStore* store,
                                const RankInfo& ranks) {
  const StopSignals signals;
  return Classifying(options, view, engine, results).run(store, ranks);
}

void run_classify_worker(const ClassifyOptions& options,
                         const ClassifierView& view,
                         ClassifyEngine& engine,
                         const RowFormat& format,
                         KeyValueStore& store,
                         const RankInfo& ranks) {
  BatchWorker hand(store, ranks.rank, kFirstRankPatience * options.rank_timeout);
  ImageLoader loader([&] { return hand.next_file(); }, loader_options(options, view));
  bool first = true;
  while (const auto batch = hand.next_batch()) {
    if (std::exchange(first, false)) {  // rank 0 stored the classes before it dealt the batch
      const auto classes = store.get(kClassesKey);
      engine.set_classes_alone(nlohmann::json::parse(classes.value()).get<std::vector<int>>());
    }
    std::vector<LoadedImage> images = loader.next_batch(batch->count);
    hand.send(batch->id, engine.classify(images), format);
  }
  loader.next_batch(1);  // rethrows an error in requesting batches, if there was one
  hand.leave();
}

}  // namespace parallax
