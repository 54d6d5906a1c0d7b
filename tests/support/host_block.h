// CUDA blocks on the CPU (core/ops/cuda/thread_block.h): one thread after another, or with one host
// thread per thread of the block, so that ThreadSanitizer sees races.
#pragma once

#include <barrier>
#include <thread>
#include <vector>

#include "core/ops/cuda/thread_block.h"

namespace parallax::testing {

// Shared memory as on a GPU: of the requested size and with arbitrary old content.
inline std::vector<char> stale_shared_memory(const cuda::Grid& grid) {
  return std::vector<char>(grid.shared_bytes + 1, static_cast<char>(0xFF));  // NaN, read as floats
}

// A block whose threads run one after another on the calling thread.
class SequentialBlock {
 public:
  SequentialBlock(std::int64_t index, int threads, char* shared)
      : index_(index), threads_(threads), shared_(shared) {}
  std::int64_t index() const { return index_; }
  int threads() const { return threads_; }

  template <class F>
  void each(const F& f) {
    for (int thread = 0; thread < threads_; ++thread) {
      f(thread);
    }
  }

  template <class T>
  T* shared(std::int64_t count) {
    return shared_.take<T>(count);
  }

 private:
  std::int64_t index_;
  int threads_;
  cuda::SharedMemory shared_;
};

// One thread's view of its block.
class ThreadBlock {
 public:
  ThreadBlock(std::int64_t index, int thread, int threads, char* shared, std::barrier<>& barrier)
      : index_(index), thread_(thread), threads_(threads), shared_(shared), barrier_(barrier) {}
  std::int64_t index() const { return index_; }
  int threads() const { return threads_; }

  template <class F>
  void each(const F& f) {
    f(thread_);
    barrier_.arrive_and_wait();
  }

  template <class T>
  T* shared(std::int64_t count) {
    return shared_.take<T>(count);
  }

 private:
  std::int64_t index_;
  int thread_;
  int threads_;
  cuda::SharedMemory shared_;
  std::barrier<>& barrier_;
};

// body(block) for every block of the grid.
template <class Body>
void run_sequentially(const cuda::Grid& grid, const Body& body) {
  for (std::int64_t index = 0; index < grid.blocks; ++index) {
    std::vector<char> shared = stale_shared_memory(grid);
    SequentialBlock block(index, grid.threads, shared.data());
    body(block);
  }
}

// The same with `threads` host threads per block, as hundreds would take long to start. Blocks run
// in pairs, so that conflicts over each other's memory show.
template <class Body>
void run_threaded(const cuda::Grid& grid, int threads, const Body& body) {
  for (std::int64_t first = 0; first < grid.blocks; first += 2) {
    std::vector<std::vector<char>> shared(2, stale_shared_memory(grid));
    std::barrier<> barriers[2] = {std::barrier<>(threads), std::barrier<>(threads)};
    std::vector<std::jthread> running;
    for (std::int64_t i = 0; i < 2 && first + i < grid.blocks; ++i) {
      for (int thread = 0; thread < threads; ++thread) {
        running.emplace_back([&, i, thread] {
          ThreadBlock block(first + i, thread, threads, shared[i].data(), barriers[i]);
          body(block);
        });
      }
    }
  }
}

}  // namespace parallax::testing
