// Batches prepared on other threads while the model trains on the previous one.
#pragma once

#include <cstdint>
#include <future>
#include <map>
#include <utility>

namespace parallax {

// Batches in preparation, keyed by step and shard. The destructor waits for unfinished ones.
template <class Batch>
class PreparedBatches {
 public:
  // Starts preparing a batch; `make` runs on its own thread.
  template <class Make>
  void prepare(int64_t step, int64_t shard, Make make) {
    batches_[{step, shard}] = std::async(std::launch::async, std::move(make));
  }

  // The prepared batch, or else the result of calling `make` now. Rethrows what preparing it threw.
  template <class Make>
  Batch take(int64_t step, int64_t shard, Make make) {
    const auto it = batches_.find({step, shard});
    if (it == batches_.end()) {
      return make();
    }
    std::future<Batch> batch = std::move(it->second);
    batches_.erase(it);
    return batch.get();
  }

 private:
  std::map<std::pair<int64_t, int64_t>, std::future<Batch>> batches_;
};

}  // namespace parallax
