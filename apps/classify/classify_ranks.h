// `classify` in several processes: rank 0 hands batches of files to idle ranks and writes every
// rank's results. Batches held by a rank that dies or stalls are reassigned, and results that it
// still sends for them are ignored.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "apps/classify/classify_results.h"
#include "core/distributed/key_value_store.h"
#include "vision/images/image_files.h"

namespace parallax {

// A batch of files assigned to a rank.
struct LeasedBatch {
  int64_t id = 0;
  std::vector<ImageFile> files;
};

// Tells the other ranks every half second that this process is alive.
class Heartbeat {
 public:
  Heartbeat(KeyValueStore& store, int rank);

 private:
  std::jthread thread_;
};

// Tracks which ranks have not been heard from for some time.
class LivenessMonitor {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit LivenessMonitor(double silence_seconds,
                           std::function<Time()> now = std::chrono::steady_clock::now)
      : silence_(silence_seconds), now_(std::move(now)) {}
  // Whether the rank was heard from within that time; for one never heard from, the time counts
  // from the first call.
  bool lives(KeyValueStore& store, int rank);

 private:
  // A rank's latest heartbeat and when it arrived.
  struct LastBeat {
    int64_t count = -1;
    Time heard;
  };
  double silence_;
  std::function<Time()> now_;
  std::map<int, LastBeat> beats_;
};

// Rank 0's side: assigns batches, takes results, and reassigns what lost ranks held.
class BatchCoordinator {
 public:
  // Settings of a BatchCoordinator.
  struct Options {
    int world_size = 1;
    int batch_size = 8;
    std::function<bool(int rank)> lives;  // asked now and then, never from two threads at once
  };
  // `source` and `write` are also called from the coordinator's own thread.
  BatchCoordinator(KeyValueStore& store,
                   const Options& options,
                   std::function<std::optional<ImageFile>()> source,
                   std::function<void(std::vector<NewRow>&)> write,
                   RowFormat format);
  ~BatchCoordinator();
  BatchCoordinator(const BatchCoordinator&) = delete;
  BatchCoordinator& operator=(const BatchCoordinator&) = delete;

  // After the source is exhausted: a batch left by a lost rank, for rank 0 itself; empty when all
  // is done. Waits for batches that others are still working on. Rethrows what the coordinator's
  // thread threw.
  std::optional<LeasedBatch> take_left_behind();

  // Tells the other ranks that the work is over and waits until they know.
  void finish();

  // The ranks lost during the run, and the number of images classified by each rank.
  std::vector<int> lost();
  std::map<int, int64_t> images_by_rank();

 private:
  void run(const std::stop_token& stop);
  void take_results();
  void answer_requests();
  void reclaim();
  std::optional<LeasedBatch> next_batch();

  KeyValueStore& store_;
  Options options_;
  std::function<std::optional<ImageFile>()> source_;
  std::function<void(std::vector<NewRow>&)> write_;
  RowFormat format_;

  std::mutex mutex_;                                     // guards everything below
  std::deque<int> requests_;                             // ranks waiting for a batch
  std::deque<LeasedBatch> returned_;                     // left behind by lost ranks
  std::map<int64_t, std::pair<int, LeasedBatch>> held_;  // by id: the rank and the batch
  std::map<int, int64_t> images_;
  std::vector<int> lost_;
  int64_t next_id_ = 0;
  bool exhausted_ = false;
  std::exception_ptr failure_;
  std::jthread thread_;  // last: it uses the other members
};

// The other ranks' side: requests batches as the loader needs files.
class BatchWorker {
 public:
  BatchWorker(KeyValueStore& store, int rank, double silence_seconds);

  // For the loader's source: the next file of the batches assigned to this rank; empty at the end.
  std::optional<ImageFile> next_file();

  // For the model: the next batch whose files went to the loader, by id and number of files; empty
  // at the end.
  struct Batch {
    int64_t id = 0;
    size_t count = 0;
  };
  std::optional<Batch> next_batch();

  void send(int64_t id, const std::vector<NewRow>& rows, const RowFormat& format);
  void leave();  // confirms that this rank knows that the work is over

 private:
  std::optional<LeasedBatch> ask();

  KeyValueStore& store_;
  int rank_;
  LivenessMonitor liveness_;
  std::deque<ImageFile> files_;  // of the latest batch; only the loader's source uses it
  std::mutex mutex_;             // guards what follows
  std::condition_variable changed_;
  std::deque<Batch> batches_;
  bool over_ = false;
};

}  // namespace parallax
