// The usual schedules, and the validation of any schedule.
#include "core/ttt/schedule.h"

#include <algorithm>
#include <string>

#include "core/base/error.h"

namespace parallax {
namespace {

void require_positive(int64_t value, const char* name) {
  if (value <= 0) {
    throw Error(ErrorParts{.what = std::string("the schedule's ") + name + " is not usable",
                           .expected = "a positive number",
                           .got = std::to_string(value)});
  }
}

}  // namespace

Schedule update_then_apply_all(int64_t num_updating, int64_t num_tokens) {
  require_positive(num_updating, "number of updating tokens");
  return {{0, num_updating, true, false}, {0, num_tokens, false, true}};
}

Schedule update_then_apply_chunks(int64_t num_tokens, int64_t chunk) {
  require_positive(chunk, "chunk");
  Schedule schedule;
  for (int64_t start = 0; start < num_tokens; start += chunk) {
    schedule.push_back({start, std::min(start + chunk, num_tokens), true, true});
  }
  return schedule;
}

Schedule apply_then_update_chunks(int64_t num_tokens, int64_t chunk) {
  require_positive(chunk, "chunk");
  Schedule schedule;
  for (int64_t start = 0; start < num_tokens; start += chunk) {
    const int64_t end = std::min(start + chunk, num_tokens);
    schedule.push_back({start, end, false, true});
    schedule.push_back({start, end, true, false});
  }
  return schedule;
}

Schedule language_model_chunks(int64_t num_tokens, int64_t chunk) {
  Schedule schedule = apply_then_update_chunks(num_tokens, chunk);
  if (!schedule.empty()) {
    schedule.pop_back();
  }
  return schedule;
}

void validate_schedule(const Schedule& schedule, int64_t num_tokens) {
  for (size_t i = 0; i < schedule.size(); ++i) {
    const ScheduleStep& step = schedule[i];
    if (step.start < 0 || step.end <= step.start || step.end > num_tokens) {
      throw Error(ErrorParts{
          .what = "the token range is not usable",
          .where = "schedule, step " + std::to_string(i),
          .expected = "0 <= start < end <= " + std::to_string(num_tokens),
          .got = "[" + std::to_string(step.start) + ", " + std::to_string(step.end) + ")"});
    }
  }
}

int64_t count_updates(const Schedule& schedule) {
  return std::count_if(
      schedule.begin(), schedule.end(), [](const ScheduleStep& step) { return step.update; });
}

}  // namespace parallax
