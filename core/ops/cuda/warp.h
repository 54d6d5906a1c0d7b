// The interface between the body of a CUDA kernel whose warps work together and the GPU: matrix
// products of a warp, exchanges between its lanes, barriers. Bodies are templates over it, so that
// the tests can run them on the CPU, where they check indexing and synchronisation.
//
// A Thread has
//   block(), index()     which block of the grid, and which thread of the block this is
//   sync()               a barrier of the block's threads
//   shared<T>(n)         n elements that the block's threads share, uninitialised
//   exchanged(x, mask)   the x of the lane whose index differs from this one's by `mask`
//   multiply(d, a, b)    d += a b for 16×16 and 16×8 matrices, which are laid out below
//   transposed(x)        an 8×8 matrix, transposed
// All lanes of a warp make the same calls in the same order.
//
// Of a matrix of 8 rows and 8 columns of bfloat16, lane 4g + t has columns 2t and 2t + 1 of row g,
// as a word. `a` is four such words: rows and columns from (0, 0), (8, 0), (0, 8) and (8, 8) on.
// `b` is two, of the transposed matrix: rows from 0 and from 8 on. `d` is columns 2t and 2t + 1 of
// row g and of row g + 8 in float32.
#pragma once

#include <cstdint>

#include "core/ops/cuda/thread_block.h"

namespace parallax::cuda {

inline constexpr int kWarpLanes = 32;

#ifdef __CUDACC__
// A Thread on the GPU.
class DeviceThread {
 public:
  __device__ explicit DeviceThread(char* shared) : shared_(shared) {}
  __device__ std::int64_t block() const { return blockIdx.x; }
  __device__ int index() const { return static_cast<int>(threadIdx.x); }
  __device__ void sync() { __syncthreads(); }

  template <class T>
  __device__ T* shared(std::int64_t count) {
    return shared_.take<T>(count);
  }

  template <class T>  // float or std::uint32_t
  __device__ T exchanged(T x, int mask) {
    return __shfl_xor_sync(0xFFFFFFFFU, x, mask);
  }

  __device__ void multiply(float (&d)[4],
                           const std::uint32_t (&a)[4],
                           const std::uint32_t (&b)[2]) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }

  __device__ std::uint32_t transposed(std::uint32_t x) {
    std::uint32_t y = 0;
    asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(y) : "r"(x));
    return y;
  }

 private:
  SharedMemory shared_;
};
#endif

}  // namespace parallax::cuda
