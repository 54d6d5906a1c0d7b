// The interface between the body of a CUDA kernel and the block it runs in. Bodies are templates
// over it, so that the same code also runs on the CPU, where the tests check its arithmetic, its
// indexing and, with one host thread per thread of the block, its synchronisation.
//
// A Block has
//   index()         which block of the grid this is
//   threads()       how many threads it has, a power of two
//   each(f)         f(thread) for every thread, then a barrier
//   shared<T>(n)    n elements that the block's threads share, uninitialised
// All threads make the same calls in the same order; what a thread keeps across a barrier is stored
// in shared memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/ops/common/device.h"

namespace parallax::cuda {

// A kernel's launch configuration.
struct Grid {
  std::int64_t blocks = 0;
  int threads = 0;               // per block
  std::size_t shared_bytes = 0;  // per block
};

inline constexpr std::size_t kSharedAlignment = 16;

// Hands out pieces of a block's shared memory, one after the other.
class SharedMemory {
 public:
  PARALLAX_DEVICE explicit SharedMemory(char* begin) : next_(begin) {}

  template <class T>
  PARALLAX_DEVICE T* take(std::int64_t count) {
    T* const taken = reinterpret_cast<T*>(next_);
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(T);
    next_ += (bytes + kSharedAlignment - 1) / kSharedAlignment * kSharedAlignment;
    return taken;
  }

 private:
  char* next_;
};

#ifdef __CUDACC__
// A Block on the GPU, as one of its threads sees it.
class DeviceBlock {
 public:
  __device__ explicit DeviceBlock(char* shared) : shared_(shared) {}
  __device__ std::int64_t index() const { return blockIdx.x; }
  __device__ int threads() const { return static_cast<int>(blockDim.x); }

  template <class F>
  __device__ void each(const F& f) {
    f(static_cast<int>(threadIdx.x));
    __syncthreads();
  }

  template <class T>
  __device__ T* shared(std::int64_t count) {
    return shared_.take<T>(count);
  }

 private:
  SharedMemory shared_;
};
#endif

}  // namespace parallax::cuda
