// What Slurm tells the processes that srun starts.
#pragma once

#include <optional>
#include <string>

namespace parallax {

// A process of a step of several.
struct SlurmTask {
  int rank = 0;
  int tasks = 1;
  int local_rank = 0;      // among the tasks of this node
  std::string first_node;  // of the step: where rank 0 is
  int port = 0;            // the same for all of the step, another one for others
};

// Reads SLURM_PROCID, SLURM_STEP_NUM_TASKS, SLURM_LOCALID, SLURM_STEP_NODELIST, SLURM_JOB_ID and
// SLURM_STEP_ID; nothing outside of a step that srun started (the script of sbatch is none) and in
// a step of one task. Throws UsageError naming a variable that makes no sense.
std::optional<SlurmTask> slurm_task();

// The first host of a list as Slurm writes it: "node[03-05,9],login" begins with "node03".
std::string first_of_hostlist(const std::string& list);

}  // namespace parallax
