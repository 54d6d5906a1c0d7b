// Scalar functions that the compiler can vectorise, for kernel sources only. Included inside a
// namespace of the instruction set, after core/ops/common/kernel_types.h.

// An element in the type of arithmetic on it.
PARALLAX_DEVICE inline float load(float x) { return x; }
PARALLAX_DEVICE inline double load(double x) { return x; }
PARALLAX_DEVICE inline float load(BFloat16Bits x) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(x.bits) << 16U);
}

// Stores the result of arithmetic as an element.
PARALLAX_DEVICE inline void store(float value, float& x) { x = value; }
PARALLAX_DEVICE inline void store(double value, double& x) { x = value; }
PARALLAX_DEVICE inline void store(float value, BFloat16Bits& x) {  // round to nearest, ties to even
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U;
  const std::uint32_t quiet_nan = (bits >> 16U) | 0x40U;
  x.bits = static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? quiet_nan : rounded);
}

// eˣ to within 1.5 units in the last place: 2ⁿ · e^r with |r| ≤ ln 2 / 2, e^r by its Taylor series.
PARALLAX_DEVICE inline float exponential(float x) {
  constexpr float kLog2E = 1.44269504F;
  constexpr float kLn2High = 0.693359375F;  // few bits, so that n · kLn2High is exact
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 · 2²³: adding it rounds to whole numbers
  x = x < -87.3F ? -87.3F : x;
  x = x > 88.3F ? 88.3F : x;
  const float n = (x * kLog2E + kRound) - kRound;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  float p = 1.0F / 5040;
  p = p * r + 1.0F / 720;
  p = p * r + 1.0F / 120;
  p = p * r + 1.0F / 24;
  p = p * r + 1.0F / 6;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const auto power = static_cast<std::uint32_t>(static_cast<std::int32_t>(n) + 127) << 23U;
  return p * __builtin_bit_cast(float, power);
}

#ifdef __CUDACC__
PARALLAX_DEVICE inline double exponential(double x) { return ::exp(x); }
PARALLAX_DEVICE inline float square_root(float x) { return ::sqrtf(x); }
PARALLAX_DEVICE inline double square_root(double x) { return ::sqrt(x); }
#else
inline double exponential(double x) { return __builtin_exp(x); }
inline float square_root(float x) { return __builtin_sqrtf(x); }
inline double square_root(double x) { return __builtin_sqrt(x); }
#endif

template <class C>
PARALLAX_DEVICE inline C sigmoid(C x) {
  return 1 / (1 + exponential(-x));
}

template <class C>
PARALLAX_DEVICE inline C silu(C x) {
  return x * sigmoid(x);
}

// silu''(x), given sigma = sigmoid(x).
template <class C>
PARALLAX_DEVICE inline C silu_curvature(C x, C sigma) {
  return sigma * (1 - sigma) * (2 + x * (1 - 2 * sigma));
}

// silu'(x), given sigma = sigmoid(x).
template <class C>
PARALLAX_DEVICE inline C silu_slope(C x, C sigma) {
  return sigma * (1 + x * (1 - sigma));
}

// The normal distribution: its density at x and its integral up to x, of which the error is below
// 1e-7 (Abramowitz and Stegun, 7.1.26).
template <class C>
struct Normal {
  C density;
  C integral;
};

PARALLAX_DEVICE inline Normal<float> normal(float x) {
  constexpr float kInverseRootTwo = 0.70710678F;
  constexpr float kInverseRootTwoPi = 0.39894228F;
  const float z = (x < 0 ? -x : x) * kInverseRootTwo;
  const float t = 1 / (1 + 0.3275911F * z);
  float p = 1.061405429F;
  p = p * t - 1.453152027F;
  p = p * t + 1.421413741F;
  p = p * t - 0.284496736F;
  p = p * t + 0.254829592F;
  const float bell = exponential(-z * z);
  const float tail = 0.5F * p * t * bell;  // the integral from |x| on
  return {bell * kInverseRootTwoPi, x < 0 ? tail : 1 - tail};
}

#ifndef __CUDACC__
inline Normal<double> normal(double x) {
  constexpr double kInverseRootTwo = 0.70710678118654752;
  constexpr double kInverseRootTwoPi = 0.39894228040143268;
  return {__builtin_exp(-0.5 * x * x) * kInverseRootTwoPi,
          0.5 * __builtin_erfc(-x * kInverseRootTwo)};
}
#endif
