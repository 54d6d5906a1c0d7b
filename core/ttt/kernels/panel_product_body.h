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

// Of as many registers as one has lanes, by halves of halves.
template <class T, int kLanes>
inline void transpose_registers(T (&rows)[kLanes]) {
  using Number = std::remove_reference_t<decltype(rows[0][0])>;
  exchange_halves<Number, kLanes / 2>(rows, std::make_integer_sequence<int, kLanes>());
}

// A square of kLanesOf<T> numbers a side.
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
  transpose_registers(rows);
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
template <class A, class B, class C, class F>
void for_tiles(const PanelProduct<A, B, C>& p, std::int64_t col, const F& tile) {
  std::int64_t i = p.symmetric ? col : 0;
  for (; i + kTileRows <= p.rows; i += kTileRows) {
    tile(std::integral_constant<int, kTileRows>(), i);
  }
  for (; i < p.rows; ++i) {
    tile(std::integral_constant<int, 1>(), i);
  }
  if constexpr (std::is_same_v<A, C> && std::is_floating_point_v<A>) {
    if (p.symmetric) {
      mirror_panel(p, col + kPanelWidth<A>, col);
    }
  }
}

// Whether sums can start from x, at no cost.
template <class A, class B, class C>
bool starts_from_x(const PanelProduct<A, B, C>& p) {
  return p.x != nullptr && p.y == nullptr && p.scale == 1 && p.x_scale == 1;
}

// What the sums of a b at `row` from `col` on start from.
template <class V, class A, class B, class C>
inline V start_of_sums(const PanelProduct<A, B, C>& p, std::int64_t row, std::int64_t col) {
  return starts_from_x(p) ? load_lanes<V>(p.x + row * p.xy_stride + col) : V{};
}

// What c is there, where the sums end with these.
template <class V, class A, class B, class C>
inline V finished(const PanelProduct<A, B, C>& p,
                  const V& sums,
                  std::int64_t row,
                  std::int64_t col) {
  if (starts_from_x(p)) {
    return sums;
  }
  V result = p.scale * sums;
  if (p.x != nullptr) {
    result += p.x_scale * load_lanes<V>(p.x + row * p.xy_stride + col);
    if (p.y != nullptr) {
      result += p.y_scale * load_lanes<V>(p.y + row * p.xy_stride + col);
    }
  }
  return result;
}

// Where the inner dimension of the tile at row i begins.
template <class A, class B, class C>
std::int64_t first_inner(const PanelProduct<A, B, C>& p, std::int64_t i) {
  return p.a_is_upper ? i : 0;
}

// kRows rows of c from `row` on, of the panel at `col`, whose rows lie b_stride apart at b.
template <int kRows, class T>
void panel_tile(const PanelProduct<T>& p,
                std::int64_t row,
                std::int64_t col,
                const T* b,
                std::int64_t b_stride) {
  using V = Register<T>;
  constexpr std::int64_t kLanes = kLanesOf<T>;
  V sums[kRows][kTileRegisters];
  for (int i = 0; i < kRows; ++i) {
    for (int r = 0; r < kTileRegisters; ++r) {
      sums[i][r] = start_of_sums<V>(p, row + i, col + r * kLanes);
    }
  }
  const std::int64_t k = first_inner(p, row);
  add_to_sums(Strided<T>{p.a + row * p.a_row + k * p.a_inner, p.a_row, p.a_inner},
              b + k * b_stride,
              b_stride,
              p.inner - k,
              sums);
  for (int i = 0; i < kRows; ++i) {
    for (int r = 0; r < kTileRegisters; ++r) {
      const std::int64_t to = col + r * kLanes;
      store_lanes(finished(p, sums[i][r], row + i, to), p.c + (row + i) * p.c_stride + to);
    }
  }
}

// The panel of b at `col`, its rows one after the other.
template <class T>
void pack_rows_of_panel(const PanelProduct<T>& p, std::int64_t col, T* packed) {
  constexpr std::int64_t kWidth = kPanelWidth<T>;
  for (std::int64_t k = 0; k < p.inner; ++k) {
    const T* const row = p.b + k * p.b_stride + col;
#pragma omp simd
    for (std::int64_t j = 0; j < kWidth; ++j) {
      packed[k * kWidth + j] = row[j];
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
}

// So few of them use a panel of b so little that packing it does not pay.
inline constexpr std::int64_t kFewRows = 2 * kTileRows;

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

// Asks for an equal part of what is needed next, at each of a panel's tiles.
template <class A, class B, class C>
class FetchOfNext {
 public:
  explicit FetchOfNext(const PanelProduct<A, B, C>& p, std::int64_t col) {
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

// `first`: no panel of the product was made yet; next: the column of the one after, or −1.
template <class T>
void product_panel(const PanelProduct<T>& p,
                   std::int64_t col,
                   bool first,
                   std::int64_t next,
                   T* packed) {
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
  const std::int64_t rows_a_tile = p.inner * kTileRows / p.rows + 1;
  std::int64_t fetched = 0;
  FetchOfNext fetch_of_next(p, col);
  for_tiles(p, col, [&](auto rows, std::int64_t i) {
    fetch_of_next.advance();
    if (first) {
      fetch_rows(p, i + kTileRows);
    }
    if (next >= 0 && !p.b_transposed) {
      fetch_panel(p, next, fetched, fetched + rows_a_tile);
      fetched += rows_a_tile;
    }
    panel_tile<rows>(p, i, col, b, b_stride);
  });
}

// Long and short panels of a symmetric product in turn, so that threads get equal shares.
template <class A, class B, class C>
std::int64_t panel_at(const PanelProduct<A, B, C>& p, std::int64_t index) {
  const std::int64_t count = p.cols / kPanelWidth<Compute<A>>;
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
void small_product(const PanelProduct<T>& p) {
  const std::int64_t side = p.rows;
  for (std::int64_t i = 0; i < side; ++i) {
    T* const row = p.c + i * side;
#pragma omp simd
    for (std::int64_t j = 0; j < side; ++j) {
      row[j] = p.x != nullptr ? p.x_scale * p.x[i * side + j] : T{0};
    }
    if (p.y != nullptr) {
#pragma omp simd
      for (std::int64_t j = 0; j < side; ++j) {
        row[j] += p.y_scale * p.y[i * side + j];
      }
    }
    for (std::int64_t k = 0; k < side; ++k) {
      const T factor = p.scale * p.a[i * side + k];
#pragma omp simd
      for (std::int64_t j = 0; j < side; ++j) {
        row[j] += factor * p.b[k * side + j];
      }
    }
  }
}

template <class T>
constexpr PanelKernels<T> panel_kernels() {
  return {{kPanelWidth<T>, panel_scratch<T>, product_panels<T>}, small_product<T>};
}

constexpr PanelTables panel_tables() { return {panel_kernels<float>(), panel_kernels<double>()}; }
