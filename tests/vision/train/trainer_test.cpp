// The training loop on a task whose every value is known: averages, skipped steps, early stopping,
// checkpoints.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "tests/support/kernel_cases.h"
#include "tests/support/parabola.h"
#include "tests/support/scratch_folder.h"
#include "vision/train/trainer.h"

namespace parallax {
namespace {

using testing::Parabola;
using testing::ScratchFolder;

TEST(Trainer, AveragesAsTheRecursionSays) {
  const ScratchFolder scratch;
  Parabola task;
  ProcessGroup ranks(RankInfo{}, 1);
  TrainOptions options;
  options.steps = 30;
  options.optimiser = "adamw";
  options.ema = 0.8;
  options.evaluate_every = 0;
  Trainer trainer(task, options, {}, scratch.path(), ranks);
  std::vector<double> weights;
  double average = 0;
  trainer.run({.on_step = [&](int64_t step) {
    const double decay = std::min(0.8, (1.0 + step) / (10.0 + step));
    average = decay * average + (1 - decay) * task.net.w.item<double>();
  }});
  EXPECT_NEAR(task.net.w.item<double>(), average, 1e-6);  // the result is the average
  EXPECT_NEAR(task.seen.back(), average, 1e-6);
}

// loss of shard i = ½·(w − i)²: the mean's gradient is w − (count − 1) / 2.
class ConcurrentParabolas : public Parabola {
 public:
  int64_t concurrent_shards(int64_t) const override { return 6; }
  ShardLoss shard_loss(int64_t step, int64_t shard, int64_t num_shards) override {
    EXPECT_EQ(num_shards, 3);             // the largest divisor of six that the threads allow
    EXPECT_EQ(at::get_num_threads(), 1);  // of four or five, for each of three
    if (step == bad_step && shard == 1) {
      throw Error("a shard failed");
    }
    const Tensor target = torch::tensor(static_cast<double>(shard));
    return {0.5 * (net.w - target).square().sum(), {{"target", target}}};
  }
  int64_t bad_step = -1;
};

TEST(Trainer, ThreadsComputeShardsOfAStep) {
  const testing::ThreadCountGuard threads(4);
  const ScratchFolder scratch;
  ConcurrentParabolas task;
  ProcessGroup ranks(RankInfo{}, 1);
  TrainOptions options;
  options.steps = 1;
  options.ema = 0;
  Trainer trainer(task, options, {}, scratch.path(), ranks);
  nlohmann::json step;
  trainer.run({.on_record = [&](const nlohmann::json& record) {
    step = record.at("kind") == "step" ? record : step;
  }});
  EXPECT_NEAR(step.at("gradient_norm").get<double>(), 1, 1e-6);  // w is 0 at first
  EXPECT_NEAR(step.at("loss").get<double>(), (0 + 1 + 4) / 6.0, 1e-6);
  EXPECT_NEAR(step.at("target").get<double>(), 1, 1e-6);
  EXPECT_EQ(at::get_num_threads(), 4);
}

TEST(Trainer, AShardsErrorEndsTheStep) {
  const testing::ThreadCountGuard threads(4);
  const ScratchFolder scratch;
  ConcurrentParabolas task;
  task.bad_step = 2;
  ProcessGroup ranks(RankInfo{}, 1);
  Trainer trainer(task, {}, {}, scratch.path(), ranks);
  EXPECT_THROW(trainer.run({}), Error);
  EXPECT_EQ(at::get_num_threads(), 4);
}

TEST(Trainer, SkipsStepsWithoutFiniteGradients) {
  const ScratchFolder scratch;
  Parabola task;
  task.bad = {0, 3};
  ProcessGroup ranks(RankInfo{}, 1);
  TrainOptions options;
  options.steps = 5;
  options.ema = 0;
  options.log_every = 1;
  Trainer trainer(task, options, {}, scratch.path(), ranks);
  std::vector<double> weights;
  std::vector<nlohmann::json> records;
  trainer.run({.on_record = [&](const nlohmann::json& record) { records.push_back(record); },
               .on_step = [&](int64_t) { weights.push_back(task.net.w.item<double>()); }});
  ASSERT_EQ(weights.size(), 5U);
  EXPECT_EQ(weights[0], 0.0);
  EXPECT_GT(weights[1], 0.0);
  EXPECT_EQ(weights[3], weights[2]);
  EXPECT_GT(weights[4], weights[3]);
  EXPECT_EQ(records.at(4).at("skipped"), 2);
}

TEST(Trainer, GivesUpWhenNoGradientIsFinite) {
  const ScratchFolder scratch;
  Parabola task;
  for (int64_t step = 0; step < 100; ++step) {
    task.bad.push_back(step);
  }
  ProcessGroup ranks(RankInfo{}, 1);
  Trainer trainer(task, {}, {}, scratch.path(), ranks);
  EXPECT_THROW(trainer.run({}), Error);
}

TEST(Trainer, StopsEarlyAndKeepsTheBestWeights) {
  const ScratchFolder scratch;
  Parabola task;
  task.scores = {1, 3, 2, 2.5, 2.9};
  ProcessGroup ranks(RankInfo{}, 1);
  TrainOptions options;
  options.steps = 100;
  options.evaluate_every = 5;
  options.patience = 3;
  Trainer trainer(task, options, {}, scratch.path(), ranks);
  EXPECT_EQ(trainer.run({}), TrainEnd::kEarly);
  ASSERT_EQ(task.seen.size(), 5U);
  EXPECT_EQ(task.net.w.item<double>(), task.seen[1]);
  EXPECT_EQ(task.exported.back(), task.seen[1]);
}

TEST(Trainer, KeepsTheLatestCheckpointsAndSurvivesABrokenOne) {
  const ScratchFolder scratch;
  const auto folder = scratch.path() / "checkpoints";
  TrainOptions options;
  options.steps = 10;
  options.checkpoint_every = 2;
  options.checkpoints_kept = 3;
  ProcessGroup ranks(RankInfo{}, 1);
  {
    Parabola task;
    Trainer(task, options, {}, scratch.path(), ranks).run({});
  }
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  EXPECT_THAT(names,
              ::testing::UnorderedElementsAre("step-000000000006.safetensors",
                                              "step-000000000008.safetensors",
                                              "step-000000000010.safetensors"));
  std::filesystem::resize_file(folder / "step-000000000010.safetensors", 100);
  Parabola task;
  Trainer trainer(task, options, {}, scratch.path(), ranks);
  std::vector<std::string> notes;
  EXPECT_EQ(trainer.resume(notes), 8);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_THAT(notes[0], ::testing::HasSubstr("step-000000000010"));
}

TEST(Trainer, RefusesToGoOnWithOtherOptions) {
  const ScratchFolder scratch;
  ProcessGroup ranks(RankInfo{}, 1);
  TrainOptions options;
  options.steps = 4;
  Parabola task;
  Trainer(task, options, {{"data", "a"}}, scratch.path(), ranks).run({});
  std::vector<std::string> notes;
  options.log_every = 7;  // does not affect the result
  EXPECT_EQ(Trainer(task, options, {{"data", "a"}}, scratch.path(), ranks).resume(notes), 4);
  options.learning_rate = 0.5;
  try {
    Trainer(task, options, {{"data", "b"}}, scratch.path(), ranks).resume(notes);
    FAIL() << "it went on";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("learning_rate"));
    EXPECT_THAT(error.what(), ::testing::HasSubstr("data"));
  }
}

}  // namespace
}  // namespace parallax
