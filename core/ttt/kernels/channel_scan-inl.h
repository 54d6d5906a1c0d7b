// The only source of the channel kernels. Included by one source file per instruction set, inside a
// namespace of its own that defines how wide a register is (kRegisterBytes), after
// core/ttt/kernels/channel_scan.h.
#include "core/ops/common/vector-inl.h"

// Columns of the state do not depend on each other: so many registers of each row go through all
// tokens at once. With the tokens and rows below, sums and operands fill the registers there are.
inline constexpr int kChannelRegisters = kRegisterBytes == 64 ? 4 : 2;
inline constexpr int kChannelTokens = 4;
inline constexpr int kChannelRows = 4;

// N registers of each row of the state, from column `col` on.
template <class V, int N, class T>
struct ChannelPart {
  const ChannelScan<T>& s;
  std::int64_t col;
  V bound[kChannelScanTokens][N];  // what the chunk's keys are bound to

  static constexpr std::int64_t kLanes = sizeof(V) / sizeof(T);

  T* row(std::int64_t r) const { return s.state + r * s.width + col; }

  // f(token, sums) for tokens [begin, begin + count): the products of their rows with the state,
  // its rows decayed by `factors` if these are given.
  template <int count, class F>
  void multiply(const T* tokens, const T* factors, std::int64_t begin, const F& f) const {
    V sum[count][N] = {};
    const T* const first = tokens + begin * s.inner;
    for (std::int64_t r = 0; r < s.inner; ++r) {
      for (int n = 0; n < N; ++n) {
        V weights = load_vector<V>(row(r) + n * kLanes);
        if (factors != nullptr) {
          weights = factors[r] * weights;
        }
        for (int t = 0; t < count; ++t) {
          sum[t][n] += first[t * s.inner + r] * weights;
        }
      }
    }
    for (int t = 0; t < count; ++t) {
      f(begin + t, sum[t]);
    }
  }

  template <class F>
  void multiply_all(const T* tokens,
                    const T* factors,
                    std::int64_t begin,
                    std::int64_t end,
                    const F& f) const {
    std::int64_t t = begin;
    for (; t + kChannelTokens <= end; t += kChannelTokens) {
      multiply<kChannelTokens>(tokens, factors, t, f);
    }
    for (; t < end; ++t) {
      multiply<1>(tokens, factors, t, f);
    }
  }

  const T* decays_of(std::int64_t begin) const { return s.decays + begin / s.chunk * s.inner; }

  // Finds what the chunk's keys are bound to, from the decayed state.
  void bind(std::int64_t begin, std::int64_t end) {
    if (s.rates == nullptr) {
      for (std::int64_t t = begin; t < end; ++t) {
        for (int n = 0; n < N; ++n) {
          bound[t - begin][n] =
              s.factor * load_vector<V>(s.values + t * s.width + col + n * kLanes);
        }
      }
      return;
    }
    multiply_all(s.keys, decays_of(begin), begin, end, [&](std::int64_t t, const V* recalled) {
      for (int n = 0; n < N; ++n) {
        const V value = load_vector<V>(s.values + t * s.width + col + n * kLanes);
        bound[t - begin][n] = (s.factor * s.rates[t]) * (value - recalled[n]);
      }
    });
  }

  // Decays `count` rows of the state from r on, and adds the chunk's products to them.
  template <int count>
  void step_rows(std::int64_t begin, std::int64_t end, std::int64_t r) const {
    const T* const factors = decays_of(begin) + r;
    V sum[count][N];
    for (int i = 0; i < count; ++i) {
      for (int n = 0; n < N; ++n) {
        sum[i][n] = factors[i] * load_vector<V>(row(r + i) + n * kLanes);
      }
    }
    for (std::int64_t t = begin; t < end; ++t) {
      const T* const key = s.keys + t * s.inner + r;
      for (int i = 0; i < count; ++i) {
        for (int n = 0; n < N; ++n) {
          sum[i][n] += key[i] * bound[t - begin][n];
        }
      }
    }
    for (int i = 0; i < count; ++i) {
      for (int n = 0; n < N; ++n) {
        store_vector(sum[i][n], row(r + i) + n * kLanes);
      }
    }
  }

  void update(std::int64_t begin, std::int64_t end) {
    bind(begin, end);
    std::int64_t r = 0;
    for (; r + kChannelRows <= s.inner; r += kChannelRows) {
      step_rows<kChannelRows>(begin, end, r);
    }
    for (; r < s.inner; ++r) {
      step_rows<1>(begin, end, r);
    }
  }

  void apply(std::int64_t begin, std::int64_t end) const {
    multiply_all(s.queries, nullptr, begin, end, [&](std::int64_t t, const V* sums) {
      for (int n = 0; n < N; ++n) {
        store_vector(sums[n], s.output + t * s.width + col + n * kLanes);
      }
    });
  }

  // A chunk of one token: its query goes along with the step.
  void update_and_apply(std::int64_t t) {
    bind(t, t + 1);
    const T* const factors = decays_of(t);
    const T* const key = s.keys + t * s.inner;
    const T* const query = s.queries + t * s.inner;
    V output[N] = {};
    for (std::int64_t r = 0; r < s.inner; ++r) {
      for (int n = 0; n < N; ++n) {
        T* const at = row(r) + n * kLanes;
        const V before = load_vector<V>(at);
        const V after = factors[r] * before + key[r] * bound[0][n];
        output[n] += query[r] * (s.reads_own_step ? after : before);
        store_vector(after, at);
      }
    }
    for (int n = 0; n < N; ++n) {
      store_vector(output[n], s.output + t * s.width + col + n * kLanes);
    }
  }

  void run() {
    std::int64_t first = 0;
    for (; s.chunk == 1 && first < s.updating; ++first) {
      update_and_apply(first);
    }
    for (std::int64_t from = first; from < s.applied; from += s.chunk) {
      const std::int64_t to = from + s.chunk < s.applied ? from + s.chunk : s.applied;
      const std::int64_t updated = to < s.updating ? to : s.updating;
      if (!s.reads_own_step) {
        apply(from, to);
      }
      if (from < updated) {
        update(from, updated);
      }
      if (s.reads_own_step) {
        apply(from, to);
      }
    }
  }
};

// Columns from `col` on, N registers at a time as long as there are so many; returns the next one.
template <class V, int N, class T>
std::int64_t scan_channel_columns(const ChannelScan<T>& s, std::int64_t col) {
  constexpr std::int64_t kCols = N * ChannelPart<V, N, T>::kLanes;
  for (; col + kCols <= s.width; col += kCols) {
    ChannelPart<V, N, T> part{s, col, {}};
    part.run();
  }
  return col;
}

template <class T>
void channel_scan(const ChannelScan<T>& s) {
  std::int64_t col = scan_channel_columns<Register<T>, kChannelRegisters>(s, 0);
  col = scan_channel_columns<Register<T>, 1>(s, col);
  scan_channel_columns<T, 1>(s, col);
}

constexpr ChannelTables channel_tables() { return {{channel_scan<float>}, {channel_scan<double>}}; }
