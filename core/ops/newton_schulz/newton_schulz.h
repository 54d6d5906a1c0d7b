// Orthogonalisation of gradients by quintic Newton–Schulz iteration (Muon; LaCT §3.2).
#pragma once

#include <array>
#include <string>
#include <vector>

#include "core/base/torch.h"

namespace parallax {

// The precision that the iteration runs in.
enum class NewtonSchulzPrecision {
  kWorking,           // the gradient's own dtype
  kBfloat16,          // every operation rounded to bfloat16, as the published code does
  kBfloat16Products,  // products in bfloat16 where this machine is fast at them, else kWorking
};

// Parses "float32" (kWorking), "bfloat16" (kBfloat16Products) or "published" (kBfloat16). Throws
// UsageError for any other name.
NewtonSchulzPrecision parse_newton_schulz_precision(const std::string& name);

using QuinticCoefficients = std::array<double, 3>;  // (a, b, c) of X ← aX + (bA + cAA)X, A = XXᵀ

// How gradients are orthogonalised.
struct NewtonSchulzOptions {
  int steps = 5;
  // One triple per step; the last is used again where there are more steps than triples.
  std::vector<QuinticCoefficients> coefficients = {{3.4445, -4.7750, 2.0315}};
  NewtonSchulzPrecision precision = NewtonSchulzPrecision::kWorking;
  // Iterate square matrices transposed, as code that stores weights [out, in] does. The result
  // differs only by rounding, which in bfloat16 is large.
  bool transpose_square = false;
};

// The five triples of LaCT's language-model code.
const std::vector<QuinticCoefficients>& language_model_coefficients();

// Divides each matrix by its Frobenius norm + 1e-7 and runs `steps` iterations. With steps = 0 the
// gradient is only scaled. Works on the smaller side of the matrix.
Tensor orthogonalise(const Tensor& gradient,               // [..., rows, cols]
                     const NewtonSchulzOptions& options);  // → [..., rows, cols]

// The right factor R [..., cols, cols] with orthogonalise(G) = G R. As R mixes only value channels,
// an orthogonalised update is still linear attention, with values v R.
Tensor orthogonalising_factor(const Tensor& gradient,  // [..., rows, cols]
                              const NewtonSchulzOptions& options);

}  // namespace parallax
