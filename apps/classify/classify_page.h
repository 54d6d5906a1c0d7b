// The page of a classification: one file with thumbnails, filtering and sorting, and no external
// scripts.
#pragma once

#include <filesystem>
#include <string>

#include "apps/classify/classify_results.h"
#include "apps/classify/classify_summary.h"

namespace parallax {

// Titles and limits of the page.
struct ClassifyPageOptions {
  std::string title;
  std::string heading;             // one sentence on what was run
  std::string footer;              // where the results come from
  int64_t most_thumbnails = 4000;  // further rows show none
};

// Writes the page row by row, so that it needs hardly any memory.
void write_classify_page(const std::filesystem::path& path,
                         const ResultsFolder& results,
                         const ClassifySummary& summary,
                         const ClassifyPageOptions& options);

}  // namespace parallax
