// Batches prepared on other threads while the model trains on the previous one.
#pragma once

#include <cstdint>
#include <future>
#include <map>
#include <mutex>
#include <utility>

namespace parallax {

// Batches in preparation, keyed by step and shard; one is made at a time. May be used from several
// threads. The destructor waits for unfinished ones.
template <class Batch>
class PreparedBatches {
 public:
  // Starts preparing a batch; `make` runs on another thread.
  template <class Make>
  void prepare(int64_t step, int64_t shard, Make make) {
    const std::lock_guard lock(mutex_);
    batches_[{step, shard}] = std::async(std::launch::async, [this, make = std::move(make)] {
      const std::lock_guard one_at_a_time(making_);
      return make();
    });
  }

  // The prepared batch, or else the result of calling `make` now. Rethrows what preparing it threw.
  template <class Make>
  Batch take(int64_t step, int64_t shard, Make make) {
    std::future<Batch> batch;
    {
      const std::lock_guard lock(mutex_);
      const auto it = batches_.find({step, shard});
      if (it != batches_.end()) {
        batch = std::move(it->second);
        batches_.erase(it);
      }
    }
    return batch.valid() ? batch.get() : make();
  }

 private:
  std::mutex mutex_;   // of batches_
  std::mutex making_;  // held while a batch is made
  std::map<std::pair<int64_t, int64_t>, std::future<Batch>> batches_;
};

}  // namespace parallax
