// Loops of nothing but multiply-adds on registers: the most that a core's instructions can do.
// Compiled once for each instruction set.
#pragma once

#include <cstdint>

namespace parallax::kernels {

struct PeakLoop {
  const char* instructions;           // "AVX-512 float32 multiply-adds"
  std::int64_t operations_per_round;  // multiplications and additions
  // Adds 1 · 1 to every sum `rounds` times. The total of all sums, which is how many
  // multiplications there were, exact as long as no sum needs more digits than float32 has.
  double (*run)(std::int64_t rounds);
};

extern const PeakLoop kPeakPortable;
extern const PeakLoop kPeakAvx2;
extern const PeakLoop kPeakAvx512;
extern const PeakLoop kPeakBfloat16;  // for processors with AVX-512 and bfloat16 instructions

}  // namespace parallax::kernels
