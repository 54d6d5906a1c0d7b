// Look-ups in the variant table, and what its switches imply.
#include "core/ttt/variant.h"

#include "core/base/error.h"

namespace parallax {

std::string variant_names() {
  std::string names;
  for (const Variant& variant : kVariants) {
    names += (names.empty() ? "" : ", ") + std::string(variant.name);
  }
  return names;
}

const Variant& find_variant(std::string_view name) {
  for (const Variant& variant : kVariants) {
    if (variant.name == name) {
      return variant;
    }
  }
  throw UsageError(ErrorParts{.what = "there is no variant '" + std::string(name) + "'",
                              .expected = "one of " + variant_names()});
}

std::optional<std::string> why_no_parallel_form(const VariantSwitches& rule) {
  if (updates_feature_map(rule)) {
    return "W0 and W2 are updated, so the feature map φ of later tokens depends on earlier ones";
  }
  if (rule.importance == Importance::kPath) {
    return "the importance |G ⊙ (W − W*)| of a step depends on the weights that earlier tokens "
           "left";
  }
  if (rule.importance != Importance::kNone && rule.loss == InnerLoss::kMse) {
    return "the MSE residual mixes the rows of the fast weights, while the pull has a factor for "
           "each element";
  }
  if (rule.importance != Importance::kNone && rule.decay != Decay::kNone) {
    return "the decay scales the fast weights and not the average that they are pulled to, which "
           "leaves no recurrence with one factor per element";
  }
  if (rule.loss == InnerLoss::kMse && rule.weight_norm == WeightNorm::kNone) {
    const std::string residual =
        "the MSE residual depends on the fast weights that earlier tokens left";
    if (rule.normalise_gradient) {
      return residual + ", and orthogonalisation makes the step non-linear in them";
    }
    if (rule.momentum) {
      return residual + ", and momentum carries it on in a second state";
    }
  }
  if (rule.weight_norm == WeightNorm::kPre && rule.loss == InnerLoss::kMse) {
    return "the MSE residual depends on the normalised weights that earlier tokens left";
  }
  if (rule.weight_norm == WeightNorm::kPost) {
    return "weight normalisation after each update is not associative";
  }
  return std::nullopt;
}

std::optional<std::string> why_no_parallel_form(const VariantSwitches& rule,
                                                const Schedule& schedule) {
  return count_updates(schedule) <= 1 ? std::nullopt : why_no_parallel_form(rule);
}

}  // namespace parallax
