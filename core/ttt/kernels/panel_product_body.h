// Products by panels: the one source. Included inside a namespace of the instruction set that says
// how wide a register is (kRegisterBytes), after panel_product.h and elementwise.h.
#include "core/ttt/kernels/lanes_body.h"
#include "core/ttt/kernels/product_body.h"

template <class T>
inline constexpr std::int64_t kPanelWidth = kTileRegisters* kLanesOf<T>;

// A square of kLanesOf<T> numbers a side, by halves of halves: registers s apart exchange what is
// not on their own side.
template <class T>
inline void transpose_square(const T* from,
                             std::int64_t from_stride,
                             T* to,
                             std::int64_t to_stride) {
  constexpr int kLanes = kLanesOf<T>;
  using Index = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  using Mask = typename VectorOf<Index, kRegisterBytes>::Type;
  Register<T> rows[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    rows[i] = load_lanes<Register<T>>(from + i * from_stride);
  }
  for (int s = kLanes / 2; s > 0; s /= 2) {
    Mask low;
    Mask high;
    for (int i = 0; i < kLanes; ++i) {
      low[i] = (i & s) != 0 ? kLanes + i - s : i;
      high[i] = (i & s) != 0 ? kLanes + i : i + s;
    }
    for (int i = 0; i < kLanes; ++i) {
      if ((i & s) == 0) {
        const Register<T> upper = rows[i];
        rows[i] = __builtin_shuffle(upper, rows[i + s], low);
        rows[i + s] = __builtin_shuffle(upper, rows[i + s], high);
      }
    }
  }
  for (int i = 0; i < kLanes; ++i) {
    store_lanes(rows[i], to + i * to_stride);
  }
}

// Rows from `first` on of the panel at `col`, to where they lie transposed.
template <class T>
void mirror_panel(const PanelProduct<T>& p, std::int64_t first, std::int64_t col) {
  constexpr std::int64_t kLanes = kLanesOf<T>;
  for (std::int64_t row = first; row < p.rows; row += kLanes) {
    for (std::int64_t j = col; j < col + kPanelWidth<T>; j += kLanes) {
      transpose_square(
          p.c + row * p.c_stride + j, p.c_stride, p.c + j * p.c_stride + row, p.c_stride);
    }
  }
}

// tile(number of rows, first row) for all rows that are made of the panel at `col`; then what they
// mirror.
template <class T, class F>
void for_tiles(const PanelProduct<T>& p, std::int64_t col, const F& tile) {
  std::int64_t i = p.symmetric ? col : 0;
  for (; i + kTileRows <= p.rows; i += kTileRows) {
    tile(std::integral_constant<int, kTileRows>(), i);
  }
  for (; i < p.rows; ++i) {
    tile(std::integral_constant<int, 1>(), i);
  }
  if (p.symmetric) {
    mirror_panel(p, col + kPanelWidth<T>, col);
  }
}

// The panel of b at `col`, times the scale, its rows one after the other.
template <class T>
void pack_rows_of_panel(const PanelProduct<T>& p, std::int64_t col, T* packed) {
  constexpr std::int64_t kWidth = kPanelWidth<T>;
  for (std::int64_t k = 0; k < p.inner; ++k) {
    const T* const row = p.b + k * p.b_stride + col;
#pragma omp simd
    for (std::int64_t j = 0; j < kWidth; ++j) {
      packed[k * kWidth + j] = p.scale * row[j];
    }
  }
}

template <class T>
void pack_columns_of_panel(const PanelProduct<T>& p, std::int64_t col, T* packed) {
  constexpr std::int64_t kWidth = kPanelWidth<T>;
  constexpr std::int64_t kLanes = kLanesOf<T>;
  const std::int64_t squares = p.inner / kLanes * kLanes;
  for (std::int64_t j = 0; j < kWidth; j += kLanes) {
    const T* const from = p.b + (col + j) * p.b_stride;
    for (std::int64_t k = 0; k < squares; k += kLanes) {
      transpose_square(from + k, p.b_stride, packed + k * kWidth + j, kWidth);
    }
    for (std::int64_t k = squares; k < p.inner; ++k) {
      for (std::int64_t i = 0; i < kLanes; ++i) {
        packed[k * kWidth + j + i] = from[i * p.b_stride + k];
      }
    }
  }
  if (p.scale != T{1}) {
#pragma omp simd
    for (std::int64_t i = 0; i < p.inner * kWidth; ++i) {
      packed[i] *= p.scale;
    }
  }
}

template <class T>
void product_panel(const PanelProduct<T>& p, std::int64_t col, T* packed) {
  constexpr std::int64_t kWidth = kPanelWidth<T>;
  if (p.b_transposed) {
    pack_columns_of_panel(p, col, packed);
  } else {
    pack_rows_of_panel(p, col, packed);
  }
  const auto from_row = [&](std::int64_t i) {
    return Strided<T>{p.a + i * p.a_row, p.a_row, p.a_inner};
  };
  for_tiles(p, col, [&](auto rows, std::int64_t i) {
    product_tile<rows, kTileRegisters, Register<T>>(
        from_row(i), packed, kWidth, p.inner, p.c + i * p.c_stride + col, p.c_stride, p.add);
  });
}

// Asks for a's numbers in the order they lie in: tiles read a transposed one across its rows, which
// the processor does not foresee.
template <class T>
void fetch_transposed(const PanelProduct<T>& p) {
  constexpr std::int64_t kLine = 64 / sizeof(T);
  if (p.a_row != 1) {
    return;
  }
  for (std::int64_t k = 0; k < p.inner; ++k) {
    for (std::int64_t i = 0; i < p.rows; i += kLine) {
      __builtin_prefetch(p.a + k * p.a_inner + i);
    }
  }
}

// Long and short panels of a symmetric product in turn, so that threads get equal shares.
template <class T>
std::int64_t panel_at(const PanelProduct<T>& p, std::int64_t index) {
  const std::int64_t count = p.cols / kPanelWidth<T>;
  return index % 2 == 0 ? index / 2 : count - 1 - index / 2;
}

template <class T>
void product_panels(const PanelProduct<T>& p, std::int64_t begin, std::int64_t end, T* packed) {
  fetch_transposed(p);
  for (std::int64_t index = begin; index < end; ++index) {
    product_panel(p, panel_at(p, index) * kPanelWidth<T>, packed);
  }
}

template <class T>
std::int64_t panel_scratch(const PanelProduct<T>& p) {
  return p.inner * kPanelWidth<T>;
}

template <class T>
void combine(T alpha, const T* x, T beta, const T* y, std::int64_t count, T* out) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = alpha * x[i] + beta * y[i];
  }
}

template <class T>
constexpr PanelKernels<T> panel_kernels() {
  return {kPanelWidth<T>, panel_scratch<T>, product_panels<T>, combine<T>};
}

constexpr PanelTables panel_tables() { return {panel_kernels<float>(), panel_kernels<double>()}; }
