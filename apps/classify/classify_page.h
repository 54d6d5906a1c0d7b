// The page of a classification: one file with thumbnails, filter and sort, no script from
// elsewhere.
#pragma once

#include <filesystem>
#include <string>

#include "apps/classify/classify_results.h"
#include "apps/classify/classify_summary.h"

namespace parallax {

struct ClassifyPageOptions {
  std::string title;
  std::string heading;             // what was run, a sentence
  int64_t most_thumbnails = 4000;  // rows beyond show none
};

// Writes the page row by row, so that it needs no memory to speak of.
void write_classify_page(const std::filesystem::path& path,
                         const ResultsFolder& results,
                         const ClassifySummary& summary,
                         const ClassifyPageOptions& options);

}  // namespace parallax
