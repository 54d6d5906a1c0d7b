// The work of `classify`: turns files into rows, in one process or several.
#pragma once

#include <map>

#include "apps/classify/classify_engine.h"
#include "apps/classify/classify_options.h"
#include "apps/classify/classify_ranks.h"

namespace parallax {

// What a run classified and skipped.
struct ClassifyOutcome {
  int64_t done = 0;
  int64_t listed = 0;    // images that the walk came to, those of other shards included
  bool stopped = false;  // by a signal, before the end of the list
  double seconds = 0;
  PassedOver passed_over;
  std::map<int, int64_t> by_rank;  // images of the other ranks
};

// For rank 0 or a single process: walks over the files, classifies its share, hands the rest to
// other ranks through `store` (null: there are none), and writes all results.
ClassifyOutcome run_classifying(const ClassifyOptions& options,
                                const ClassifierView& view,
                                ClassifyEngine& engine,
                                ResultsFolder& results,
                                KeyValueStore* store,
                                const RankInfo& ranks);

// For the other ranks, which have neither files of their own nor a results folder.
void run_classify_worker(const ClassifyOptions& options,
                         const ClassifierView& view,
                         ClassifyEngine& engine,
                         const RowFormat& format,
                         KeyValueStore& store,
                         const RankInfo& ranks);

}  // namespace parallax
