// CUDA threads whose warps work together, on the CPU (core/ops/cuda/warp.h): one host thread each,
// with a warp's products computed from the layouts that the PTX manual gives (mma.m16n8k16 and
// movmatrix of its section 9.7.14).
#pragma once

#include <array>
#include <barrier>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "core/ops/cuda/kernels.h"
#include "core/ops/cuda/warp.h"
#include "tests/support/host_block.h"

namespace parallax::testing {

// What the lanes of a warp show each other.
struct HostWarp {
  std::barrier<> barrier{cuda::kWarpLanes};
  std::array<std::array<std::uint32_t, 6>, cuda::kWarpLanes> words = {};
};

// One thread's view of its warp and its block.
class HostThread {
 public:
  HostThread(std::int64_t block,
             int index,
             char* shared,
             HostWarp& warp,
             std::barrier<>& block_barrier)
      : block_(block), index_(index), shared_(shared), warp_(warp), barrier_(block_barrier) {}
  std::int64_t block() const { return block_; }
  int index() const { return index_; }
  void sync() { barrier_.arrive_and_wait(); }

  template <class T>
  T* shared(std::int64_t count) {
    return shared_.take<T>(count);
  }

  std::uint32_t exchanged(std::uint32_t x, int mask) {
    show({x});
    const std::uint32_t other = warp_.words[static_cast<size_t>(lane() ^ mask)][0];
    warp_.barrier.arrive_and_wait();
    return other;
  }
  float exchanged(float x, int mask) {
    return __builtin_bit_cast(float, exchanged(__builtin_bit_cast(std::uint32_t, x), mask));
  }

  void multiply(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
    show({a[0], a[1], a[2], a[3], b[0], b[1]});
    for (int i = 0; i < 4; ++i) {
      const int row = lane() / 4 + i / 2 * 8;
      const int column = lane() % 4 * 2 + i % 2;
      for (int inner = 0; inner < 16; ++inner) {
        const auto& of_a = warp_.words[row % 8 * 4 + inner % 8 / 2];
        const auto& of_b = warp_.words[column * 4 + inner % 8 / 2];
        d[i] += half_of(of_a[row / 8 + inner / 8 * 2], inner % 2) *
                half_of(of_b[4 + inner / 8], inner % 2);
      }
    }
    warp_.barrier.arrive_and_wait();
  }

  std::uint32_t transposed(std::uint32_t x) {
    show({x});
    std::uint32_t y = 0;
    for (int i = 0; i < 2; ++i) {
      const int row = lane() % 4 * 2 + i;  // of the original, whose column is this lane's row
      const int column = lane() / 4;
      const std::uint32_t pair = warp_.words[row * 4 + column / 2][0];
      y |= (pair >> column % 2 * 16 & 0xFFFFU) << i * 16;
    }
    warp_.barrier.arrive_and_wait();
    return y;
  }

 private:
  int lane() const { return index_ % cuda::kWarpLanes; }
  static float half_of(std::uint32_t pair, int which) {
    return cuda::load(
        kernels::BFloat16Bits{static_cast<std::uint16_t>(pair >> which * 16 & 0xFFFFU)});
  }
  void show(const std::array<std::uint32_t, 6>& words) {
    warp_.words[static_cast<size_t>(lane())] = words;
    warp_.barrier.arrive_and_wait();
  }

  std::int64_t block_;
  int index_;
  cuda::SharedMemory shared_;
  HostWarp& warp_;
  std::barrier<>& barrier_;
};

// body(thread) for every thread of every block of the grid.
template <class Body>
void run_warps(const cuda::Grid& grid, const Body& body) {
  for (std::int64_t block = 0; block < grid.blocks; ++block) {
    // Vectors are loaded at once, so that the memory must begin at one.
    struct alignas(cuda::kSharedAlignment) Piece {
      char bytes[cuda::kSharedAlignment];
    };
    std::vector<Piece> shared(grid.shared_bytes / sizeof(Piece) + 1);
    std::memset(shared.data(), 0xFF, shared.size() * sizeof(Piece));  // NaN, read as floats
    std::barrier<> barrier(grid.threads);
    std::vector<std::unique_ptr<HostWarp>> warps;
    for (int warp = 0; warp < grid.threads / cuda::kWarpLanes; ++warp) {
      warps.push_back(std::make_unique<HostWarp>());
    }
    std::vector<std::jthread> running;
    for (int index = 0; index < grid.threads; ++index) {
      running.emplace_back([&, index] {
        HostThread thread(block,
                          index,
                          shared.data()->bytes,
                          *warps[static_cast<size_t>(index / cuda::kWarpLanes)],
                          barrier);
        body(thread);
      });
    }
  }
}

}  // namespace parallax::testing
