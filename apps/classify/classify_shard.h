// Shards: a share of the images that a job classifies without knowing of the other jobs, and the
// folder in which their results come together.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/classify/classify_results.h"

namespace parallax {

// Every `count`-th image of the list, from the `index`-th on.
struct Shard {
  int index = 1;  // from 1
  int count = 1;

  bool has(int64_t position) const { return position % count == index - 1; }  // from 0
  // How many of `all` images these are.
  int64_t size(int64_t all) const { return (all + count - index) / count; }
};

// Reads "3/8"; all images if the text is empty. Throws UsageError.
Shard parse_shard(const std::string& text);

// A shard's finished folder.
struct ShardFolder {
  std::filesystem::path path;
  Shard shard;
  int64_t listed = 0;       // images in the whole list
  nlohmann::json settings;  // without what is the shard's own
  RowFormat format;
};

// Opens the folders of all shards, in the order of the shards. Throws Error for a folder that is
// not of a shard, is not finished or is still written to; UsageError where a shard is missing or
// there twice, where settings differ, or where the shards saw lists of different length.
std::vector<ShardFolder> open_shard_folders(const std::vector<std::string>& paths);

// Throws Error where a shard has too few rows, too many, or one that another has, too.
void check_rows(const std::vector<ShardFolder>& shards);

// Appends every shard's rows with their thumbnails to `results`, in the order of the list. Throws
// Error as above.
void merge_rows(const std::vector<ShardFolder>& shards, ResultsFolder& results);

}  // namespace parallax
