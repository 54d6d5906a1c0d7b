// Several ranks in one process, each with its own connection: collective operations, gradients
// averaged over shards of a batch, and the consequences of a missing rank.
#include "core/distributed/process_group.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <mutex>
#include <thread>

#include "core/base/error.h"
#include "core/io/checkpoint.h"
#include "tests/support/free_port.h"
#include "tests/support/parabola.h"
#include "tests/support/scratch_folder.h"
#include "vision/train/nvs/nvs_task.h"
#include "vision/train/nvs/procedural_source.h"
#include "vision/train/trainer.h"

namespace parallax {
namespace {

// c10d keeps one record of all operations of a process and does not guard it against several groups
// on different threads, which only these tests have: they crashed in it. The variable is read at
// its first use.
const int kNoFlightRecorder = setenv("TORCH_FR_BUFFER_SIZE", "0", 1);

RankInfo rank_of(int rank, int world_size, int port) {
  return {
      .rank = rank, .world_size = world_size, .master_address = "127.0.0.1", .master_port = port};
}

// Runs `work` as each rank, each on its own thread.
void as_ranks(int world_size, const std::function<void(ProcessGroup&)>& work) {
  const int port = testing::free_port();
  std::vector<std::thread> threads;
  std::vector<std::string> errors(world_size);
  for (int rank = 0; rank < world_size; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        ProcessGroup ranks(rank_of(rank, world_size, port), 600);  // only a hang takes that long
        work(ranks);
        ranks.barrier();  // rank 0 serves the store until the end
      } catch (const std::exception& error) {
        errors[rank] = error.what();
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const std::string& error : errors) {
    EXPECT_EQ(error, "");
  }
}

TEST(ProcessGroup, ExchangeTensors) {
  as_ranks(3, [](ProcessGroup& ranks) {
    Tensor value = torch::full({2, 3}, static_cast<float>(ranks.rank() + 1));
    ranks.sum(value);
    EXPECT_TRUE(value.equal(torch::full({2, 3}, 6.0F)));
    Tensor largest = torch::tensor({static_cast<float>(ranks.rank())});
    ranks.all_reduce_max(largest);
    EXPECT_EQ(largest.item<float>(), 2);
    const Tensor strided =
        torch::full({3, 2}, static_cast<float>(ranks.rank()) + 5).transpose(0, 1);
    ranks.broadcast_from_first({strided});
    EXPECT_TRUE(strided.equal(torch::full({2, 3}, 5.0F)));
  });
}

TEST(ProcessGroup, AloneEverythingDoesNothing) {
  ProcessGroup ranks(RankInfo{}, 1);
  Tensor value = torch::ones({2});
  ranks.sum(value);
  ranks.barrier();
  EXPECT_TRUE(value.equal(torch::ones({2})));
  EXPECT_EQ(ranks.store(), nullptr);
}

TEST(ProcessGroup, SayWhenAnotherNeverComes) {
  try {
    ProcessGroup ranks(rank_of(0, 2, testing::free_port()), 2);
    ranks.barrier();
    FAIL() << "it went on alone";
  } catch (const PeerLostError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("rank 0 of 2"));
  }
}

TEST(ProcessGroup, AMasterThatCannotBeFoundIsAWrongUse) {
  RankInfo info = rank_of(1, 2, testing::free_port());
  info.master_address = "no such host";
  try {
    ProcessGroup ranks(info, 2);
    FAIL() << "it went on alone";
  } catch (const UsageError& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("'no such host'"));
  }
}

std::vector<Tensor> gradients_of_share(ProcessGroup& ranks, int64_t accumulate) {
  LactNvsOptions options;
  options.dim = 32;
  options.layers = 2;
  options.attention_head_dim = 16;
  options.ttt_head_dim = 16;
  options.muon_update_steps = 2;
  options.variant = "4";  // without rates and with one square fast weight: some weights are unused
  options.inter_multi = 1;
  std::shared_ptr<LactNvs> module;
  {
    static std::mutex one_generator_for_all_threads;
    const std::lock_guard lock(one_generator_for_all_threads);
    torch::manual_seed(3);
    module = std::make_shared<LactNvs>(options);
    module->initialise();
  }
  NvsDataOptions data;
  data.size = "16x16";
  data.batch_size = "4";
  data.samples = 1;
  const ProceduralSource source(data, 5, 100, 8);
  NvsTask task(module, source, {}, {});
  std::vector<Tensor> trained;
  for (const Tensor& parameter : module->parameters()) {
    if (parameter.requires_grad()) {
      trained.push_back(parameter);
    }
  }
  GradientAverage average(trained, ranks);
  std::vector<Tensor> gradients;
  for (int64_t step = 0; step < 3; ++step) {  // buckets are reused between steps
    module->zero_grad();
    for (int64_t i = 0; i < accumulate; ++i) {
      const ShardLoss part =
          task.shard_loss(step, ranks.rank() * accumulate + i, accumulate * ranks.world_size());
      average.backward(part.loss / static_cast<double>(accumulate), i + 1 == accumulate);
    }
    for (const Tensor& parameter : trained) {
      gradients.push_back(parameter.grad().clone());
    }
  }
  return gradients;
}

// Halves and quarters of a batch against the whole. Every weight's gradient is a sum over scenes in
// a different order: in float32 it differs by about 1e-7 of its largest entry.
TEST(ProcessGroup, SharesOfABatchGiveTheWholeBatchsGradient) {
  ProcessGroup alone(RankInfo{}, 1);
  const std::vector<Tensor> whole = gradients_of_share(alone, 1);
  for (const int64_t accumulate : {1, 2}) {
    std::vector<std::vector<Tensor>> of_rank(2);
    as_ranks(2, [&](ProcessGroup& ranks) {
      of_rank[ranks.rank()] = gradients_of_share(ranks, accumulate);
    });
    ASSERT_EQ(of_rank[0].size(), whole.size());
    double scale = 0;
    double difference = 0;
    for (size_t i = 0; i < whole.size(); ++i) {
      EXPECT_TRUE(of_rank[0][i].equal(of_rank[1][i]));
      scale = std::max(scale, whole[i].norm().item<double>());
      difference = std::max(difference, (of_rank[0][i] - whole[i]).norm().item<double>());
    }
    EXPECT_LT(difference, 1e-6 * scale);
  }
}

class Environment : public ::testing::Test {
 protected:
  void set(const char* name, const char* value) {
    setenv(name, value, 1);
    names_.push_back(name);
  }
  void TearDown() override {
    for (const char* name : names_) {
      unsetenv(name);
    }
  }

 private:
  std::vector<const char*> names_;
};

TEST_F(Environment, TellsRanks) {
  EXPECT_TRUE(rank_from_environment().alone());
  set("WORLD_SIZE", "1");
  EXPECT_TRUE(rank_from_environment().alone());
  set("WORLD_SIZE", "4");
  EXPECT_THROW(rank_from_environment(), UsageError);
  set("RANK", "3");
  set("MASTER_PORT", "29500");
  EXPECT_THROW(rank_from_environment(), UsageError);
  set("MASTER_ADDR", "localhost");
  const RankInfo info = rank_from_environment();
  EXPECT_EQ(info.rank, 3);
  EXPECT_EQ(info.world_size, 4);
  EXPECT_EQ(info.master_port, 29500);
  set("RANK", "4");
  EXPECT_THROW(rank_from_environment(), UsageError);
  set("RANK", "first");
  EXPECT_THROW(rank_from_environment(), UsageError);
}

// `on_evaluate` is called at each evaluation.
class EvaluatedParabola : public testing::Parabola {
 public:
  Evaluation evaluate() override {
    on_evaluate();
    return Parabola::evaluate();
  }

  std::function<void()> on_evaluate;
};

// Evaluation is on averaged weights; training goes on from those of the step.
TEST(ProcessGroup, ARankLostAtAnEvaluationLeavesTheWeightsOfTheStep) {
  const testing::ScratchFolder scratch;
  const int port = testing::free_port();
  TrainOptions options;
  options.steps = 4;
  options.ema = 0.9;
  options.evaluate_every = 2;
  options.checkpoint_every = 100;
  std::thread second([&] {
    try {
      ProcessGroup ranks(rank_of(1, 2, port), 600);
      EvaluatedParabola task;
      task.on_evaluate = [] { throw Error("this rank is lost"); };
      Trainer(task, options, {}, scratch.path(), ranks).run({});
    } catch (const Error&) {
    }
  });
  {
    ProcessGroup ranks(rank_of(0, 2, port), 600);
    EvaluatedParabola task;
    task.on_evaluate = [&] { second.join(); };
    double weight = 0;
    Trainer trainer(task, options, {}, scratch.path(), ranks);
    EXPECT_THROW(trainer.run({.on_step = [&](int64_t) { weight = task.net.w.item<double>(); }}),
                 PeerLostError);
    const Checkpoint saved =
        load_checkpoint(scratch.path() / "checkpoints" / "step-000000000002.safetensors");
    EXPECT_EQ(saved.tensors.at("model.w").item<double>(), weight);
    EXPECT_NE(saved.tensors.at("ema.w").item<double>(), weight);
  }
}

}  // namespace
}  // namespace parallax
