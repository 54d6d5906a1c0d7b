// Published coefficients of the quintic iteration, by name.
#pragma once

#include <string>
#include <string_view>

#include "core/ops/newton_schulz/newton_schulz.h"

namespace parallax {

// "muon": Keller Jordan's triple for all steps, the default; "language-model": the five of LaCT's
// language-model code; "polar-express": the first five of Polar Express (arXiv 2505.16932). Throws
// UsageError listing the names.
std::vector<QuinticCoefficients> find_coefficients(std::string_view name);

// "muon, language-model, polar-express"
std::string coefficient_names();

}  // namespace parallax
