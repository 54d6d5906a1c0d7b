// The only source of attention's row functions. Included inside a namespace of the instruction set,
// after kernels.h.
#include "core/ops/common/math-inl.h"

// The logarithm is needed once a row.
inline float logarithm(float x) { return __builtin_logf(x); }

template <class S>
void softmax(const Softmax<S>& k) {
  for (std::int64_t row = 0; row < k.rows; ++row) {
    const float* const s = k.scores + row * k.cols;
    S* const p = k.weights + row * k.cols;
    float largest = s[0];
#pragma omp simd reduction(max : largest)
    for (std::int64_t j = 0; j < k.cols; ++j) {
      largest = s[j] > largest ? s[j] : largest;
    }
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t j = 0; j < k.cols; ++j) {
      sum += exponential(s[j] - largest);
    }
    // Normalised before it is rounded: p V needs no second rounding then.
    const float log_sum = largest + logarithm(sum);
#pragma omp simd
    for (std::int64_t j = 0; j < k.cols; ++j) {
      store(exponential(s[j] - log_sum), p[j]);
    }
    k.log_sums[row] = log_sum;
  }
}

template <class S>
void softmax_backward(const Softmax<S>& k) {
  for (std::int64_t row = 0; row < k.rows; ++row) {
    const std::int64_t offset = row * k.cols;
    const float* const s = k.scores + offset;
    const float* const dp = k.weights_gradient + offset;
    S* const p = k.weights + offset;
    S* const ds = k.scores_gradient + offset;
    const float log_sum = k.log_sums[row];
    float mean = 0;
#pragma omp simd reduction(+ : mean)
    for (std::int64_t j = 0; j < k.cols; ++j) {
      const float weight = exponential(s[j] - log_sum);
      mean += weight * dp[j];
      store(weight, p[j]);
    }
    const float scale = k.scale;
#pragma omp simd
    for (std::int64_t j = 0; j < k.cols; ++j) {
      const float weight = load(p[j]);
      store(scale * weight * (dp[j] - mean), ds[j]);
    }
  }
}

template <class S>
constexpr AttentionKernels<S> attention_kernels() {
  return {softmax<S>, softmax_backward<S>};
}

constexpr AttentionTables attention_tables() {
  return {attention_kernels<float>(), attention_kernels<BFloat16Bits>()};
}
