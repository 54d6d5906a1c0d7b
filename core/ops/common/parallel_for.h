// Loops shared among LibTorch's threads.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>

#ifndef _OPENMP
#error "at::parallel_for runs on one thread in a source that is compiled without OpenMP"
#endif

namespace parallax::fused {

inline constexpr int64_t kGrainElements = 16384;  // elements worth waking another thread for

// Whether few threads idle when each gets whole items: the items divide evenly, or are so many that
// a remainder matters little.
inline bool divides_evenly(int64_t items, int64_t threads) {
  constexpr int64_t kEnough = 4;  // items per thread
  return items % threads == 0 || items >= kEnough * threads;
}

// Calls f(begin, end) over rows of `width` elements, several rows at a time.
template <class F>
void for_rows(int64_t rows, int64_t width, const F& f) {
  at::parallel_for(0, rows, std::max<int64_t>(1, kGrainElements / std::max<int64_t>(1, width)), f);
}

}  // namespace parallax::fused
