// The only source of the GEMM kernels, which compute c one panel of columns at a time. Included
// inside a namespace of the instruction set that defines how wide a register is (kRegisterBytes),
// after gemm.h.
#include "core/ops/common/micro_gemm-inl.h"
#include "core/ops/common/transpose-inl.h"

inline constexpr std::int64_t kLineBytes = 64;  // per cache line

// Columns per panel: as many as a tile has.
template <class T>
inline constexpr std::int64_t kPanelWidth = kTileRegisters* kLanesOf<T>;

// Copies the squares of the panel at `col` that are below the diagonal, in the register's lanes of
// rows from `row` on, transposed to their place above it.
template <class T>
void mirror_squares(const Gemm<T>& p, std::int64_t row, std::int64_t col) {
  for (std::int64_t j = col; j < col + kPanelWidth<T> && j < row; j += kLanesOf<T>) {
    transpose_square(
        p.c + row * p.c_stride + j, p.c_stride, p.c + j * p.c_stride + row, p.c_stride);
  }
}

// for_tiles() for a symmetric product: only from the diagonal down. Calls mirror(first row) after
// each register's lanes of rows, while they are in the nearest cache.
template <class T, class F, class M>
void for_symmetric_tiles(const Gemm<T>& p, std::int64_t col, const F& tile, const M& mirror) {
  constexpr std::int64_t kLanes = kLanesOf<T>;
  constexpr std::integral_constant<int, kTileRows> kRows;
  constexpr std::integral_constant<int, kTileRegisters> kRegisters;
  static_assert(kTileRegisters == 2);
  // On the diagonal, the first rows need no more columns than a register has.
  constexpr std::integral_constant<int, kLanes % kTileRows == 0 ? 1 : 2> kFirstRegisters;
  constexpr std::int64_t kStep = kLanes > kTileRows ? kLanes : kTileRows;
  for (std::int64_t i = col; i < p.rows; i += kStep) {
    for (std::int64_t row = i; row < i + kStep; row += kTileRows) {
      if (i == col) {
        tile(kRows, kFirstRegisters, row);
      } else {
        tile(kRows, kRegisters, row);
      }
    }
    for (std::int64_t row = i; row < i + kStep; row += kLanes) {
      mirror(row);
    }
  }
}

// Calls tile(number of rows, registers of columns, first row) for all rows of c that are computed
// from the panel at `col`.
template <class A, class B, class C, class F>
void for_tiles(const Gemm<A, B, C>& p, std::int64_t col, const F& tile) {
  if constexpr (std::is_same_v<A, C> && std::is_floating_point_v<A>) {
    if (p.symmetric) {
      for_symmetric_tiles(p, col, tile, [&](std::int64_t row) { mirror_squares(p, row, col); });
      return;
    }
  }
  constexpr std::integral_constant<int, kTileRegisters> kRegisters;
  std::int64_t i = 0;
  for (; i + kTileRows <= p.rows; i += kTileRows) {
    tile(std::integral_constant<int, kTileRows>(), kRegisters, i);
  }
  for (; i < p.rows; ++i) {
    tile(std::integral_constant<int, 1>(), kRegisters, i);
  }
}

// Stores sums as elements of c.
template <class V, class T>
inline void store_elements(const V& numbers, T* to) {
  store_vector(numbers, to);
}

// Whether the sums can start from x, at no cost.
template <class A, class B, class C>
bool starts_from_x(const Gemm<A, B, C>& p) {
  return p.x != nullptr && p.y == nullptr && p.scale == 1 && p.x_scale == 1;
}

// Prefetches the terms that will be added to the sums.
template <int kRows, class A, class B, class C>
inline __attribute__((always_inline)) void fetch_terms(const Gemm<A, B, C>& p,
                                                       std::int64_t row,
                                                       std::int64_t col) {
  constexpr std::int64_t kLine = kLineBytes / sizeof(Compute<A>);
  const Compute<A>* const both[] = {p.x, p.y};
  for (const Compute<A>* terms : both) {
    for (int i = 0; terms != nullptr && i < kRows; ++i) {
      for (std::int64_t j = 0; j < kPanelWidth<Compute<A>>; j += kLine) {
        __builtin_prefetch(terms + (row + i) * p.xy_stride + col + j);
      }
    }
  }
}

// Initialises the sums for kRows rows from `row` and `registers` vectors of columns from `col` on:
// with x if starts_from_x(), else with zeros.
template <int kRows, int registers, class V, class A, class B, class C>
inline __attribute__((always_inline)) void start_sums(const Gemm<A, B, C>& p,
                                                      std::int64_t row,
                                                      std::int64_t col,
                                                      V (&sums)[kRows][registers]) {
  const bool from_x = starts_from_x(p);
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    const Compute<A>* const x = p.x + (row + i) * p.xy_stride + col;
#pragma GCC unroll 2
    for (int r = 0; r < registers; ++r) {
      sums[i][r] = from_x ? load_vector<V>(x + r * kLanesOf<Compute<A>>) : V{};
    }
  }
  if (!from_x) {
    fetch_terms<kRows>(p, row, col);
  }
}

// Stores the sums, scaled and with kTerms terms added; −1: unchanged.
template <int kTerms, int kRows, int registers, class V, class A, class B, class C>
inline __attribute__((always_inline)) void store_sums(const Gemm<A, B, C>& p,
                                                      std::int64_t row,
                                                      std::int64_t col,
                                                      const V (&sums)[kRows][registers]) {
  using Number = Compute<A>;
  constexpr std::int64_t kLanes = kLanesOf<Number>;
  // Copies, as the compiler must assume that stores change p.
  const Number scale = p.scale;
  const Number x_scale = p.x_scale;
  const Number y_scale = p.y_scale;
  const Number* x = p.x + row * p.xy_stride + col;
  const Number* y = p.y + row * p.xy_stride + col;
  const std::int64_t xy_stride = p.xy_stride;
  const std::int64_t c_stride = p.c_stride;
  C* c = p.c + row * c_stride + col;
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int r = 0; r < registers; ++r) {
      V result = sums[i][r];
      if constexpr (kTerms >= 0) {
        result *= scale;
      }
      if constexpr (kTerms >= 1) {
        result += x_scale * load_vector<V>(x + r * kLanes);
      }
      if constexpr (kTerms >= 2) {
        result += y_scale * load_vector<V>(y + r * kLanes);
      }
      store_elements(result, c + r * kLanes);
    }
    x += xy_stride;
    y += xy_stride;
    c += c_stride;
  }
}

// Stores the sums with the scale and the terms that p has.
template <int kRows, int registers, class V, class A, class B, class C>
inline __attribute__((always_inline)) void finish_sums(const Gemm<A, B, C>& p,
                                                       std::int64_t row,
                                                       std::int64_t col,
                                                       const V (&sums)[kRows][registers]) {
  if (starts_from_x(p) || (p.x == nullptr && p.scale == 1)) {
    store_sums<-1>(p, row, col, sums);
  } else if (p.x == nullptr) {
    store_sums<0>(p, row, col, sums);
  } else if (p.y == nullptr) {
    store_sums<1>(p, row, col, sums);
  } else {
    store_sums<2>(p, row, col, sums);
  }
}

// The first inner index that the tile at row i needs.
template <class A, class B, class C>
std::int64_t first_inner(const Gemm<A, B, C>& p, std::int64_t i) {
  return p.a_is_upper ? i : 0;
}

// Computes kRows rows of c from `row` on, `registers` vectors of the panel at `col`, from b's
// panel, whose rows are b_stride apart.
template <int kRows, int registers, class T>
void panel_tile(const Gemm<T>& p,
                std::int64_t row,
                std::int64_t col,
                const T* b,
                std::int64_t b_stride) {
  Register<T> sums[kRows][registers];
  start_sums(p, row, col, sums);
  const std::int64_t k = first_inner(p, row);
  add_to_sums(Strided<T>{p.a + row * p.a_row + k * p.a_inner, p.a_row, p.a_inner},
              b + k * b_stride,
              b_stride,
              p.inner - k,
              sums);
  finish_sums(p, row, col, sums);
}

// Packs the panel of b at `col`, its rows one after the other.
template <class T>
void pack_rows_of_panel(const Gemm<T>& p, std::int64_t col, T* packed) {
  constexpr std::int64_t kWidth = kPanelWidth<T>;
  for (std::int64_t k = 0; k < p.inner; ++k) {
    const T* const row = p.b + k * p.b_stride + col;
#pragma omp simd
    for (std::int64_t j = 0; j < kWidth; ++j) {
      packed[k * kWidth + j] = row[j];
    }
  }
}

// The same for a transposed b.
template <class T>
void pack_columns_of_panel(const Gemm<T>& p, std::int64_t col, T* packed) {
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
}

// Up to this many rows use a panel of b so little that packing it does not pay.
inline constexpr std::int64_t kFewRows = 2 * kTileRows;

// Prefetches rows [first, first + kTileRows) of a: the processor does not anticipate them if they
// are short or are columns in memory.
template <class T>
void fetch_rows(const Gemm<T>& p, std::int64_t first) {
  constexpr std::int64_t kLine = kLineBytes / sizeof(T);
  if (first >= p.rows) {
    return;
  }
  if (p.a_row == 1) {
    if (first % kLine == 0) {  // a cache line holds the rows of several tiles
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

// Prefetches b's panel at `col` (−1: nothing), a few of its rows with each tile of the panel
// before.
template <class A, class B, class C>
class PanelPrefetch {
 public:
  PanelPrefetch(const Gemm<A, B, C>& p, std::int64_t col)
      : row_(p.b + col),
        stride_(p.b_stride),
        rows_left_(col < 0 || p.b_transposed ? 0 : p.inner),  // the processor anticipates long rows
        rows_a_tile_(p.inner * kTileRows / p.rows + 1) {}

  void advance() {
    constexpr std::int64_t kLine = kLineBytes / sizeof(B);
    const std::int64_t rows = rows_left_ < rows_a_tile_ ? rows_left_ : rows_a_tile_;
    for (std::int64_t k = 0; k < rows; ++k) {
      for (std::int64_t j = 0; j < kPanelWidth<Compute<A>>; j += kLine) {
        __builtin_prefetch(row_ + j);
      }
      row_ += stride_;
    }
    rows_left_ -= rows;
  }

 private:
  const B* row_;
  std::int64_t stride_;
  std::int64_t rows_left_;
  std::int64_t rows_a_tile_;
};

// Prefetches p.next, an equal share of it with each tile.
template <class A, class B, class C>
class NextPrefetch {
 public:
  explicit NextPrefetch(const Gemm<A, B, C>& p, std::int64_t col) {
    const std::int64_t panels = p.cols / kPanelWidth<Compute<A>>;
    const std::int64_t tiles = (p.rows + kTileRows - 1) / kTileRows;
    const std::int64_t panel = col / kPanelWidth<Compute<A>>;
    for (int i = 0; i < 2; ++i) {
      const std::int64_t bytes = p.next[i].bytes;
      const auto* const from = static_cast<const char*>(p.next[i].from);
      at_[i] = from + bytes * panel / panels;
      end_[i] = from + bytes * (panel + 1) / panels;
      step_[i] = (end_[i] - at_[i] + tiles - 1) / tiles;
    }
  }

  void advance() {
    for (int i = 0; i < 2; ++i) {
      const char* const until = end_[i] - at_[i] < step_[i] ? end_[i] : at_[i] + step_[i];
      for (const char* line = at_[i]; line < until; line += kLineBytes) {
        __builtin_prefetch(line);
      }
      at_[i] = until;
    }
  }

 private:
  const char* at_[2];
  const char* end_[2];
  std::int64_t step_[2];
};

// Computes the panel at `col`. `first`: it is the first of this call; `next`: the column of the one
// after, or −1.
template <class T>
void product_panel(const Gemm<T>& p, std::int64_t col, bool first, std::int64_t next, T* packed) {
  const T* b = packed;
  std::int64_t b_stride = kPanelWidth<T>;
  if (p.b_transposed) {
    pack_columns_of_panel(p, col, packed);
  } else if (p.rows <= kFewRows) {
    b = p.b + col;
    b_stride = p.b_stride;
  } else {
    pack_rows_of_panel(p, col, packed);
  }
  NextPrefetch fetch_of_next(p, col);
  PanelPrefetch fetch_of_panel(p, next);
  for_tiles(p, col, [&](auto rows, auto registers, std::int64_t i) {
    fetch_of_next.advance();
    if (first) {
      fetch_rows(p, i + kTileRows);
    }
    fetch_of_panel.advance();
    panel_tile<rows, registers>(p, i, col, b, b_stride);
  });
}

// The panel to compute as number `index`: long and short panels of a symmetric product alternate,
// so that threads get equal shares.
template <class A, class B, class C>
std::int64_t panel_at(const Gemm<A, B, C>& p, std::int64_t index) {
  const std::int64_t count = p.cols / kPanelWidth<Compute<A>>;
  return index % 2 == 0 ? index / 2 : count - 1 - index / 2;
}

template <class T>
void product_panels(const Gemm<T>& p, std::int64_t begin, std::int64_t end, T* packed) {
  const auto column = [&](std::int64_t index) { return panel_at(p, index) * kPanelWidth<T>; };
  fetch_rows(p, 0);
  for (std::int64_t index = begin; index < end; ++index) {
    const std::int64_t next = index + 1 < end ? column(index + 1) : -1;
    product_panel(p, column(index), index == begin, next, packed);
  }
}

// How many elements of scratch product_panels() needs: those of a packed panel.
template <class T>
std::int64_t panel_scratch(const Gemm<T>& p) {
  return p.inner * kPanelWidth<T>;
}

#include "core/ops/matmul/small_gemm-inl.h"

template <class T>
constexpr GemmKernels<T> gemm_kernels() {
  return {{kPanelWidth<T>, false, panel_scratch<T>, nullptr, product_panels<T>}, small_gemm<T>};
}

constexpr GemmTables gemm_tables() { return {gemm_kernels<float>(), gemm_kernels<double>()}; }
