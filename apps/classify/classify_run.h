// The work of `classify`: files to rows, alone or among several processes.
#pragma once

#include <map>

#include "apps/classify/classify_engine.h"
#include "apps/classify/classify_options.h"
#include "apps/classify/classify_ranks.h"

namespace parallax {

struct ClassifyOutcome {
  int64_t done = 0;
  double seconds = 0;
  int64_t skipped = 0;             // files that are no images
  std::map<int, int64_t> by_rank;  // images of the other ranks
};

// Rank 0, or the only one: walks over the files, classifies its share, deals the rest through
// `store` (null: there are no others), and writes all results.
ClassifyOutcome run_classifying(const ClassifyOptions& options,
                                const ClassifierView& view,
                                ClassifyEngine& engine,
                                ResultsFolder& results,
                                KeyValueStore* store,
                                const RankInfo& ranks);

// The other ranks: no files of their own, no results folder.
void run_classify_worker(const ClassifyOptions& options,
                         const ClassifierView& view,
                         ClassifyEngine& engine,
                         const RowFormat& format,
                         KeyValueStore& store,
                         const RankInfo& ranks);

}  // namespace parallax
