// Variables of srun (Slurm 22.05, `man srun`, OUTPUT ENVIRONMENT VARIABLES).
#include "core/distributed/slurm.h"

#include <cstdlib>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr int kFirstPort = 20000;
constexpr long kPorts = 20000;

const char* slurm_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

long slurm_number(const char* name, long min, long max) {
  const char* text = slurm_variable(name);
  char* rest = nullptr;
  const long value = text != nullptr ? std::strtol(text, &rest, 10) : -1;
  if (text == nullptr || *rest != '\0' || value < min || value > max) {
    throw UsageError(ErrorParts{
        .what = "Slurm's environment makes no sense",
        .where = name,
        .expected = "a number from " + std::to_string(min) + " to " + std::to_string(max),
        .got = text != nullptr ? std::string("'") + text + "'" : "nothing",
        .remedy = "Start the ranks with srun, or set RANK, WORLD_SIZE, MASTER_ADDR and "
                  "MASTER_PORT for each."});
  }
  return value;
}

}  // namespace

std::string first_of_hostlist(const std::string& list) {
  std::string host;
  for (size_t at = 0; at < list.size() && list[at] != ','; ++at) {
    if (list[at] != '[') {
      host += list[at];
      continue;
    }
    const size_t end = list.find(']', at);
    if (end == std::string::npos) {
      return "";
    }
    const std::string inside = list.substr(at + 1, end - at - 1);
    host += inside.substr(0, inside.find_first_of(",-"));
    at = end;
  }
  return host;
}

std::optional<SlurmTask> slurm_task() {
  constexpr long kMostTasks = 1 << 20;
  if (slurm_variable("SLURM_STEP_ID") == nullptr ||
      slurm_variable("SLURM_STEP_NUM_TASKS") == nullptr ||
      slurm_variable("SLURM_PROCID") == nullptr) {
    return std::nullopt;
  }
  SlurmTask task;
  task.tasks = static_cast<int>(slurm_number("SLURM_STEP_NUM_TASKS", 1, kMostTasks));
  if (task.tasks == 1) {
    return std::nullopt;
  }
  task.rank = static_cast<int>(slurm_number("SLURM_PROCID", 0, task.tasks - 1));
  task.local_rank = static_cast<int>(slurm_number("SLURM_LOCALID", 0, task.tasks - 1));
  const char* nodes = slurm_variable("SLURM_STEP_NODELIST");
  task.first_node = first_of_hostlist(nodes != nullptr ? nodes : "");
  if (task.first_node.empty()) {
    throw UsageError(ErrorParts{.what = "Slurm's environment makes no sense",
                                .where = "SLURM_STEP_NODELIST",
                                .expected = "names of hosts",
                                .got = nodes != nullptr ? nodes : "nothing"});
  }
  // Steps of one job run side by side, and nodes may be shared by jobs.
  const long job = slurm_number("SLURM_JOB_ID", 0, 1L << 40);
  const long step = slurm_number("SLURM_STEP_ID", 0, 1L << 40);
  task.port = kFirstPort + static_cast<int>((job * 61 + step) % kPorts);
  return task;
}

}  // namespace parallax
