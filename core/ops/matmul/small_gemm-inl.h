// Products of square matrices too small for panels; included only by gemm-inl.h.

// Computes kRows rows from `row` on of a small product; `b` is padded to a panel.
template <int kRows, class T>
void small_rows(const Gemm<T>& p, std::int64_t row, std::int64_t col, const T* b) {
  constexpr std::int64_t kWidth = kPanelWidth<T>;
  const std::int64_t side = p.rows;
  Register<T> sums[kRows][kTileRegisters] = {};
  add_to_sums(Strided<T>{p.a + row * side, side, 1}, b, kWidth, side, sums);
  T numbers[kRows * kWidth];
  __builtin_memcpy(numbers, sums, sizeof(numbers));
  const std::int64_t count = side - col < kWidth ? side - col : kWidth;
  const T scale = p.scale;
  const T x_scale = p.x_scale;
  const T y_scale = p.y_scale;
  for (int i = 0; i < kRows; ++i) {
    const std::int64_t at = (row + i) * side + col;
    const T* const of_row = numbers + i * kWidth;
    T* const to = p.c + at;
    const T* const x = p.x + at;
    const T* const y = p.y + at;
    if (p.x == nullptr) {
#pragma omp simd
      for (std::int64_t j = 0; j < count; ++j) {
        to[j] = scale * of_row[j];
      }
    } else if (p.y == nullptr) {
#pragma omp simd
      for (std::int64_t j = 0; j < count; ++j) {
        to[j] = scale * of_row[j] + x_scale * x[j];
      }
    } else {
#pragma omp simd
      for (std::int64_t j = 0; j < count; ++j) {
        to[j] = scale * of_row[j] + x_scale * x[j] + y_scale * y[j];
      }
    }
  }
}

// For matrices with fewer rows than a tile.
template <class T>
void tiny_product(const Gemm<T>& p) {
  const std::int64_t side = p.rows;
  for (std::int64_t i = 0; i < side; ++i) {
    T row[kTileRows];
    for (std::int64_t j = 0; j < side; ++j) {
      row[j] = (p.x != nullptr ? p.x_scale * p.x[i * side + j] : T{0}) +
               (p.y != nullptr ? p.y_scale * p.y[i * side + j] : T{0});
    }
    for (std::int64_t k = 0; k < side; ++k) {
      const T factor = p.scale * p.a[i * side + k];
      for (std::int64_t j = 0; j < side; ++j) {
        row[j] += factor * p.b[k * side + j];
      }
    }
    for (std::int64_t j = 0; j < side; ++j) {
      p.c[i * side + j] = row[j];
    }
  }
}

template <class T>
void small_gemm(const Gemm<T>& p) {
  constexpr std::int64_t kWidth = kPanelWidth<T>;
  const std::int64_t side = p.rows;
  if (side < kTileRows) {
    tiny_product(p);
    return;
  }
  T filled[kTileMultiple * kWidth];
  for (std::int64_t col = 0; col < side; col += kWidth) {
    const std::int64_t count = side - col < kWidth ? side - col : kWidth;
    for (std::int64_t k = 0; k < side; ++k) {
      for (std::int64_t j = 0; j < kWidth; ++j) {
        filled[k * kWidth + j] = j < count ? p.b[k * side + col + j] : T{0};
      }
    }
    std::int64_t i = 0;
    for (; i + kTileRows <= side; i += kTileRows) {
      small_rows<kTileRows>(p, i, col, filled);
    }
    for (; i < side; ++i) {
      small_rows<1>(p, i, col, filled);
    }
  }
}
