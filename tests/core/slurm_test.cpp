// What Slurm's environment says of a process.
#include "core/distributed/slurm.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <utility>
#include <vector>

#include "core/base/error.h"

namespace parallax {
namespace {

// As `scontrol show hostnames` has them.
TEST(Slurm, TheFirstHostOfAList) {
  EXPECT_EQ(first_of_hostlist("node1"), "node1");
  EXPECT_EQ(first_of_hostlist("node[03-05,9],login"), "node03");
  EXPECT_EQ(first_of_hostlist("a,b[1-2]"), "a");
  EXPECT_EQ(first_of_hostlist("rack[2,4]n[07-09].example.org,x"), "rack2n07.example.org");
  EXPECT_EQ(first_of_hostlist("node[1"), "");
}

TEST(Slurm, AStepOfSeveralTasksAlone) {
  const std::vector<std::pair<const char*, const char*>> step = {{"SLURM_PROCID", "3"},
                                                                 {"SLURM_STEP_NUM_TASKS", "4"},
                                                                 {"SLURM_LOCALID", "1"},
                                                                 {"SLURM_STEP_NODELIST", "n[2-3]"},
                                                                 {"SLURM_JOB_ID", "17"},
                                                                 {"SLURM_STEP_ID", "0"}};
  EXPECT_FALSE(slurm_task());
  for (const auto& [name, value] : step) {
    setenv(name, value, 1);
  }
  const std::optional<SlurmTask> task = slurm_task();
  ASSERT_TRUE(task);
  EXPECT_EQ(task->rank, 3);
  EXPECT_EQ(task->tasks, 4);
  EXPECT_EQ(task->local_rank, 1);
  EXPECT_EQ(task->first_node, "n2");
  setenv("SLURM_STEP_ID", "1", 1);
  EXPECT_NE(slurm_task()->port, task->port);  // side by side in one job
  setenv("SLURM_PROCID", "4", 1);
  EXPECT_THROW(slurm_task(), UsageError);
  unsetenv("SLURM_STEP_ID");  // the script of sbatch
  EXPECT_FALSE(slurm_task());
  for (const auto& [name, value] : step) {
    unsetenv(name);
  }
}

}  // namespace
}  // namespace parallax
