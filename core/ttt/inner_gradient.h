// The inner net, its loss's gradient, and the rates of steps (docs/dev/spec.md §2; LaCT §3).
#pragma once

#include "core/ttt/inner_state.h"

namespace parallax {

// Each token times its rate.
Tensor weigh(const Tensor& tokens,  // [..., L, D]
             const Tensor& rate);   // [..., L, 1]; undefined: 1 → as tokens

// φ(x), times each token's rate where one is given: [batch, L, D] → [batch, L, Dh].
Tensor feature_map(const VariantSwitches& rule,
                   const Tensor& x,
                   const FastWeights& weights,
                   const Tensor& rate = {});  // [batch, L, 1]

// Added to ‖φ(k)‖² where steps are normalised: a key whose features are almost zero is not trained
// at a rate without bound.
inline constexpr double kNormalisedStepEps = 1e-4;

// The rate of each token's step on W1, [batch, L, 1]: lr1, or 1, divided by ε + ‖φ(k)‖² where the
// rule normalises steps; undefined where it is 1.
Tensor step_rate(const VariantSwitches& rule,
                 const Tensor& features,  // φ(k), [batch, L, Dh]
                 const Tensor& lr1);      // [batch, L, 1]; undefined: 1

// The inner net: [batch, L, D] → [batch, L, D].
Tensor apply_fast_weights(const VariantSwitches& rule, const Tensor& x, const FastWeights& weights);

// The queries of tokens [start, end), [batch, end − start, D]: q, or k where the rule says so.
Tensor query_range(const VariantSwitches& rule,
                   const TttInputs& inputs,
                   int64_t start,
                   int64_t end);

// The values that the update binds keys to: v, or under the MSE loss the residual v − f(k).
Tensor effective_values(const VariantSwitches& rule,
                        const Tensor& k,
                        const Tensor& v,
                        const FastWeights& weights);  // [batch, L, D]

// The sum over tokens [start, end) of the negative loss gradient with respect to each updated
// matrix, at the given weights; members that are not updated stay undefined.
FastWeights range_gradient(const UpdateRule& rule,
                           const FastWeights& weights,
                           const TttInputs& inputs,
                           int64_t start,
                           int64_t end);

// A gradient before its sum over tokens: leftᵀ right.
struct TokenFactors {
  Tensor left;   // [batch, L, rows]
  Tensor right;  // [batch, L, cols]
};

struct GradientFactors {
  TokenFactors w0, w1, w2;  // undefined where the matrix is not updated
};

// range_gradient() before its sums.
GradientFactors gradient_factors(const UpdateRule& rule,
                                 const FastWeights& weights,
                                 const TttInputs& inputs,
                                 int64_t start,
                                 int64_t end);

}  // namespace parallax
