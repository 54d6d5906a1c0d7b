// Threads that take shards one after the other.
#include "vision/train/concurrent_gradients.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <torch/autograd.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>

namespace parallax {
namespace {

// Gives each of `shares` threads that are started while it lives, and this one, an equal share of
// the operators' threads.
class ShareOperatorThreads {
 public:
  explicit ShareOperatorThreads(int64_t shares) : before_(at::get_num_threads()) {
    at::set_num_threads(static_cast<int>(std::max<int64_t>(1, before_ / shares)));
  }
  ~ShareOperatorThreads() { at::set_num_threads(before_); }
  ShareOperatorThreads(const ShareOperatorThreads&) = delete;
  ShareOperatorThreads& operator=(const ShareOperatorThreads&) = delete;

 private:
  int before_;
};

// Autocast's cache of converted weights is one for all threads, and with the weights it would share
// parts of their graphs.
class WithoutAutocastCache {
 public:
  WithoutAutocastCache() : before_(at::autocast::is_autocast_cache_enabled()) {
    at::autocast::set_autocast_cache_enabled(false);
  }
  ~WithoutAutocastCache() { at::autocast::set_autocast_cache_enabled(before_); }
  WithoutAutocastCache(const WithoutAutocastCache&) = delete;
  WithoutAutocastCache& operator=(const WithoutAutocastCache&) = delete;

 private:
  bool before_;
};

struct ShardResult {
  std::vector<Tensor> gradients;
  double loss = 0;
  std::vector<Metric> metrics;
};

ShardResult run_shard(TrainTask& task,
                      int64_t step,
                      int64_t shard,
                      int64_t num_shards,
                      const std::vector<Tensor>& parameters) {
  const ShardLoss shard_loss = task.shard_loss(step, shard, num_shards);
  ShardResult result{.loss = shard_loss.loss.item<double>()};
  for (const ShardMetric& metric : shard_loss.metrics) {
    result.metrics.push_back({metric.name, metric.value.item<double>()});
  }
  // Not backward(): threads would add to the same gradients, in any order.
  result.gradients = torch::autograd::grad({shard_loss.loss},
                                           parameters,
                                           {},
                                           std::nullopt,
                                           /*create_graph=*/false,
                                           /*allow_unused=*/true);
  return result;
}

// Calls f(0) … f(count − 1), `threads` at a time; rethrows the first exception.
template <class F>
void for_each_concurrently(int64_t count, int threads, const F& f) {
  std::atomic<int64_t> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    const WithoutAutocastCache no_cache;
    try {
      for (int64_t i = next++; i < count; i = next++) {
        f(i);
      }
    } catch (...) {
      next = count;
      const std::lock_guard lock(mutex);
      failure = failure ? failure : std::current_exception();
    }
  };
  {
    const int64_t workers = std::min<int64_t>(threads, count);
    const ShareOperatorThreads share(workers);
    std::vector<std::jthread> others;
    for (int64_t i = 1; i < workers; ++i) {
      others.emplace_back(work);
    }
    work();
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

}  // namespace

StepMeasures concurrent_gradients(TrainTask& task,
                                  int64_t step,
                                  int64_t num_shards,
                                  int threads,
                                  const std::vector<Tensor>& parameters) {
  std::vector<ShardResult> results(static_cast<size_t>(num_shards));
  for_each_concurrently(num_shards, threads, [&](int64_t shard) {
    results[static_cast<size_t>(shard)] = run_shard(task, step, shard, num_shards, parameters);
  });
  const torch::NoGradGuard no_grad;
  const double share = 1 / static_cast<double>(num_shards);
  StepMeasures measures;
  for (const ShardResult& result : results) {
    measures.loss += result.loss * share;
    for (const Metric& metric : result.metrics) {
      measures.metrics[metric.name] += metric.value * share;
    }
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    Tensor sum = results.front().gradients[i];
    if (!sum.defined()) {
      continue;  // no shard uses it
    }
    for (size_t shard = 1; shard < results.size(); ++shard) {
      sum.add_(results[shard].gradients[i]);
    }
    parameters[i].mutable_grad() = sum.mul_(share);
  }
  return measures;
}

}  // namespace parallax
