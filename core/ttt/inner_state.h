// What the inner loop works on: the fast weights, the layer's inputs, and what is remembered from
// range to range.
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

// Tokens [start, end). All of them are the tensor itself: a slice's backward pass would fill a
// tensor with zeros and copy into it.
inline Tensor slice_tokens(const Tensor& tensor,
                           int64_t start,
                           int64_t end,
                           int64_t dimension = 1) {
  return start == 0 && end == tensor.size(dimension) ? tensor : tensor.slice(dimension, start, end);
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

}  // namespace parallax
