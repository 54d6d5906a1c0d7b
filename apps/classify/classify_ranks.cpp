// Requests, batches and results as CBOR in the store's queues.
#include "apps/classify/classify_ranks.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/clock.h"

namespace parallax {
namespace {

using nlohmann::json;
constexpr auto kPoll = std::chrono::milliseconds(10);
constexpr auto kBeat = std::chrono::milliseconds(500);
constexpr double kGoodbyeSeconds = 10;
constexpr const char* kRequests = "requests";
constexpr const char* kResults = "results";
constexpr const char* kOver = "over";
constexpr const char* kLeft = "left";

std::string batches_of(int rank) { return fmt::format("batches/{}", rank); }
std::string beats_of(int rank) { return fmt::format("beats/{}", rank); }

// Paths and thumbnails are bytes, not text.
json bytes(const std::string& text) {
  return json::binary(std::vector<uint8_t>(text.begin(), text.end()));
}
std::string text_of(const json& value) {
  const auto& binary = value.get_binary();
  return {binary.begin(), binary.end()};
}

std::string pack(const json& value) {
  const std::vector<uint8_t> packed = json::to_cbor(value);
  return {packed.begin(), packed.end()};
}

std::string pack_batch(const LeasedBatch& batch) {
  json files = json::array();
  for (const ImageFile& file : batch.files) {
    files.push_back({bytes(file.path.string()),
                     bytes(file.error),
                     file.truth.value_or(-1),
                     file.also_right,
                     bytes(file.archive.string()),
                     file.part.offset,
                     file.part.size});
  }
  return pack({{"id", batch.id}, {"files", std::move(files)}});
}

LeasedBatch unpack_batch(const std::string& packed) {
  const json value = json::from_cbor(packed);
  LeasedBatch batch{.id = value.at("id").get<int64_t>()};
  for (const json& entry : value.at("files")) {
    ImageFile file{.path = text_of(entry.at(0)), .error = text_of(entry.at(1))};
    if (const int truth = entry.at(2).get<int>(); truth >= 0) {
      file.truth = truth;
    }
    file.also_right = entry.at(3).get<std::vector<int>>();
    file.archive = text_of(entry.at(4));
    file.part = {entry.at(5).get<uint64_t>(), entry.at(6).get<uint64_t>()};
    batch.files.push_back(std::move(file));
  }
  return batch;
}

}  // namespace

Heartbeat::Heartbeat(KeyValueStore& store, int rank)
    : thread_([&store, rank](const std::stop_token& stop) {
        try {
          while (!stop.stop_requested()) {
            store.add(beats_of(rank), 1);
            for (auto slept = kPoll; slept < kBeat && !stop.stop_requested(); slept += kPoll) {
              std::this_thread::sleep_for(kPoll);
            }
          }
        } catch (const Error&) {
          return;  // the store is gone; its next user will report that
        }
      }) {}

bool LivenessMonitor::lives(KeyValueStore& store, int rank) {
  LastBeat& beat = beats_[rank];
  const int64_t count = store.add(beats_of(rank), 0);
  if (count != beat.count) {
    beat = {count, now_()};
  }
  return std::chrono::duration<double>(now_() - beat.heard).count() < silence_;
}

BatchCoordinator::BatchCoordinator(KeyValueStore& store,
                                   const Options& options,
                                   std::function<std::optional<ImageFile>()> source,
                                   std::function<void(std::vector<NewRow>&)> write,
                                   RowFormat format)
    : store_(store),
      options_(options),
      source_(std::move(source)),
      write_(std::move(write)),
      format_(std::move(format)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

BatchCoordinator::~BatchCoordinator() = default;

void BatchCoordinator::run(const std::stop_token& stop) {
  try {
    auto checked = Clock::now();
    while (!stop.stop_requested()) {
      take_results();
      answer_requests();
      if (seconds_since(checked) > 0.5) {
        reclaim();
        checked = Clock::now();
      }
      std::this_thread::sleep_for(kPoll);
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }
}

void BatchCoordinator::take_results() {
  while (const auto message = store_.pop(kResults)) {
    const json value = json::from_cbor(*message);
    const int64_t id = value.at("id").get<int64_t>();
    int rank = 0;
    {
      const std::lock_guard lock(mutex_);
      const auto held = held_.find(id);
      if (held == held_.end() || held->second.first != value.at("rank").get<int>()) {
        continue;  // reassigned meanwhile: the rank was considered lost
      }
      rank = held->second.first;
    }
    std::vector<NewRow> rows;
    for (const json& entry : value.at("rows")) {
      auto image = parse_json_line(text_of(entry.at(0)), format_);
      if (!image) {
        throw Error(ErrorParts{.what = "a rank sent a result that cannot be read",
                               .where = fmt::format("rank {}", rank),
                               .remedy = "Start all ranks with the same options and program."});
      }
      rows.push_back({std::move(*image), text_of(entry.at(1))});
    }
    write_(rows);
    const std::lock_guard lock(mutex_);
    held_.erase(id);
    images_[rank] += static_cast<int64_t>(rows.size());
  }
}

std::optional<LeasedBatch> BatchCoordinator::next_batch() {
  LeasedBatch batch;
  if (!returned_.empty()) {
    batch = std::move(returned_.front());
    returned_.pop_front();
  }
  while (batch.files.empty() && !exhausted_) {
    while (batch.files.size() < static_cast<size_t>(options_.batch_size)) {
      auto file = source_();
      if (!file) {
        exhausted_ = true;
        break;
      }
      batch.files.push_back(std::move(*file));
    }
  }
  if (batch.files.empty()) {
    return std::nullopt;
  }
  batch.id = next_id_++;  // new even if the batch is reassigned: identifies late results
  return batch;
}

void BatchCoordinator::answer_requests() {
  while (const auto request = store_.pop(kRequests)) {
    requests_.push_back(std::stoi(*request));
  }
  const std::lock_guard lock(mutex_);
  while (!requests_.empty()) {
    auto batch = next_batch();
    if (!batch) {
      return;
    }
    const int rank = requests_.front();
    requests_.pop_front();
    store_.push(batches_of(rank), pack_batch(*batch));
    held_[batch->id] = {rank, std::move(*batch)};
  }
}

void BatchCoordinator::reclaim() {
  std::set<int> dead;
  for (int rank = 1; rank < options_.world_size; ++rank) {
    if (!options_.lives(rank)) {
      dead.insert(rank);
    }
  }
  const std::lock_guard lock(mutex_);
  for (auto it = held_.begin(); it != held_.end();) {
    if (const int rank = it->second.first; dead.contains(rank)) {
      returned_.push_back(std::move(it->second.second));
      if (std::find(lost_.begin(), lost_.end(), rank) == lost_.end()) {
        lost_.push_back(rank);
      }
      it = held_.erase(it);
    } else {
      ++it;
    }
  }
}

std::optional<LeasedBatch> BatchCoordinator::take_left_behind() {
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (failure_) {
        std::rethrow_exception(failure_);
      }
      exhausted_ = true;  // rank 0's own loader has emptied the source
      if (!returned_.empty()) {
        return next_batch();
      }
      if (held_.empty()) {
        return std::nullopt;
      }
    }
    std::this_thread::sleep_for(kPoll);
  }
}

void BatchCoordinator::finish() {
  thread_.request_stop();
  thread_.join();
  if (failure_) {
    std::rethrow_exception(failure_);
  }
  store_.set(kOver, "1");
  const auto start = Clock::now();
  int living = 1;
  while (living > 0 && seconds_since(start) < kGoodbyeSeconds) {
    living = 0;
    for (int rank = 1; rank < options_.world_size; ++rank) {
      const bool left = store_.get(fmt::format("{}/{}", kLeft, rank)).has_value();
      living += !left && options_.lives(rank) ? 1 : 0;
    }
    std::this_thread::sleep_for(kPoll);
  }
}

std::vector<int> BatchCoordinator::lost() {
  const std::lock_guard lock(mutex_);
  return lost_;
}

std::map<int, int64_t> BatchCoordinator::images_by_rank() {
  const std::lock_guard lock(mutex_);
  return images_;
}

BatchWorker::BatchWorker(KeyValueStore& store, int rank, double silence_seconds)
    : store_(store), rank_(rank), liveness_(silence_seconds) {}

std::optional<LeasedBatch> BatchWorker::ask() {
  store_.push(kRequests, std::to_string(rank_));
  while (true) {
    if (const auto packed = store_.pop(batches_of(rank_))) {
      return unpack_batch(*packed);
    }
    if (store_.get(kOver)) {
      return std::nullopt;
    }
    if (!liveness_.lives(store_, 0)) {
      throw PeerLostError(ErrorParts{.what = "rank 0, which hands out the images, is lost",
                                     .where = fmt::format("rank {}", rank_),
                                     .remedy = "Restart with --resume."});
    }
    std::this_thread::sleep_for(kPoll);
  }
}

std::optional<ImageFile> BatchWorker::next_file() {
  if (files_.empty()) {
    std::optional<LeasedBatch> batch;
    try {
      batch = ask();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      over_ = true;  // the loader passes the exception on
      changed_.notify_all();
      throw;
    }
    const std::lock_guard lock(mutex_);
    changed_.notify_all();
    if (!batch) {
      over_ = true;
      return std::nullopt;
    }
    batches_.push_back({batch->id, batch->files.size()});
    files_.assign(batch->files.begin(), batch->files.end());
  }
  ImageFile file = std::move(files_.front());
  files_.pop_front();
  return file;
}

std::optional<BatchWorker::Batch> BatchWorker::next_batch() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return over_ || !batches_.empty(); });
  if (batches_.empty()) {
    return std::nullopt;
  }
  const Batch batch = batches_.front();
  batches_.pop_front();
  return batch;
}

void BatchWorker::send(int64_t id, const std::vector<NewRow>& rows, const RowFormat& format) {
  json list = json::array();
  for (const NewRow& row : rows) {
    list.push_back({bytes(json_line(row.image, format)), bytes(row.thumbnail)});
  }
  store_.push(kResults, pack({{"id", id}, {"rank", rank_}, {"rows", std::move(list)}}));
}

void BatchWorker::leave() { store_.set(fmt::format("{}/{}", kLeft, rank_), "1"); }

}  // namespace parallax
