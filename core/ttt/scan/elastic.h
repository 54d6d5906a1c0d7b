// Elastic consolidation: after each step weights are pulled towards a moving average of themselves
// (arXiv 2604.07350), one step at a time and as scans.
#pragma once

#include "core/base/torch.h"

namespace parallax {

// Defaults as in all configurations of the published code (github.com/Mars-tin/fast-spatial-mem:
// ewc_lambda_prox, ewc_alpha, ewc_anchor_beta; the importance's start in init_ewc_buffers).
struct ElasticOptions {
  double strength = 0.5;           // λ: how far towards the anchor an element of importance 1 goes
  double importance_decay = 0.5;   // α: what a step leaves of the importance before it
  double anchor_decay = 0.5;       // β: what a step leaves of the anchor before it
  double first_importance = 1e-6;  // F before the first step
};

// What a matrix [batch, rows, cols] takes from step to step.
struct ElasticState {
  Tensor weights;     // W
  Tensor anchor;      // W*, their moving average
  Tensor importance;  // F, the moving average of each step's own importance
};

// One step: F ← α F + (1 − α) f, then W ← W̃ − λ F ⊙ (W̃ − W*) for the weights W̃ with the step,
// then W* ← β W* + (1 − β) W. In three functions, as weight norm acts between the last two.
Tensor next_importance(const ElasticOptions& options,
                       const Tensor& importance,
                       const Tensor& of_step);  // f
Tensor pull_to_anchor(const ElasticOptions& options,
                      const Tensor& weights,
                      const Tensor& anchor,
                      const Tensor& importance);
Tensor next_anchor(const ElasticOptions& options, const Tensor& anchor, const Tensor& weights);

struct ElasticStates {
  Tensor weights;     // [batch, N, rows, cols]: after each step
  ElasticState last;  // after all of them
};

// The states of N such steps W̃ = W + scale · G whose importances do not depend on the weights. In
// (W, W*) each step is affine, element by element: with a = 1 − λ F,
//
//     W_i  = a_i (W_{i−1} + G_i) + (1 − a_i) W*_{i−1}
//     W*_i = (1 − β) a_i (W_{i−1} + G_i) + (1 − (1 − β) a_i) W*_{i−1},
//
// a product of 2 × 2 matrices. Their rows add up to 1: all of them leave (1, 1) as it is, since a
// weight that equals its anchor is not pulled. So they are triangular in W* and the step's result
// seen from the anchor, E_i = W_i − W*_{i−1}: as W_i − W*_i = β E_i,
//
//     E_i  = a_i (β E_{i−1} + G_i)         with W_0 − W*_0 for β E_0,
//     W*_i = W*_{i−1} + (1 − β) E_i,
//     W_i  = W*_i + β E_i,
//
// a first-order recurrence with a factor per element, and a sum of what it gives. F is such a
// recurrence too. While 0 ≤ λ F ≤ 1, the matrices are stochastic and states stay bounded by the
// start and the sum of the steps. Differentiable; in one pass over memory where no graph is
// recorded.
ElasticStates elastic_states(const ElasticOptions& options,
                             const ElasticState& start,
                             const Tensor& steps,        // G, [batch, N, rows, cols]
                             const Tensor& importances,  // f, likewise
                             double scale);

}  // namespace parallax
