// Sums of the products' sizes, from the formulas of SPEC §2.
#include "vision/models/lact_nvs/flop_count.h"

#include "vision/models/lact_nvs/rays.h"

namespace parallax {
namespace {

// What the parts of a joint pass have in common.
struct Sizes {
  double dim = 0;
  double patch_area = 0;
  double tokens = 0;  // of all views of a scene
  double target_tokens = 0;
};

Sizes sizes_of(const LactNvsOptions& options, const JointPassShape& shape) {
  const auto per_view = static_cast<double>(shape.tokens_per_view);
  const auto targets = static_cast<double>(shape.target_views);
  return {.dim = static_cast<double>(options.dim),
          .patch_area = static_cast<double>(options.patch_size) * options.patch_size,
          .tokens = per_view * (static_cast<double>(shape.input_views) + targets),
          .target_tokens = per_view * targets};
}

// One [rows, inner] × [inner, cols] product.
double product(double rows, double inner, double cols) { return 2 * rows * inner * cols; }

double embedding_flops(const Sizes& sizes) {
  return product(sizes.tokens, kInputChannels * sizes.patch_area, sizes.dim);
}

// Queries, keys and values; every token's with those of its view, twice; the output.
double attention_flops(const Sizes& sizes, double tokens_per_view) {
  return product(sizes.tokens, sizes.dim, 4 * sizes.dim) +
         2 * product(sizes.tokens, sizes.dim, tokens_per_view);
}

double lact_layer_flops(const LactNvsOptions& options,
                        const NewtonSchulzOptions& newton_schulz,
                        const JointPassShape& shape,
                        const Sizes& sizes) {
  const VariantSwitches& rule = find_variant(options.variant).switches;
  const double projections = rule.query == QuerySource::kKey ? 3 : 4;  // with the output's
  const bool is_gated = rule.decay == Decay::kToken || rule.decay == Decay::kChannel;
  const double gates = (rule.per_token_rate ? 3.0 : 0.0) +
                       (is_gated ? decay_width(rule, options.ttt_hidden_dim()) : 0);
  const double rates = gates * options.num_ttt_heads();
  const Schedule schedule =
      update_then_apply_all(shape.input_views * shape.tokens_per_view,
                            (shape.input_views + shape.target_views) * shape.tokens_per_view);
  return product(sizes.tokens, sizes.dim, projections * sizes.dim + rates) +
         matmul_flops(rule,
                      newton_schulz,
                      {options.num_ttt_heads(), options.ttt_head_dim, options.ttt_hidden_dim()},
                      schedule);
}

double scene_flops(const LactNvsOptions& options,
                   const NewtonSchulzOptions& newton_schulz,
                   const JointPassShape& shape) {
  const Sizes sizes = sizes_of(options, shape);
  const double mlp = 2 * product(sizes.tokens, sizes.dim, options.mlp_hidden_dim());
  const double block = attention_flops(sizes, static_cast<double>(shape.tokens_per_view)) +
                       lact_layer_flops(options, newton_schulz, shape, sizes) + mlp;
  return embedding_flops(sizes) + options.layers * block +
         product(sizes.target_tokens, sizes.dim, 3 * sizes.patch_area);
}

}  // namespace

double forward_flops(const LactNvsOptions& options,
                     const NewtonSchulzOptions& newton_schulz,
                     const JointPassShape& shape) {
  return static_cast<double>(shape.batch) * scene_flops(options, newton_schulz, shape);
}

double training_flops(const LactNvsOptions& options,
                      const NewtonSchulzOptions& newton_schulz,
                      const JointPassShape& shape) {
  return 3 * forward_flops(options, newton_schulz, shape) -
         static_cast<double>(shape.batch) * embedding_flops(sizes_of(options, shape));
}

}  // namespace parallax
