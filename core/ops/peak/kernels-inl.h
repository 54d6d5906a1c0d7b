// The loop, for sources that say how wide a register is (kRegisterBytes). To be included inside a
// namespace of the instruction set.
#include "core/ops/common/vector-inl.h"

using Sum = Register<float>;
// More than an instruction takes cycles times how many start in one: none waits for another. With
// the factors they fill the registers that there are.
constexpr int kSums = kRegisterBytes == 64 ? 24 : 12;
constexpr std::int64_t kSumLanes = kSums * kLanesOf<float>;

// `multiply_add` gives sum + ones · ones.
template <class Factors, class MultiplyAdd>
inline double run_loop(std::int64_t rounds, Factors ones, MultiplyAdd multiply_add) {
  Sum sums[kSums] = {};
  for (std::int64_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 24
    for (Sum& sum : sums) {
      // As if the factors changed: else the compiler would multiply once, before the loop.
      asm volatile("" : "+v"(ones));
      sum = multiply_add(sum, ones);
    }
  }
  double total = 0;
  for (const Sum& sum : sums) {
    for (std::int64_t lane = 0; lane < kLanesOf<float>; ++lane) {
      total += sum[lane];
    }
  }
  return total;
}

inline double multiply_and_add_floats(std::int64_t rounds) {
  return run_loop(
      rounds, Sum{} + 1.0F, [](const Sum& sum, const Sum& ones) { return sum + ones * ones; });
}
