// One gradient step of the inner loop (docs/dev/spec.md §2; LaCT §3): the pieces that both forms
// consist of.
#pragma once

#include <array>

#include "core/base/torch.h"
#include "core/ops/newton_schulz/newton_schulz.h"
#include "core/ttt/scan/elastic.h"
#include "core/ttt/variant.h"

namespace parallax {

// The inner net of one layer, f(x) = φ(x) W1. `batch` is batch × heads.
struct FastWeights {
  Tensor w0;  // [batch, D, Dh]; undefined where the feature map is the identity
  Tensor w1;  // [batch, Dh, D]
  Tensor w2;  // [batch, D, Dh]; undefined where the feature map is the identity
};

// The members of FastWeights, for loops over them.
inline constexpr std::array<Tensor FastWeights::*, 3> kFastWeightMatrices = {&FastWeights::w0,
                                                                             &FastWeights::w1,
                                                                             &FastWeights::w2};

// The rule of an update: the table's switches and what the model adds to them.
struct UpdateRule {
  VariantSwitches switches;
  NewtonSchulzOptions newton_schulz;
  ElasticOptions elastic;  // if the switches have an importance
};

// The layer's inputs. Rates may be undefined where the rule has no per-token rate.
struct TttInputs {
  Tensor q;         // [batch, L, D]; unused where the rule takes the key as query
  Tensor k;         // [batch, L, D]
  Tensor v;         // [batch, L, D]
  Tensor lr0;       // [batch, L, 1]
  Tensor lr1;       // [batch, L, 1]
  Tensor lr2;       // [batch, L, 1]
  Tensor momentum;  // [batch, L, 1] gate, averaged over each updating range; undefined: none
  Tensor decay;     // [batch, L, 1 or Dh], averaged alike; unused where the rule has none
};

// Whether keys, values and, if defined, queries are of one dtype.
bool have_one_dtype(const TttInputs& inputs);

// f applied to all inputs that are defined.
template <class F>
TttInputs map_inputs(const TttInputs& inputs, const F& f) {
  const auto mapped = [&](const Tensor& x) { return x.defined() ? f(x) : x; };
  return {.q = mapped(inputs.q),
          .k = mapped(inputs.k),
          .v = mapped(inputs.v),
          .lr0 = mapped(inputs.lr0),
          .lr1 = mapped(inputs.lr1),
          .lr2 = mapped(inputs.lr2),
          .momentum = mapped(inputs.momentum),
          .decay = mapped(inputs.decay)};
}

// The slice [begin, end) along `dimension` of all inputs that are defined.
TttInputs slice_inputs(const TttInputs& inputs, int64_t dimension, int64_t begin, int64_t end);

// What the inner loop remembers between ranges.
struct InnerState {
  FastWeights weights;          // those applied to queries
  FastWeights main;             // pre-norm: the un-normalised copy that accumulates, else `weights`
  FastWeights velocity;         // momentum: the previous step, undefined before the first
  FastWeights reference_norms;  // [batch, 1, cols] column norms at the sequence's start
  FastWeights anchor;           // elastic rules: the moving average of `main`, else undefined
  FastWeights importance;       // elastic rules: F of each element, else undefined
};

inline constexpr std::array<FastWeights InnerState::*, 6> kInnerStateMembers = {
    &InnerState::weights,
    &InnerState::main,
    &InnerState::velocity,
    &InnerState::reference_norms,
    &InnerState::anchor,
    &InnerState::importance};

// True where a graph is being recorded and any of these needs a gradient.
bool requires_graph(const InnerState& start, const TttInputs& inputs);

// Whether operations must keep the published code's order: Newton–Schulz emulated in bfloat16
// amplifies the last bit of a gradient.
bool keeps_published_order(const UpdateRule& rule);

// Throws Error unless the shapes fit each other and the rule.
void check_inputs(const UpdateRule& rule, const FastWeights& weights, const TttInputs& inputs);

// The state before the first token, in the weights' dtype and on their device.
InnerState start_state(const UpdateRule& rule, const FastWeights& weights);

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

// The momentum coefficient of tokens [start, end), [batch, 1, 1]; undefined without momentum.
Tensor momentum_of_range(const VariantSwitches& rule,
                         const TttInputs& inputs,
                         int64_t start,
                         int64_t end);

// The factors of tokens [start, end) on the rows of the weights, [batch, 1 or Dh, 1]; undefined
// without a decay.
Tensor decay_of_range(const VariantSwitches& rule,
                      const TttInputs& inputs,
                      int64_t start,
                      int64_t end);

// Begins a step: multiplies the matrices that the rule updates by the decay, if there is one.
void decay_weights(const VariantSwitches& rule,
                   const Tensor& decay,  // [batch, 1 or Dh, 1] or undefined
                   InnerState& state);

// The importance of a step for each element; undefined where the rule has none.
Tensor importance_of_step(Importance importance,
                          const Tensor& step,     // [..., rows, cols], after orthogonalisation
                          const Tensor& weights,  // with the step; kPath alone reads these two
                          const Tensor& anchor);  // → as step

// Closes a step: momentum, orthogonalisation, addition, elastic pull, weight normalisation.
void close_step(const UpdateRule& rule,
                const FastWeights& gradient,
                const Tensor& momentum,  // [batch, 1, 1] or undefined
                InnerState& state);

// Begins a step, computes range_gradient() of tokens [start, end) and closes the step with it; from
// low-rank factors when the range has clearly fewer tokens than D and Dh.
void update_on_tokens(const UpdateRule& rule,
                      const TttInputs& inputs,
                      int64_t start,
                      int64_t end,
                      InnerState& state);

}  // namespace parallax
