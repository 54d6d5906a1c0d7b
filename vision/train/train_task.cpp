// Divides a step's batch.
#include "vision/train/train_task.h"

#include <fmt/format.h>

#include "core/base/error.h"

namespace parallax {

ShardRange shard_of_batch(int64_t batch_size, int64_t shard, int64_t num_shards) {
  if (batch_size % num_shards != 0) {
    throw UsageError(ErrorParts{
        .what = "the batch cannot be divided evenly",
        .where = "--batch-size",
        .expected = fmt::format("a multiple of {} (processes times --accumulate)", num_shards),
        .got = fmt::format("{}", batch_size)});
  }
  const int64_t count = batch_size / num_shards;
  return {shard * count, count};
}

}  // namespace parallax
