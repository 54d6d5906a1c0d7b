// The only source of the elastic kernels. Included by one source file per instruction set, inside a
// namespace of its own that defines how wide a register is (kRegisterBytes), after
// core/ttt/kernels/elastic_scan.h.
#include "core/ops/common/vector-inl.h"

// Rows and registers per row of the part of the state that goes through a block of tokens at once:
// all it holds stays in the nearest cache, and a cache line of keys serves all rows.
inline constexpr int kElasticRows = 16;
inline constexpr int kElasticRegisters = 4;
// Tokens per block, so that their keys, queries, values and outputs stay in the second cache while
// part after part of the state reads them.
inline constexpr std::int64_t kElasticTokens = 256;

// Part of the state: up to kElasticRows rows from `row` on, N registers of each from `col` on.
template <class V, int N, class T>
struct ElasticPart {
  const ElasticScan<T>& e;
  std::int64_t row;
  std::int64_t col;
  int rows;
  V weights[kElasticRows][N];
  V anchor[kElasticRows][N];
  V importance[kElasticRows][N];

  static constexpr std::int64_t kLanes = sizeof(V) / sizeof(T);

  template <class F>
  void each(const F& f) {
    for (int r = 0; r < rows; ++r) {
      for (int n = 0; n < N; ++n) {
        f((row + r) * e.width + col + n * kLanes, r, n);
      }
    }
  }

  void load_state() {
    each([&](std::int64_t at, int r, int n) {
      weights[r][n] = load_vector<V>(e.weights + at);
      anchor[r][n] = load_vector<V>(e.anchor + at);
      importance[r][n] = load_vector<V>(e.importance + at);
    });
  }

  void store_state() {
    each([&](std::int64_t at, int r, int n) {
      store_vector(weights[r][n], e.weights + at);
      store_vector(anchor[r][n], e.anchor + at);
      store_vector(importance[r][n], e.importance + at);
    });
  }

  template <bool squares>
  void step(std::int64_t begin, std::int64_t end) {
    const T pull = e.strength;
    const T alpha = e.importance_decay;
    const T rest = 1 - alpha;
    const T follow = 1 - e.anchor_decay;
    for (int r = 0; r < rows; ++r) {
      V sum[N] = {};
      for (std::int64_t t = begin; t < end; ++t) {
        const T key = e.keys[t * e.inner + row + r];
        for (int n = 0; n < N; ++n) {
          sum[n] += key * load_vector<V>(e.values + t * e.width + col + n * kLanes);
        }
      }
      for (int n = 0; n < N; ++n) {
        const V of_step = squares ? sum[n] * sum[n] : (sum[n] < 0 ? -sum[n] : sum[n]);
        const V held = alpha * importance[r][n] + rest * of_step;
        const V from_anchor = (1 - pull * held) * ((weights[r][n] - anchor[r][n]) + sum[n]);
        importance[r][n] = held;
        weights[r][n] = anchor[r][n] + from_anchor;
        anchor[r][n] += follow * from_anchor;
      }
    }
  }

  void update(std::int64_t begin, std::int64_t end) {
    if (e.squares) {
      step<true>(begin, end);
    } else {
      step<false>(begin, end);
    }
  }

  void apply(std::int64_t begin, std::int64_t end) const {
    for (std::int64_t t = begin; t < end; ++t) {
      T* const to = e.output + t * e.width + col;
      const T* const query = e.queries + t * e.inner + row;
      V sum[N];
      for (int n = 0; n < N; ++n) {
        sum[n] = load_vector<V>(to + n * kLanes);
      }
      for (int r = 0; r < rows; ++r) {
        for (int n = 0; n < N; ++n) {
          sum[n] += query[r] * weights[r][n];
        }
      }
      for (int n = 0; n < N; ++n) {
        store_vector(sum[n], to + n * kLanes);
      }
    }
  }

  // Tokens [begin, end), of which `begin` starts a chunk.
  void run(std::int64_t begin, std::int64_t end) {
    load_state();
    for (std::int64_t from = begin; from < end; from += e.chunk) {
      const std::int64_t to = from + e.chunk < end ? from + e.chunk : end;
      const std::int64_t updated = to < e.updating ? to : e.updating;
      if (!e.reads_own_step) {
        apply(from, to);
      }
      if (from < updated) {
        update(from, updated);
      }
      if (e.reads_own_step) {
        apply(from, to);
      }
    }
    store_state();
  }
};

// Columns from `col` on, N registers at a time as long as there are so many; returns the next one.
template <class V, int N, class T>
std::int64_t scan_columns(const ElasticScan<T>& e,
                          std::int64_t begin,
                          std::int64_t end,
                          std::int64_t col) {
  constexpr std::int64_t kCols = N * ElasticPart<V, N, T>::kLanes;
  for (; col + kCols <= e.width; col += kCols) {
    for (std::int64_t row = 0; row < e.inner; row += kElasticRows) {
      const std::int64_t left = e.inner - row;
      ElasticPart<V, N, T> part{
          e, row, col, static_cast<int>(left < kElasticRows ? left : kElasticRows)};
      part.run(begin, end);
    }
  }
  return col;
}

template <class T>
void elastic_scan(const ElasticScan<T>& e) {
  const std::int64_t chunks = kElasticTokens / e.chunk;
  const std::int64_t block = (chunks < 1 ? 1 : chunks) * e.chunk;
  for (std::int64_t begin = 0; begin < e.applied; begin += block) {
    const std::int64_t end = begin + block < e.applied ? begin + block : e.applied;
    std::int64_t col = scan_columns<Register<T>, kElasticRegisters>(e, begin, end, 0);
    col = scan_columns<Register<T>, 1>(e, begin, end, col);
    scan_columns<T, 1>(e, begin, end, col);
  }
}

constexpr ElasticTables elastic_tables() { return {{elastic_scan<float>}, {elastic_scan<double>}}; }
