// Schedules: which token ranges update the fast weights and which they are applied to, in order.
#pragma once

#include <cstdint>
#include <vector>

namespace parallax {

// Tokens [start, end). A range that both updates and applies updates first.
struct ScheduleStep {
  int64_t start = 0;
  int64_t end = 0;
  bool update = false;
  bool apply = false;
};

// Steps in the order in which they are run.
using Schedule = std::vector<ScheduleStep>;

// Update on the first `num_updating` tokens, then apply to all: how NVS models are trained. This
// and the functions below throw Error for a number of updating tokens or a chunk that is not
// positive.
Schedule update_then_apply_all(int64_t num_updating, int64_t num_tokens);

// Chunk by chunk, update and then apply; the last chunk may be shorter.
Schedule update_then_apply_chunks(int64_t num_tokens, int64_t chunk);

// Chunk by chunk, apply and then update ("shifted": no token sees its own chunk).
Schedule apply_then_update_chunks(int64_t num_tokens, int64_t chunk);

// The language model's order: apply then update, and the last chunk (1 … chunk tokens) only
// applies.
Schedule language_model_chunks(int64_t num_tokens, int64_t chunk);

// Throws Error unless every range is non-empty and inside [0, num_tokens).
void validate_schedule(const Schedule& schedule, int64_t num_tokens);

// The number of steps that update.
int64_t count_updates(const Schedule& schedule);

}  // namespace parallax
