// The rows of the variant table that exist for ViT³, as the published ablation code defines them
// (SPEC §3, §4).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/ttt/variant.h"

namespace parallax {

// The published code's two experiments with both queries and keys in the inner loop.
enum class QueryKeyMixing {
  kNone,
  kGradients,  // the mean of the gradients for keys and for queries; applied to the inputs' mean
  kInputs,     // the mean of query and key takes the place of either
};

// The update rule of a ViT³ layer.
struct Vit3Rule {
  VariantSwitches switches;
  QueryKeyMixing mixing = QueryKeyMixing::kNone;
};

// A row of the variant table, as it applies to ViT³.
struct Vit3Variant {
  std::string_view name;            // as in the shared table: "0", "ascent", …
  std::string_view reference_name;  // the published code's `loss_type`
  std::string_view summary;
  Vit3Rule rule;
};

// ViT³ has no weight norm, per-token rate or momentum, so rows 2, 4 and 5 equal the row above them
// and do not exist. Row 6 is published as row 1 without gradient normalisation: its gate stays.
const std::vector<Vit3Variant>& vit3_variants();

// Throws UsageError listing the existing names, and saying so if the name is a row that equals the
// one above it.
const Vit3Variant& find_vit3_variant(std::string_view name);

// "0, 1, …".
std::string vit3_variant_names();

}  // namespace parallax
