// The variant table: every ablation of the paper's Table 2, and layers of later work, each as one
// row of orthogonal switches. Command line, benchmarks, reports and tests iterate the table; adding
// a variant is adding a row.
#pragma once

#include <array>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "core/ttt/schedule.h"

namespace parallax {

enum class FeatureMap { kSwiGlu, kIdentity };  // φ(x) = silu(x W0) ⊙ (x W2), or x
enum class UpdatedWeights { kAll, kLast };     // W0, W1, W2, or only the last layer W1
enum class WeightNorm { kNone, kPost, kPre };  // pre: an un-normalised main copy accumulates
enum class InnerLoss { kDotProduct, kMse };    // −⟨f(k), v⟩, or ½‖f(k) − v‖²
enum class Direction { kDescent, kAscent };    // add the step, or subtract it
enum class QuerySource { kQuery, kKey };       // apply the trained net to q, or to k
// Of the weights before a step: none, one per head, one from each token, or one from each token for
// every row of W1, that is for every channel of φ(k)
enum class Decay { kNone, kFixed, kToken, kChannel };
// How much a step G makes each element count: nothing, |G|, G² (a diagonal Fisher information), or
// |G ⊙ (W − W*)|, with W after the step and its moving average W* before it
enum class Importance { kNone, kMagnitude, kSquare, kPath };

// What the inner loop does. Each switch is independent of the others.
struct VariantSwitches {
  FeatureMap feature_map = FeatureMap::kSwiGlu;
  UpdatedWeights updated = UpdatedWeights::kAll;
  bool per_token_rate = true;
  bool momentum = true;            // has an effect only where the model supplies a momentum gate
  bool normalise_gradient = true;  // LaCT: Newton–Schulz; ViT³: division by the norm + 1
  WeightNorm weight_norm = WeightNorm::kPost;
  InnerLoss loss = InnerLoss::kDotProduct;
  Direction direction = Direction::kDescent;
  int inner_steps = 1;
  QuerySource query = QuerySource::kQuery;
  Decay decay = Decay::kNone;    // before each step the updated weights are multiplied by it
  bool normalised_step = false;  // the last layer's rate is divided by ε + ‖φ(k)‖²
  // After each step the elements are pulled to their moving average, by the steps' importance.
  Importance importance = Importance::kNone;
};

// What the paper reports for a row (its Table 2 and §4); NaN where it reports nothing.
struct PaperResults {
  double nvs_psnr = std::numeric_limits<double>::quiet_NaN();   // dB, RealEstate10K, 2 views, 128²
  double vit3_top1 = std::numeric_limits<double>::quiet_NaN();  // %, ViT³-B, ImageNet
  // Million tokens a second of the layer in a language model on an A100.
  double recurrent_speed = std::numeric_limits<double>::quiet_NaN();
  double parallel_speed = std::numeric_limits<double>::quiet_NaN();
};

enum class RowKind {
  kChain,     // the paper's chain of ablations, 0 to 6
  kAblation,  // another of its ablations
  kLater,     // a layer of later work, in the terms of the chain
};

// One row of the table.
struct Variant {
  RowKind kind;
  int number;                       // 0…6 as in the paper; −1 outside the chain
  std::string_view name;            // for the command line
  std::string_view reference_name;  // the authors' name for it
  std::string_view summary;         // one sentence
  VariantSwitches switches;
  PaperResults paper;
  std::string_view source;  // where it was published, if not in the paper
};

namespace variant_rows {

// Each row of the chain is the one before with one more switch changed; one function per step says
// which.
constexpr VariantSwitches only_last(VariantSwitches s) {
  s.updated = UpdatedWeights::kLast;
  return s;
}
constexpr VariantSwitches without_weight_norm(VariantSwitches s) {
  s.weight_norm = WeightNorm::kNone;
  return s;
}
constexpr VariantSwitches with_identity_feature_map(VariantSwitches s) {
  s.feature_map = FeatureMap::kIdentity;
  return s;
}
constexpr VariantSwitches without_rate(VariantSwitches s) {
  s.per_token_rate = false;
  return s;
}
constexpr VariantSwitches without_momentum(VariantSwitches s) {
  s.momentum = false;
  return s;
}
constexpr VariantSwitches with_raw_gradient(VariantSwitches s) {
  s.normalise_gradient = false;
  return s;
}
constexpr VariantSwitches with_ascent(VariantSwitches s) {
  s.direction = Direction::kAscent;
  return s;
}
constexpr VariantSwitches with_mse(VariantSwitches s) {
  s.loss = InnerLoss::kMse;
  return s;
}
constexpr VariantSwitches with_key_as_query(VariantSwitches s) {
  s.query = QuerySource::kKey;
  return s;
}

constexpr VariantSwitches with_rate(VariantSwitches s) {
  s.per_token_rate = true;
  return s;
}
constexpr VariantSwitches with_feature_map(VariantSwitches s) {
  s.feature_map = FeatureMap::kSwiGlu;
  return s;
}
constexpr VariantSwitches with_decay(VariantSwitches s, Decay decay) {
  s.decay = decay;
  return s;
}
constexpr VariantSwitches with_normalised_step(VariantSwitches s) {
  s.normalised_step = true;
  return s;
}
constexpr VariantSwitches with_importance(VariantSwitches s, Importance importance) {
  s.importance = importance;
  return s;
}

inline constexpr VariantSwitches kRow0{};
inline constexpr VariantSwitches kRow1 = only_last(kRow0);
inline constexpr VariantSwitches kRow2 = without_weight_norm(kRow1);
inline constexpr VariantSwitches kRow3 = with_identity_feature_map(kRow2);
inline constexpr VariantSwitches kRow4 = without_rate(kRow3);
inline constexpr VariantSwitches kRow5 = without_momentum(kRow4);
inline constexpr VariantSwitches kRow6 = with_raw_gradient(kRow5);
inline constexpr VariantSwitches kDelta = with_rate(with_mse(kRow6));

}  // namespace variant_rows

// The table: the chain, the single ablations of the baseline, then the layers of later work.
inline constexpr std::array<Variant, 20> kVariants{{
    {RowKind::kChain,
     0,
     "0",
     "baseline",
     "the TTT layer as published",
     variant_rows::kRow0,
     {25.94, 79.34, 4.30}},
    {RowKind::kChain,
     1,
     "1",
     "only_w1",
     "only the last layer W1 is updated",
     variant_rows::kRow1,
     {25.97, 79.63, 10.60}},
    {RowKind::kChain,
     2,
     "2",
     "only_w1_no_wn",
     "and no weight normalisation",
     variant_rows::kRow2,
     {.nvs_psnr = 25.93, .recurrent_speed = 11.02, .parallel_speed = 30.18}},
    {RowKind::kChain,
     3,
     "3",
     "only_w1_straight_qk_no_wn",
     "and one linear layer, φ(x) = x",
     variant_rows::kRow3,
     {25.71, 79.39, 12.95, 49.69}},
    {RowKind::kChain,
     4,
     "4",
     "only_w1_straight_qk_no_lr1_no_wn",
     "and no per-token learning rate",
     variant_rows::kRow4,
     {.nvs_psnr = 25.70, .recurrent_speed = 13.31, .parallel_speed = 53.99}},
    {RowKind::kChain,
     5,
     "5",
     "only_w1_straight_qk_no_lr1_no_wn",
     "and no momentum",
     variant_rows::kRow5,
     {.recurrent_speed = 14.40, .parallel_speed = 57.28}},
    {RowKind::kChain,
     6,
     "6",
     "only_w1_straight_qk_no_lr1_no_wn_muon",
     "and no orthogonalisation: linear attention",
     variant_rows::kRow6,
     {25.73, 79.54, 89.67, 124.6}},
    {RowKind::kAblation,
     -1,
     "ascent",
     "ga",
     "the baseline with gradient ascent",
     variant_rows::with_ascent(variant_rows::kRow0),
     {25.85, 79.61}},
    {RowKind::kAblation,
     -1,
     "mse",
     "mse",
     "the baseline with the MSE inner loss",
     variant_rows::with_mse(variant_rows::kRow0)},
    {RowKind::kAblation,
     -1,
     "key-as-query",
     "no_query",
     "the baseline with the query replaced by the key",
     variant_rows::with_key_as_query(variant_rows::kRow0),
     {25.95, 79.18}},
    {RowKind::kLater,
     -1,
     "gated",
     "gated linear attention",
     "linear attention whose state a gate from the tokens scales before each update",
     variant_rows::with_decay(variant_rows::kRow6, Decay::kToken),
     {},
     "arXiv 2312.06635, 2405.21060"},
    {RowKind::kLater,
     -1,
     "gated-full",
     "gated linear attention",
     "variant 2 whose state a gate from the tokens scales before each update",
     variant_rows::with_decay(variant_rows::kRow2, Decay::kToken),
     {},
     "arXiv 2312.06635, 2405.21060"},
    {RowKind::kLater,
     -1,
     "gla",
     "gated linear attention (GLA)",
     "linear attention whose state a gate per channel, from the tokens, scales before each update",
     variant_rows::with_decay(variant_rows::kRow6, Decay::kChannel),
     {},
     "arXiv 2312.06635"},
    {RowKind::kLater,
     -1,
     "retention",
     "retention",
     "linear attention whose state a fixed factor per head scales before each update",
     variant_rows::with_decay(variant_rows::kRow6, Decay::kFixed),
     {},
     "arXiv 2307.08621"},
    {RowKind::kLater,
     -1,
     "delta",
     "delta rule",
     "linear attention with the MSE inner loss and a rate per token: the delta rule",
     variant_rows::kDelta,
     {},
     "arXiv 2102.11174, 2406.06484"},
    {RowKind::kLater,
     -1,
     "gated-delta",
     "gated delta rule",
     "the delta rule, its state scaled by a gate from the tokens before each update",
     variant_rows::with_decay(variant_rows::kDelta, Decay::kToken),
     {},
     "arXiv 2412.06464"},
    {RowKind::kLater,
     -1,
     "kda",
     "Kimi delta attention (KDA)",
     "the delta rule, its state scaled by a gate per channel, from the tokens, before each update",
     variant_rows::with_decay(variant_rows::kDelta, Decay::kChannel),
     {},
     "arXiv 2510.26692"},
    {RowKind::kLater,
     -1,
     "nlms",
     "normalised least mean squares",
     "the delta rule on φ(k) of a gated layer, each rate divided by ε + ‖φ(k)‖²",
     variant_rows::with_normalised_step(variant_rows::with_feature_map(variant_rows::kDelta)),
     {},
     "Nagumo and Noda, IEEE TAC 12 (1967)"},
    {RowKind::kLater,
     -1,
     "elastic",
     "elastic test-time training",
     "variant 2 whose weights each update pulls to their moving average, by the steps' squares",
     variant_rows::with_importance(variant_rows::kRow2, Importance::kSquare),
     {},
     "arXiv 2604.07350"},
    {RowKind::kLater,
     -1,
     "elastic-published",
     "elastic test-time training (LaCET)",
     "the baseline whose weights each update pulls to their moving average, by the path taken",
     variant_rows::with_importance(variant_rows::kRow0, Importance::kPath),
     {},
     "arXiv 2604.07350"},
}};

// The row of that name. Throws UsageError listing the names that exist.
const Variant& find_variant(std::string_view name);

// "0, 1, …, elastic-published", for help texts and errors.
std::string variant_names();

// Why the rule has no parallel form over this schedule, naming the switch that breaks
// associativity; nullopt where it has one. Over one update range every rule has one; over several
// the update must not depend on the state (paper, Appendix I), or be affine in it (the delta rule,
// the elastic pull).
std::optional<std::string> why_no_parallel_form(const VariantSwitches& rule,
                                                const Schedule& schedule);

// The same, for any schedule with several update ranges.
std::optional<std::string> why_no_parallel_form(const VariantSwitches& rule);

// How many factors a token's decay has: one for all of W1 [Dh, D], or one per row.
constexpr int64_t decay_width(const VariantSwitches& rule, int64_t rows) {
  return rule.decay == Decay::kChannel ? rows : 1;
}

// True where an update changes φ, so that k̂ and q̂ depend on the tokens read before.
constexpr bool updates_feature_map(const VariantSwitches& rule) {
  return rule.feature_map == FeatureMap::kSwiGlu && rule.updated == UpdatedWeights::kAll;
}

}  // namespace parallax
