// The only source of the depthwise kernels. Included by one source file per instruction set, inside
// a namespace of its own that defines how wide a register is (kRegisterBytes), after
// core/ops/depthwise/kernels.h.
#include "core/ops/common/vector-inl.h"

// The three rows of `from` around a row of `to`; a row outside is zeros, read with a step of 0.
template <class S>
struct RowWindow {
  const S* row[3];
  std::int64_t step[3];
};

template <class S>
RowWindow<S> rows_around(const Depthwise<S>& d, std::int64_t image, std::int64_t row) {
  static const S zeros[kRegisterBytes] = {};
  RowWindow<S> rows;
  for (int i = 0; i < 3; ++i) {
    const std::int64_t y = row + d.offset + i - 1;
    const bool inside = y >= 0 && y < d.from_rows;
    rows.row[i] =
        inside ? d.from + image * d.from_image_stride + y * d.cols * d.from_stride : zeros;
    rows.step[i] = inside ? d.from_stride : 0;
  }
  return rows;
}

// Calls visit(column, window) for each column of a row; the window's nine values are in the order
// of the taps.
template <class V, class S, class F>
inline void slide(const RowWindow<S>& rows,
                  std::int64_t cols,
                  std::int64_t channel,
                  const F& visit) {
  V window[kTaps];
  const S* next[3];
  for (int i = 0; i < 3; ++i) {
    next[i] = rows.row[i] + (rows.step[i] == 0 ? 0 : channel);
    window[3 * i] = V{};
    window[3 * i + 1] = load_vector<V>(next[i]);
  }
  for (std::int64_t x = 0; x < cols; ++x) {
    for (int i = 0; i < 3; ++i) {
      next[i] += rows.step[i];
      window[3 * i + 2] = x + 1 < cols ? load_vector<V>(next[i]) : V{};
    }
    visit(x, window);
    for (int i = 0; i < 3; ++i) {
      window[3 * i] = window[3 * i + 1];
      window[3 * i + 1] = window[3 * i + 2];
    }
  }
}

template <class V, class S>
inline void convolve_lanes(const Depthwise<S>& d,
                           const RowWindow<S>& rows,
                           const Compute<S>* weight,
                           S* to,
                           std::int64_t channel) {
  V taps[kTaps];
  for (int i = 0; i < kTaps; ++i) {
    taps[i] = load_vector<V>(weight + i * d.channels + channel);
  }
  const V bias = d.bias != nullptr ? load_vector<V>(d.bias + channel) : V{};
  slide<V>(rows, d.cols, channel, [&](std::int64_t x, const V* window) {
    V sum = bias;
    for (int i = 0; i < kTaps; ++i) {
      sum += taps[i] * window[i];
    }
    store_vector(sum, to + x * d.channels + channel);
  });
}

template <class S>
void convolve(const Depthwise<S>& d, std::int64_t begin, std::int64_t end) {
  using C = Compute<S>;
  constexpr std::int64_t kLanes = kLanesOf<C>;
  for (std::int64_t r = begin; r < end; ++r) {
    const std::int64_t image = r / d.to_rows;
    const RowWindow<S> rows = rows_around(d, image, r % d.to_rows);
    const C* weight = d.weight + image * d.weight_image_stride;
    S* to = d.to + r * d.cols * d.channels;
    std::int64_t channel = 0;
    for (; channel + kLanes <= d.channels; channel += kLanes) {
      convolve_lanes<Register<C>>(d, rows, weight, to, channel);
    }
    for (; channel < d.channels; ++channel) {
      convolve_lanes<C>(d, rows, weight, to, channel);
    }
  }
}

template <class V, class S>
inline void correlate_lanes(const Depthwise<S>& d, std::int64_t image, std::int64_t channel) {
  V sums[kTaps] = {};
  for (std::int64_t r = 0; r < d.to_rows; ++r) {
    const S* values = d.values + image * d.values_image_stride + r * d.cols * d.values_stride;
    slide<V>(rows_around(d, image, r), d.cols, channel, [&](std::int64_t x, const V* window) {
      const V value = load_vector<V>(values + x * d.values_stride + channel);
      for (int i = 0; i < kTaps; ++i) {
        sums[i] += value * window[i];
      }
    });
  }
  for (int i = 0; i < kTaps; ++i) {
    store_vector(sums[i], d.sums + (image * kTaps + i) * d.channels + channel);
  }
}

template <class S>
void correlate(const Depthwise<S>& d, std::int64_t begin, std::int64_t end) {
  using C = Compute<S>;
  constexpr std::int64_t kLanes = kLanesOf<C>;
  for (std::int64_t image = begin; image < end; ++image) {
    std::int64_t channel = 0;
    for (; channel + kLanes <= d.channels; channel += kLanes) {
      correlate_lanes<Register<C>>(d, image, channel);
    }
    for (; channel < d.channels; ++channel) {
      correlate_lanes<C>(d, image, channel);
    }
  }
}

constexpr DepthwiseTables depthwise_tables() {
  return {{convolve<float>, correlate<float>},
          {convolve<double>, correlate<double>},
          {convolve<BFloat16Bits>, correlate<BFloat16Bits>}};
}
