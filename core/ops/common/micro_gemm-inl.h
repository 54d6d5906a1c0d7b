// Products of matrices that are in the cache: the micro-kernels of fused layers. Included inside a
// namespace of the instruction set.
#include "core/ops/common/vector-inl.h"

// Rows of c, and vectors of its columns, that one tile keeps in registers.
inline constexpr int kTileRows = kRegisterBytes == 64 ? 8 : 4;
inline constexpr int kTileRegisters = 2;

// An operand, read as it is stored or transposed: element (i, k) is at data[i · row + k · inner].
template <class C>
struct Strided {
  const C* data;
  std::int64_t row;
  std::int64_t inner;
};

// The sizes of c [rows, cols] = a [rows, inner] · b [inner, cols].
struct ProductSize {
  std::int64_t rows;
  std::int64_t inner;
  std::int64_t cols;
};

// sums += a b, for kRows rows and `registers` vectors V of columns.
template <int kRows, int registers, class V, class C>
inline __attribute__((always_inline)) void add_to_sums(const Strided<C>& a,
                                                       const C* b,
                                                       std::int64_t b_stride,
                                                       std::int64_t inner,
                                                       V (&sums)[kRows][registers]) {
  constexpr std::int64_t kLanes = sizeof(V) / sizeof(C);
  for (std::int64_t k = 0; k < inner; ++k) {
    V row[registers];
    for (int r = 0; r < registers; ++r) {
      row[r] = load_vector<V>(b + k * b_stride + r * kLanes);
    }
    for (int i = 0; i < kRows; ++i) {
      const C value = a.data[i * a.row + k * a.inner];
      for (int r = 0; r < registers; ++r) {
        sums[i][r] += value * row[r];
      }
    }
  }
}

// c = a b, or c += a b, for kRows rows and `registers` vectors V of columns.
template <int kRows, int registers, class V, class C>
inline void product_tile(const Strided<C>& a,
                         const C* b,
                         std::int64_t b_stride,
                         std::int64_t inner,
                         C* c,
                         std::int64_t c_stride,
                         bool add) {
  constexpr std::int64_t kLanes = sizeof(V) / sizeof(C);
  V sums[kRows][registers] = {};
  if (add) {
    for (int i = 0; i < kRows; ++i) {
      for (int r = 0; r < registers; ++r) {
        sums[i][r] = load_vector<V>(c + i * c_stride + r * kLanes);
      }
    }
  }
  add_to_sums(a, b, b_stride, inner, sums);
  for (int i = 0; i < kRows; ++i) {
    for (int r = 0; r < registers; ++r) {
      store_vector(sums[i][r], c + i * c_stride + r * kLanes);
    }
  }
}

// The same for all rows of c.
template <int registers, class V, class C>
inline void product_columns(const Strided<C>& a,
                            const C* b,
                            const ProductSize& size,
                            C* c,
                            bool add) {
  const auto from_row = [&](std::int64_t i) {
    return Strided<C>{a.data + i * a.row, a.row, a.inner};
  };
  std::int64_t i = 0;
  for (; i + kTileRows <= size.rows; i += kTileRows) {
    product_tile<kTileRows, registers, V>(
        from_row(i), b, size.cols, size.inner, c + i * size.cols, size.cols, add);
  }
  for (; i < size.rows; ++i) {
    product_tile<1, registers, V>(
        from_row(i), b, size.cols, size.inner, c + i * size.cols, size.cols, add);
  }
}

// c [rows, cols] = a b, or c += a b; b [inner, cols] and c are dense.
template <class C>
void product(const Strided<C>& a, const C* b, const ProductSize& size, C* c, bool add = false) {
  constexpr std::int64_t kLanes = kLanesOf<C>;
  std::int64_t j = 0;
  for (; j + kTileRegisters * kLanes <= size.cols; j += kTileRegisters * kLanes) {
    product_columns<kTileRegisters, Register<C>>(a, b + j, size, c + j, add);
  }
  for (; j + kLanes <= size.cols; j += kLanes) {
    product_columns<1, Register<C>>(a, b + j, size, c + j, add);
  }
  for (; j < size.cols; ++j) {
    product_columns<1, C>(a, b + j, size, c + j, add);
  }
}
