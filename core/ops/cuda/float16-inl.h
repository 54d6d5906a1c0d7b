// Float16 elements, by the GPU's instructions or, on the CPU, by their bits. Included inside the
// namespace of core/ops/cuda/kernels.h.

#ifdef __CUDACC__
PARALLAX_DEVICE inline float load(Float16Bits x) { return __half2float(__ushort_as_half(x.bits)); }
PARALLAX_DEVICE inline void store(float value, Float16Bits& x) {
  x.bits = __half_as_ushort(__float2half_rn(value));
}
#else
inline float load(Float16Bits x) {
  const std::uint32_t sign = (x.bits & 0x8000U) << 16U;
  const std::uint32_t exponent = (x.bits >> 10U) & 0x1FU;
  const std::uint32_t fraction = x.bits & 0x3FFU;
  if (exponent == 0) {  // zero or subnormal: fraction · 2⁻²⁴
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -magnitude : magnitude;
  }
  const std::uint32_t wide = exponent == 0x1F ? 0xFFU : exponent + 112;
  return __builtin_bit_cast(float, sign | (wide << 23U) | (fraction << 13U));
}

inline void store(float value, Float16Bits& x) {  // round to nearest, ties to even
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16U) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) {
    x.bits = sign | 0x7E00U;  // NaN
  } else if (magnitude >= 0x477FF000U) {
    x.bits = sign | 0x7C00U;             // rounds to infinity
  } else if (magnitude < 0x38800000U) {  // subnormal: adding 0.5 leaves its bits at the end
    const float shifted = __builtin_bit_cast(float, magnitude) + 0.5F;
    x.bits = static_cast<std::uint16_t>(sign |
                                        (__builtin_bit_cast(std::uint32_t, shifted) - 0x3F000000U));
  } else {
    const std::uint32_t odd = (magnitude >> 13U) & 1U;
    x.bits = static_cast<std::uint16_t>(sign | ((magnitude - 0x38000000U + 0xFFFU + odd) >> 13U));
  }
}
#endif
