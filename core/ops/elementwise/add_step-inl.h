// A gradient-descent step with weight normalisation; included only by kernels-inl.h.

template <class T>
void add_step_to_columns(const AddStep<T>& a, std::int64_t matrix, std::int64_t first) {
  const std::int64_t left = a.cols - first;
  const std::int64_t count = left < kColumnBlock ? left : kColumnBlock;
  T scales[kColumnBlock] = {};  // at first the squared norms
  for (std::int64_t row = 0; row < a.rows; ++row) {
    const std::int64_t at = (matrix * a.rows + row) * a.cols + first;
#pragma omp simd
    for (std::int64_t j = 0; j < count; ++j) {
      const T w = a.step != nullptr ? a.main[at + j] + a.sign * a.step[at + j] : a.main[at + j];
      a.sum[at + j] = w;
      scales[j] += w * w;
    }
  }
#pragma omp simd
  for (std::int64_t j = 0; j < count; ++j) {
    const T square = scales[j] < a.smallest_square ? a.smallest_square : scales[j];  // keeps NaN
    scales[j] = a.norms[matrix * a.cols + first + j] / (square_root(square) + a.eps);
  }
  for (std::int64_t row = 0; row < a.rows; ++row) {
    const std::int64_t at = (matrix * a.rows + row) * a.cols + first;
#pragma omp simd
    for (std::int64_t j = 0; j < count; ++j) {
      a.weight[at + j] = a.sum[at + j] * scales[j];
    }
  }
}

template <class T>
void add_step(const AddStep<T>& a, std::int64_t begin, std::int64_t end) {
  const std::int64_t blocks = (a.cols + kColumnBlock - 1) / kColumnBlock;
  for (std::int64_t block = begin; block < end; ++block) {
    add_step_to_columns(a, block / blocks, block % blocks * kColumnBlock);
  }
}
