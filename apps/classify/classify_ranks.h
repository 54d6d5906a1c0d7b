// `classify` in several processes: rank 0 deals the files, a batch at a time, to whoever asks, and
// writes everyone's results. A rank that dies or stalls costs the batches that it held; they are
// dealt again, and what it may still send of them is not taken.
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

struct LeasedBatch {
  int64_t id = 0;
  std::vector<ImageFile> files;
};

// Tells the others every half second that this process lives.
class Heartbeat {
 public:
  Heartbeat(KeyValueStore& store, int rank);

 private:
  std::jthread thread_;
};

// Who has not been heard of for some time.
class LivenessMonitor {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit LivenessMonitor(double silence_seconds,
                           std::function<Time()> now = std::chrono::steady_clock::now)
      : silence_(silence_seconds), now_(std::move(now)) {}
  // Whether the rank was alive within that time. One never heard of counts from the first call.
  bool lives(KeyValueStore& store, int rank);

 private:
  struct LastBeat {
    int64_t count = -1;
    Time heard;
  };
  double silence_;
  std::function<Time()> now_;
  std::map<int, LastBeat> beats_;
};

// Rank 0's side.
class BatchCoordinator {
 public:
  struct Options {
    int world_size = 1;
    int batch_size = 8;
    std::function<bool(int rank)> lives;  // asked now and then, never from two threads at once
  };
  // `source` and `write` are called from the dealer's own thread, too.
  BatchCoordinator(KeyValueStore& store,
                   const Options& options,
                   std::function<std::optional<ImageFile>()> source,
                   std::function<void(std::vector<NewRow>&)> write,
                   RowFormat format);
  ~BatchCoordinator();
  BatchCoordinator(const BatchCoordinator&) = delete;
  BatchCoordinator& operator=(const BatchCoordinator&) = delete;

  // After the source is exhausted: a batch that a lost rank has left, for rank 0 itself; nothing
  // when all is done. Waits for what others are still at. Throws what the dealer's thread threw.
  std::optional<LeasedBatch> take_left_behind();

  // Tells the others that it is over and waits until they know.
  void finish();

  // Ranks that were lost on the way, and images of each rank.
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

  std::mutex mutex_;                                     // of everything below
  std::deque<int> requests_;                             // ranks that wait for a batch
  std::deque<LeasedBatch> returned_;                     // left behind by lost ranks
  std::map<int64_t, std::pair<int, LeasedBatch>> held_;  // by id: the rank and the batch
  std::map<int, int64_t> images_;
  std::vector<int> lost_;
  int64_t next_id_ = 0;
  bool exhausted_ = false;
  std::exception_ptr failure_;
  std::jthread thread_;  // last: it uses the others
};

// The other ranks' side: batches asked for as the loader comes to need files.
class BatchWorker {
 public:
  BatchWorker(KeyValueStore& store, int rank, double silence_seconds);

  // For the loader's source: the next file of the batches dealt to this rank; nothing at the end.
  std::optional<ImageFile> next_file();

  // For the model: the number of files of the next batch whose files went to the loader, and its
  // id; nothing at the end.
  struct Batch {
    int64_t id = 0;
    size_t count = 0;
  };
  std::optional<Batch> next_batch();

  void send(int64_t id, const std::vector<NewRow>& rows, const RowFormat& format);
  void leave();  // says that this rank knows that it is over

 private:
  std::optional<LeasedBatch> ask();

  KeyValueStore& store_;
  int rank_;
  LivenessMonitor pulse_;
  std::deque<ImageFile> files_;  // of the last batch; only the loader's source uses it
  std::mutex mutex_;             // of what follows
  std::condition_variable changed_;
  std::deque<Batch> batches_;
  bool over_ = false;
};

}  // namespace parallax
