// Batches made on other threads while the model trains on the one before.
#pragma once

#include <cstdint>
#include <future>
#include <map>
#include <utility>

namespace parallax {

// Keyed by step and shard. Destruction waits for what is being made.
template <class Batch>
class PreparedBatches {
 public:
  // Starts making a batch; `make` runs on a thread of its own.
  template <class Make>
  void prepare(int64_t step, int64_t shard, Make make) {
    batches_[{step, shard}] = std::async(std::launch::async, std::move(make));
  }

  // The prepared batch, or the one that `make` makes now. Throws what making it threw.
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
