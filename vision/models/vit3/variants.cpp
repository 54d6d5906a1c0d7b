// ViT³'s rows: the shared table's switches under the names of the published classifier code.
#include "vision/models/vit3/variants.h"

#include "core/base/error.h"

namespace parallax {

const std::vector<Vit3Variant>& vit3_variants() {
  using variant_rows::kRow0;
  using variant_rows::kRow1;
  using variant_rows::kRow3;
  static const std::vector<Vit3Variant> rows{
      {"0", "dot_product", "ViT³ as published", {kRow0}},
      {"1", "only_w1", "only W1 is updated, not the gate's W2", {kRow1}},
      {"3",
       "only_w1_straight_qk",
       "only W1 is updated, and it is one linear layer without a gate",
       {kRow3}},
      {"6",
       "only_w1_no_muon",
       "only W1 is updated, by the plain gradient: linear attention under a gate",
       {variant_rows::with_raw_gradient(kRow1)}},
      {"ascent",
       "ga_dot_product",
       "the baseline with gradient ascent",
       {variant_rows::with_ascent(kRow0)}},
      {"mse", "mse", "the baseline with the MSE inner loss", {variant_rows::with_mse(kRow0)}},
      {"key-as-query",
       "no_query_dot_product",
       "the baseline with the query replaced by the key",
       {variant_rows::with_key_as_query(kRow0)}},
      {"mixed-gradients",
       "design1",
       "updated by the mean of the gradients for keys and queries",
       {kRow0, QueryKeyMixing::kGradients}},
      {"mixed-inputs",
       "design2",
       "the mean of query and key takes the place of either",
       {kRow0, QueryKeyMixing::kInputs}},
  };
  return rows;
}

std::string vit3_variant_names() {
  std::string names;
  for (const Vit3Variant& variant : vit3_variants()) {
    names += (names.empty() ? "" : ", ") + std::string(variant.name);
  }
  return names;
}

const Vit3Variant& find_vit3_variant(std::string_view name) {
  for (const Vit3Variant& variant : vit3_variants()) {
    if (variant.name == name) {
      return variant;
    }
  }
  ErrorParts parts{.what = "ViT³ has no variant '" + std::string(name) + "'",
                   .expected = "one of " + vit3_variant_names()};
  for (const Variant& variant : kVariants) {
    if (variant.name == name) {
      parts.remedy =
          variant.kind == RowKind::kLater
              ? "This row changes what one update leaves to the next; ViT³ makes one per "
                "image."
              : "It lacks the part that this row changes, so the row equals the nearest "
                "one above it that it has.";
    }
  }
  throw UsageError(parts);
}

}  // namespace parallax
