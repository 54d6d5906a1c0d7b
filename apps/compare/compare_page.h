// The comparison as one page that needs no network.
#pragma once

#include <string>

#include "apps/compare/compare_report.h"

namespace parallax {

// A self-contained page: pictures of the same view by all models, a table with a row per model,
// every view's measure and its difference from a baseline, and how all was made. Its script draws
// everything from the JSON that it holds; without scripts there are the tables.
std::string comparison_page(const CompareReport& report);

}  // namespace parallax
