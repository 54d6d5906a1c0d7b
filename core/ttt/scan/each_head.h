// Loops over a layer's heads, for kernels that take one at a time.
#pragma once

#include "core/base/torch.h"
#include "core/ops/common/parallel_for.h"

namespace parallax {

// Calls f(of_head) for each of `heads` heads, which threads share; of_head(x) is where the head's
// part of x starts, a dense tensor [heads, …] of T, or null if that is undefined.
template <class T, class F>
void for_each_head(int64_t heads, const F& f) {
  at::parallel_for(0, heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t head = begin; head < end; ++head) {
      f([head](const Tensor& x) -> T* {
        return x.defined() ? x.data_ptr<T>() + head * x.stride(0) : nullptr;
      });
    }
  });
}

}  // namespace parallax
