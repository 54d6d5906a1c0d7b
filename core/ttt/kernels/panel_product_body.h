// Products by panels: the one source. Included inside a namespace of the instruction set that says
// how wide a register is (kRegisterBytes), after panel_product.h and elementwise.h.
#include "core/ttt/kernels/lanes_body.h"
#include "core/ttt/kernels/product_body.h"

template <class T>
inline constexpr std::int64_t kPanelWidth = kTileRegisters* kLanesOf<T>;

// Registers s apart exchange what is not on their own side: where a lane's number has the bit s,
// the upper register's, else the lower's.
template <class T, int s, int... lanes>
inline void exchange_halves(Register<T>* rows, std::integer_sequence<int, lanes...>) {
  constexpr int kLanes = sizeof...(lanes);
  using Index = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  using Mask = typename VectorOf<Index, kRegisterBytes>::Type;
  const Mask low = {((lanes & s) != 0 ? kLanes + lanes - s : lanes)...};
  const Mask high = {((lanes & s) != 0 ? kLanes + lanes : lanes + s)...};
  const auto exchange = [&](int i) {
    if ((i & s) == 0) {
      const Register<T> upper = rows[i];
      rows[i] = __builtin_shuffle(upper, rows[i + s], low);
      rows[i + s] = __builtin_shuffle(upper, rows[i + s], high);
    }
  };
  (exchange(lanes), ...);
  if constexpr (s > 1) {
    exchange_halves<T, s / 2>(rows, std::integer_sequence<int, lanes...>());
  }
}

// A square of kLanesOf<T> numbers a side, by halves of halves.
template <class T>
inline void transpose_square(const T* from,
                             std::int64_t from_stride,
                             T* to,
                             std::int64_t to_stride) {
  constexpr int kLanes = kLanesOf<T>;
  Register<T> rows[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    rows[i] = load_lanes<Register<T>>(from + i * from_stride);
  }
  exchange_halves<T, kLanes / 2>(rows, std::make_integer_sequence<int, kLanes>());
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
template <class T, class C, class F>
void for_tiles(const PanelProduct<T, C>& p, std::int64_t col, const F& tile) {
  std::int64_t i = p.symmetric ? col : 0;
  for (; i + kTileRows <= p.rows; i += kTileRows) {
    tile(std::integral_constant<int, kTileRows>(), i);
  }
  for (; i < p.rows; ++i) {
    tile(std::integral_constant<int, 1>(), i);
  }
  if constexpr (std::is_same_v<T, C> && std::is_floating_point_v<T>) {
    if (p.symmetric) {
      mirror_panel(p, col + kPanelWidth<T>, col);
    }
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

inline constexpr std::int64_t kLineBytes = 64;

// Asks for rows [first, first + kTileRows) of a: the processor does not foresee them where they are
// short, or columns.
template <class T>
void fetch_rows(const PanelProduct<T>& p, std::int64_t first) {
  constexpr std::int64_t kLine = kLineBytes / sizeof(T);
  if (first >= p.rows) {
    return;
  }
  if (p.a_row == 1) {
    if (first % kLine == 0) {  // a line holds several tiles' rows
      for (std::int64_t k = 0; k < p.inner; ++k) {
        __builtin_prefetch(p.a + k * p.a_inner + first);
      }
    }
    return;
  }
  const std::int64_t last = first + kTileRows < p.rows ? first + kTileRows : p.rows;
  for (std::int64_t i = first; i < last; ++i) {
    for (std::int64_t k = 0; k < p.inner; k += kLine) {
      __builtin_prefetch(p.a + i * p.a_row + k * p.a_inner);
    }
  }
}

// Asks for rows [first, last) of b's panel at `col`.
template <class T>
void fetch_panel(const PanelProduct<T>& p,
                 std::int64_t col,
                 std::int64_t first,
                 std::int64_t last) {
  constexpr std::int64_t kLine = kLineBytes / sizeof(T);
  for (std::int64_t k = first; k < last && k < p.inner; ++k) {
    for (std::int64_t j = 0; j < kPanelWidth<T>; j += kLine) {
      __builtin_prefetch(p.b + k * p.b_stride + col + j);
    }
  }
}

// `first`: no panel of the product was made yet; next: the column of the one after, or −1.
template <class T>
void product_panel(const PanelProduct<T>& p,
                   std::int64_t col,
                   bool first,
                   std::int64_t next,
                   T* packed) {
  constexpr std::int64_t kWidth = kPanelWidth<T>;
  if (p.b_transposed) {
    pack_columns_of_panel(p, col, packed);
  } else {
    pack_rows_of_panel(p, col, packed);
  }
  const auto from_row = [&](std::int64_t i) {
    return Strided<T>{p.a + i * p.a_row, p.a_row, p.a_inner};
  };
  const std::int64_t rows_a_tile = p.inner * kTileRows / p.rows + 1;
  std::int64_t fetched = 0;
  for_tiles(p, col, [&](auto rows, std::int64_t i) {
    if (first) {
      fetch_rows(p, i + kTileRows);
    }
    if (next >= 0 && !p.b_transposed) {
      fetch_panel(p, next, fetched, fetched + rows_a_tile);
      fetched += rows_a_tile;
    }
    product_tile<rows, kTileRegisters, Register<T>>(
        from_row(i), packed, kWidth, p.inner, p.c + i * p.c_stride + col, p.c_stride, p.add);
  });
}

// Long and short panels of a symmetric product in turn, so that threads get equal shares.
template <class T, class C>
std::int64_t panel_at(const PanelProduct<T, C>& p, std::int64_t index) {
  const std::int64_t count = p.cols / kPanelWidth<Compute<T>>;
  return index % 2 == 0 ? index / 2 : count - 1 - index / 2;
}

template <class T>
void product_panels(const PanelProduct<T>& p, std::int64_t begin, std::int64_t end, T* packed) {
  const auto column = [&](std::int64_t index) { return panel_at(p, index) * kPanelWidth<T>; };
  fetch_rows(p, 0);
  for (std::int64_t index = begin; index < end; ++index) {
    const std::int64_t next = index + 1 < end ? column(index + 1) : -1;
    product_panel(p, column(index), index == begin, next, packed);
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
void add_small_product(std::int64_t side, T scale, const T* a, const T* b, T* c) {
  for (std::int64_t i = 0; i < side; ++i) {
    for (std::int64_t k = 0; k < side; ++k) {
      const T factor = scale * a[i * side + k];
#pragma omp simd
      for (std::int64_t j = 0; j < side; ++j) {
        c[i * side + j] += factor * b[k * side + j];
      }
    }
  }
}

template <class T>
constexpr PanelKernels<T> panel_kernels() {
  return {{kPanelWidth<T>, panel_scratch<T>, product_panels<T>}, combine<T>, add_small_product<T>};
}

constexpr PanelTables panel_tables() { return {panel_kernels<float>(), panel_kernels<double>()}; }
