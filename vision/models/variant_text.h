// Rows of the variant table in words that need no other row.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/ttt/variant.h"

namespace parallax {

// A row of the chain with all that it changes of the baseline, not only of the row before it.
std::string full_summary(const Variant& variant);

// What a rule computes, as pairs of a part's name and its formula in the notation of SPEC §1 and
// §2.
std::vector<std::pair<std::string, std::string>> explain_rule(const VariantSwitches& rule);

}  // namespace parallax
