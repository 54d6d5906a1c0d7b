// Checks of shapes, and the state at the start.
#include "core/ttt/inner_state.h"

#include <fmt/ranges.h>

#include "core/base/error.h"
#include "core/ops/common/autograd_support.h"
#include "core/ttt/weight_norm.h"

namespace parallax {
namespace {

std::string shape_text(const Tensor& tensor) {
  return tensor.defined() ? fmt::format("[{}]", fmt::join(tensor.sizes(), ", ")) : "nothing";
}

void require_shape(const Tensor& tensor, const char* name, at::IntArrayRef expected) {
  if (!tensor.defined() || tensor.sizes() != expected) {
    throw Error(ErrorParts{.what = fmt::format("{} does not fit the layer", name),
                           .expected = fmt::format("[{}]", fmt::join(expected, ", ")),
                           .got = shape_text(tensor)});
  }
}

}  // namespace

bool have_one_dtype(const TttInputs& inputs) {
  const auto dtype = inputs.k.scalar_type();
  return inputs.v.scalar_type() == dtype &&
         (!inputs.q.defined() || inputs.q.scalar_type() == dtype);
}

TttInputs slice_inputs(const TttInputs& inputs, int64_t dimension, int64_t begin, int64_t end) {
  return map_inputs(inputs,
                    [&](const Tensor& x) { return slice_tokens(x, begin, end, dimension); });
}

bool requires_graph(const InnerState& start, const TttInputs& inputs) {
  for (FastWeights InnerState::*member : kInnerStateMembers) {
    for (Tensor FastWeights::*matrix : kFastWeightMatrices) {
      if (fused::requires_graph({start.*member.*matrix})) {
        return true;
      }
    }
  }
  return fused::requires_graph({inputs.q,
                                inputs.k,
                                inputs.v,
                                inputs.lr0,
                                inputs.lr1,
                                inputs.lr2,
                                inputs.momentum,
                                inputs.decay});
}

bool keeps_published_order(const UpdateRule& rule) {
  return rule.switches.normalise_gradient &&
         rule.newton_schulz.precision == NewtonSchulzPrecision::kBfloat16;
}

void check_inputs(const UpdateRule& rule, const FastWeights& weights, const TttInputs& inputs) {
  const VariantSwitches& switches = rule.switches;
  if (!weights.w1.defined() || weights.w1.dim() != 3) {
    throw Error(ErrorParts{.what = "the fast weight w1 does not fit the layer",
                           .expected = "[batch, Dh, D]",
                           .got = shape_text(weights.w1)});
  }
  const int64_t batch = weights.w1.size(0);
  const int64_t hidden = weights.w1.size(1);
  const int64_t width = weights.w1.size(2);
  if (!inputs.k.defined() || inputs.k.dim() != 3) {
    throw Error(ErrorParts{.what = "the keys do not fit the layer",
                           .expected = fmt::format("[{}, L, {}]", batch, width),
                           .got = shape_text(inputs.k)});
  }
  const int64_t tokens = inputs.k.size(1);
  require_shape(inputs.k, "k", {batch, tokens, width});
  require_shape(inputs.v, "v", {batch, tokens, width});
  if (switches.query == QuerySource::kQuery) {
    require_shape(inputs.q, "q", {batch, tokens, width});
  }
  if (switches.feature_map == FeatureMap::kSwiGlu) {
    require_shape(weights.w0, "the fast weight w0", {batch, width, hidden});
    require_shape(weights.w2, "the fast weight w2", {batch, width, hidden});
  } else if (hidden != width) {
    throw Error(ErrorParts{.what = "the identity feature map needs a square fast weight w1",
                           .got = shape_text(weights.w1)});
  }
  if (switches.per_token_rate) {
    require_shape(inputs.lr1, "lr1", {batch, tokens, 1});
    if (updates_feature_map(switches)) {
      require_shape(inputs.lr0, "lr0", {batch, tokens, 1});
      require_shape(inputs.lr2, "lr2", {batch, tokens, 1});
    }
  }
  if (inputs.momentum.defined()) {
    require_shape(inputs.momentum, "momentum", {batch, tokens, 1});
  }
  if (switches.decay != Decay::kNone) {
    require_shape(inputs.decay, "decay", {batch, tokens, decay_width(switches, hidden)});
  }
  if (switches.decay == Decay::kChannel && updates_feature_map(switches)) {
    throw Error("weights can decay by channels only where W1 alone is updated");
  }
  if (switches.normalised_step && updates_feature_map(switches)) {
    throw Error("steps can be normalised only where W1 alone is updated");
  }
  if (switches.inner_steps < 1) {
    throw Error(ErrorParts{.what = "the number of inner steps is not usable",
                           .expected = "1 or more",
                           .got = std::to_string(switches.inner_steps)});
  }
}

InnerState start_state(const UpdateRule& rule, const FastWeights& weights) {
  InnerState state{.weights = weights, .main = weights};
  for (Tensor FastWeights::*matrix : kFastWeightMatrices) {
    if (matrix != &FastWeights::w1 && !updates_feature_map(rule.switches)) {
      continue;
    }
    if (rule.switches.weight_norm != WeightNorm::kNone) {
      state.reference_norms.*matrix = column_norms(rule, weights.*matrix);
    }
    if (rule.switches.importance != Importance::kNone) {
      state.anchor.*matrix = weights.*matrix;
      state.importance.*matrix = torch::full_like(
          weights.*matrix, rule.elastic.first_importance, at::MemoryFormat::Contiguous);
    }
  }
  return state;
}

}  // namespace parallax
