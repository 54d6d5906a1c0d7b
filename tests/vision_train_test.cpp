// The trainer: optimiser, averages, checkpoints and going on, data that do not depend on how they
// are shared out.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <thread>

#include "core/ranks.h"
#include "tests/scratch_folder.h"
#include "vision/metrics/image_metrics.h"
#include "vision/module_weights.h"
#include "vision/train/muon.h"
#include "vision/train/nvs_task.h"
#include "vision/train/procedural_source.h"
#include "vision/train/trainer.h"

namespace parallax {
namespace {

using testing::ScratchFolder;

LactNvsOptions tiny_model(const std::string& variant) {
  LactNvsOptions options;
  options.patch_size = 8;
  options.dim = 32;
  options.layers = 2;
  options.attention_head_dim = 16;
  options.ttt_head_dim = 16;
  options.inter_multi = find_variant(variant).switches.kernel == FastKernel::kIdentity ? 1.0 : 2.0;
  options.mlp_inter_multi = 2;
  options.muon_update_steps = 1;
  options.variant = variant;
  return options;
}

NvsDataOptions tiny_data() {
  NvsDataOptions options;
  options.size = "16x16";
  options.batch_size = "4";
  options.input_views = "2-3";
  options.target_views = 2;
  options.samples = 1;
  options.evaluation_scenes = 2;
  return options;
}

TrainOptions tiny_training(int64_t steps) {
  TrainOptions options;
  options.steps = steps;
  options.warmup_steps = 2;
  options.evaluate_every = 4;
  options.checkpoint_every = 2;
  options.log_every = 1;
  return options;
}

std::shared_ptr<LactNvs> make_tiny_module(const std::string& variant) {
  torch::manual_seed(3);
  auto module = std::make_shared<LactNvs>(tiny_model(variant));
  module->initialise();
  return module;
}

bool equal_weights(const TensorMap& a, const TensorMap& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const auto& item) {
           return item.second.equal(b.at(item.first));
         });
}

// A run in `folder` with everything it needs.
struct TinyRun {
  TinyRun(const std::filesystem::path& folder, const TrainOptions& options)
      : module(make_tiny_module("2")),
        source(tiny_data(), options.seed, options.steps, 8),
        task(module, source, {}, nlohmann::json::object()),
        ranks(RankInfo{}, 1),
        trainer(task, options, {{"data", "tiny"}}, folder, ranks) {}

  std::shared_ptr<LactNvs> module;
  ProceduralSource source;
  NvsTask task;
  RankGroup ranks;
  Trainer trainer;
};

// ---- optimiser

TEST(Muon, StepsAreOrthogonalWhateverTheGradientsScale) {
  torch::manual_seed(1);
  const Tensor wide = torch::zeros({24, 64});
  const Tensor tall = torch::zeros({2, 64, 24});
  for (const Tensor& parameter : {wide, tall}) {
    parameter.mutable_grad() = torch::randn(parameter.sizes()) * 1e-3;
  }
  Muon muon({wide, tall});
  muon.step({.learning_rate = 0.1, .momentum = 0.9});
  // Five steps of this quintic leave singular values within about [0.68, 1.14] (Jordan et al.);
  // bfloat16 adds a few hundredths.
  const auto check = [](const Tensor& update) {
    const Tensor values = torch::linalg_svdvals(update.to(torch::kFloat64));
    EXPECT_GT(values.min().item<double>(), 0.6);
    EXPECT_LT(values.max().item<double>(), 1.25);
  };
  check(wide / 0.1);
  check(tall[0] / (0.1 * std::sqrt(64.0 / 24.0)));
  check(tall[1] / (0.1 * std::sqrt(64.0 / 24.0)));
}

TEST(Muon, GroupsOfOneShapeStepAsEachAlone) {
  torch::manual_seed(2);
  const Tensor gradients = torch::randn({3, 16, 20});
  std::vector<Tensor> together;
  for (int i = 0; i < 3; ++i) {
    together.push_back(torch::ones({16, 20}));
    together.back().mutable_grad() = gradients[i].clone();
  }
  Muon all(together);
  all.step({});
  for (int i = 0; i < 3; ++i) {
    const Tensor alone = torch::ones({16, 20});
    alone.mutable_grad() = gradients[i].clone();
    Muon one({alone});
    one.step({});
    EXPECT_LT((alone - together[i]).abs().max().item<double>(), 1e-4);  // bfloat16 of 5e-3
  }
}

struct TwoParameters : torch::nn::Module {
  TwoParameters() {
    matrix = register_parameter("matrix", torch::ones({20, 20}));
    vector = register_parameter("vector", torch::ones({20}));
  }
  Tensor matrix;
  Tensor vector;
};

TEST(Optimiser, DecaysMatricesAndLeavesVectors) {
  for (const char* kind : {"muon", "adamw"}) {
    TwoParameters module;
    TrainOptions options;
    options.optimiser = kind;
    options.weight_decay = 0.5;
    options.warmup_steps = 0;
    options.learning_rate = options.muon_learning_rate = 0.1;
    Optimiser optimiser(module, options, [](const std::string&) { return true; });
    for (Tensor parameter : module.parameters()) {
      parameter.mutable_grad() = torch::zeros_like(parameter);
    }
    optimiser.step(0);
    EXPECT_LT((module.matrix - 0.95).abs().max().item<double>(), 1e-6) << kind;
    EXPECT_TRUE(module.vector.equal(torch::ones({20}))) << kind;
  }
}

TEST(Optimiser, ClipsToTheNormAndReportsWhatItWas) {
  TwoParameters module;
  TrainOptions options;
  options.clip_norm = 2;
  Optimiser optimiser(module, options, [](const std::string&) { return true; });
  module.matrix.mutable_grad() = torch::full({20, 20}, 0.2);  // norm 4
  module.vector.mutable_grad() = torch::zeros({20});
  module.vector.mutable_grad()[0] = 3;
  EXPECT_NEAR(optimiser.clip_gradients(), 5.0, 1e-5);
  EXPECT_NEAR(module.matrix.grad().norm().item<double>(), 4 * 2.0 / 5, 1e-5);
  EXPECT_NEAR(module.vector.grad().norm().item<double>(), 3 * 2.0 / 5, 1e-5);
}

TEST(LearningRate, WarmsUpThenFallsAsACosine) {
  TrainOptions options;
  options.steps = 110;
  options.warmup_steps = 10;
  options.final_rate = 0.1;
  EXPECT_DOUBLE_EQ(learning_rate_factor(options, 0), 0.1);
  EXPECT_DOUBLE_EQ(learning_rate_factor(options, 9), 1.0);
  EXPECT_DOUBLE_EQ(learning_rate_factor(options, 10), 1.0);
  EXPECT_NEAR(learning_rate_factor(options, 60), 0.55, 1e-12);
  EXPECT_NEAR(learning_rate_factor(options, 110), 0.1, 1e-12);
}

TEST(Stages, HoldFromTheirShareOfTheRunOn) {
  const Stages stages("32x32@0,64x64@0.4", "--size");
  EXPECT_EQ(stages.at(0), "32x32");
  EXPECT_EQ(stages.at(0.39), "32x32");
  EXPECT_EQ(stages.at(0.4), "64x64");
  EXPECT_EQ(Stages("8", "--x").at(0.9), "8");
  for (const char* wrong : {"", "a@0.1", "a@0,b", "a@0,b@1", "a@0,b@0.5,c@0.2", "a@x", "a,"}) {
    EXPECT_THROW(Stages(wrong, "--x"), UsageError) << wrong;
  }
  EXPECT_THROW(parse_count_range("8-4", "--x"), UsageError);
  EXPECT_THROW(parse_count_range("0-4", "--x"), UsageError);
  EXPECT_THROW(parse_count_range("x", "--x"), UsageError);
}

// ---- the loop, on a task whose every number is known

// loss = ½·(w − 1)², so that the gradient is w − 1; not finite in the steps of `bad`.
class Parabola : public TrainTask {
 public:
  struct Net : torch::nn::Module {
    Net() { w = register_parameter("w", torch::zeros({1})); }
    Tensor w;
  };
  torch::nn::Module& module() override { return net; }
  bool is_hidden(const std::string&) const override { return false; }
  void prepare(int64_t, int64_t, int64_t) override {}
  PartLoss part_loss(int64_t step, int64_t, int64_t) override {
    const bool bad_step = std::find(bad.begin(), bad.end(), step) != bad.end();
    const Tensor loss = 0.5 * (net.w - 1).square().sum();
    return {bad_step ? loss * std::nan("") : loss, {}};
  }
  Evaluation evaluate() override {
    seen.push_back(net.w.item<double>());
    return {scores.empty() ? 0.0 : scores.at(std::min(seen.size(), scores.size()) - 1), {}};
  }
  void export_model(const std::filesystem::path&, const nlohmann::json&) override {
    exported.push_back(net.w.item<double>());
  }

  Net net;
  std::vector<int64_t> bad;
  std::vector<double> scores;    // of the evaluations in turn
  std::vector<double> seen;      // w at each evaluation
  std::vector<double> exported;  // w at each export
};

TEST(Trainer, AveragesAsTheRecursionSays) {
  const ScratchFolder scratch;
  Parabola task;
  RankGroup ranks(RankInfo{}, 1);
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

TEST(Trainer, SkipsStepsWithoutFiniteGradients) {
  const ScratchFolder scratch;
  Parabola task;
  task.bad = {0, 3};
  RankGroup ranks(RankInfo{}, 1);
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
  RankGroup ranks(RankInfo{}, 1);
  Trainer trainer(task, {}, {}, scratch.path(), ranks);
  EXPECT_THROW(trainer.run({}), Error);
}

TEST(Trainer, StopsEarlyAndKeepsTheBestWeights) {
  const ScratchFolder scratch;
  Parabola task;
  task.scores = {1, 3, 2, 2.5, 2.9};
  RankGroup ranks(RankInfo{}, 1);
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
  RankGroup ranks(RankInfo{}, 1);
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
  RankGroup ranks(RankInfo{}, 1);
  TrainOptions options;
  options.steps = 4;
  Parabola task;
  Trainer(task, options, {{"data", "a"}}, scratch.path(), ranks).run({});
  std::vector<std::string> notes;
  options.log_every = 7;  // decides nothing
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

// ---- going on exactly

TEST(Trainer, GoesOnToTheBit) {
  at::set_num_threads(1);
  const ScratchFolder whole_folder;
  const ScratchFolder cut_folder;
  const TrainOptions options = tiny_training(9);
  TinyRun whole(whole_folder.path(), options);
  EXPECT_EQ(whole.trainer.run({}), TrainEnd::kFinished);
  int64_t steps = 0;
  for (const int64_t stop_at : {3, 4, 7, 100}) {
    TinyRun part(cut_folder.path(), options);
    std::vector<std::string> notes;
    EXPECT_EQ(part.trainer.resume(notes), steps);
    part.trainer.run({.on_step = [&](int64_t done) { steps = done; },
                      .should_stop = [&] { return steps >= stop_at; }});
    if (stop_at == 100) {
      EXPECT_TRUE(equal_weights(collect_weights(*whole.module, torch::kFloat32),
                                collect_weights(*part.module, torch::kFloat32)));
      EXPECT_EQ(whole.trainer.results(), part.trainer.results());
    }
  }
}

// ---- data

TEST(ProceduralSource, PartsMakeUpTheWholeBatch) {
  const ProceduralSource source(tiny_data(), 5, 100, 8);
  for (const int64_t step : {0, 7}) {
    const NvsBatch whole = source.batch(step, 0, 1);
    std::vector<Tensor> images;
    std::vector<Tensor> truth;
    std::vector<Tensor> poses;
    for (int64_t part = 0; part < 4; ++part) {
      const NvsBatch one = source.batch(step, part, 4);
      images.push_back(one.images);
      truth.push_back(one.truth);
      poses.push_back(one.targets.c2w);
    }
    EXPECT_TRUE(torch::cat(images).equal(whole.images));
    EXPECT_TRUE(torch::cat(truth).equal(whole.truth));
    EXPECT_TRUE(torch::cat(poses).equal(whole.targets.c2w));
  }
  EXPECT_THROW(source.batch(0, 0, 3), UsageError);
  EXPECT_FALSE(source.batch(0, 0, 1).truth.equal(source.batch(1, 0, 1).truth));
}

TEST(ProceduralSource, FollowsTheCurriculum) {
  NvsDataOptions options = tiny_data();
  options.size = "16x16@0,32x24@0.5";
  options.batch_size = "4@0,2@0.5";
  options.difficulty = "0@0,1@0.5";
  const ProceduralSource source(options, 5, 10, 8);
  EXPECT_EQ(source.batch(4, 0, 1).truth.sizes().slice(2), at::IntArrayRef({3, 16, 16}));
  EXPECT_EQ(source.batch(4, 0, 1).truth.size(0), 4);
  EXPECT_EQ(source.batch(5, 0, 1).truth.sizes().slice(2), at::IntArrayRef({3, 32, 24}));
  EXPECT_EQ(source.batch(5, 0, 1).truth.size(0), 2);
  options.size = "20x20";
  EXPECT_THROW(ProceduralSource(options, 5, 10, 8), UsageError);
}

TEST(ProceduralSource, CopiesInputsIntoTargetsAtFirstOnly) {
  NvsDataOptions options = tiny_data();
  options.copied_targets = 1;
  options.copied_until = 0.5;
  const ProceduralSource source(options, 5, 100, 8);
  const auto is_copy = [](const NvsBatch& batch) {
    for (int64_t view = 0; view < batch.images.size(1); ++view) {
      if (batch.images[0][view].equal(batch.truth[0][0]) &&
          batch.inputs.c2w[0][view].equal(batch.targets.c2w[0][0])) {
        return true;
      }
    }
    return false;
  };
  EXPECT_TRUE(is_copy(source.batch(0, 0, 1)));
  EXPECT_FALSE(is_copy(source.batch(60, 0, 1)));
}

// ---- the model's training

TEST(NvsTraining, EveryVariantTrainsTenSteps) {
  for (const Variant& variant : kVariants) {
    const ScratchFolder scratch;
    const auto module = make_tiny_module(std::string(variant.name));
    const TensorMap before = collect_weights(*module, torch::kFloat32);
    TrainOptions options = tiny_training(10);
    options.evaluate_every = 0;
    const ProceduralSource source(tiny_data(), 1, 10, 8);
    NvsTask task(module, source, {}, {{"variant", variant.name}});
    RankGroup ranks(RankInfo{}, 1);
    Trainer trainer(task, options, {}, scratch.path(), ranks);
    std::vector<double> losses;
    trainer.run({.on_record = [&](const nlohmann::json& record) {
      if (record.at("kind") == "step") {
        losses.push_back(record.at("loss"));
      }
    }});
    ASSERT_EQ(losses.size(), 10U) << variant.name;
    EXPECT_LT(losses.back(), losses.front()) << variant.name;
    for (const auto& item : module->named_parameters()) {
      EXPECT_TRUE(item.value().isfinite().all().item<bool>()) << variant.name << item.key();
      EXPECT_EQ(item.value().equal(before.at(item.key())), !item.value().requires_grad())
          << variant.name << ", " << item.key();
    }
    const NvsModel exported = load_nvs_model((scratch.path() / "model.safetensors").string());
    EXPECT_EQ(exported.card.options.variant, variant.name);
  }
}

// The two forms' gradients of every weight, for every variant. Both sum the same terms in another
// order; float64 leaves about 1e-13 of the largest.
TEST(NvsTraining, GradientsOfTheFormsAgree) {
  NvsDataOptions data = tiny_data();
  const ProceduralSource source(data, 5, 100, 8);
  const NvsBatch batch = source.batch(0, 0, 1);
  const auto wide = [](const CameraBatch& cameras) {
    return CameraBatch{cameras.fxfycxcy.to(torch::kFloat64),
                       cameras.c2w.to(torch::kFloat64),
                       cameras.height,
                       cameras.width};
  };
  for (const Variant& variant : kVariants) {
    const auto module = make_tiny_module(std::string(variant.name));
    module->to(torch::kFloat64);
    std::vector<std::vector<Tensor>> gradients;
    for (const Form form : {Form::kRecurrent, Form::kParallel}) {
      module->zero_grad();
      const Tensor rendered = module->forward(
          batch.images.to(torch::kFloat64), wide(batch.inputs), wide(batch.targets), form);
      (rendered - batch.truth.to(torch::kFloat64)).square().mean().backward();
      gradients.emplace_back();
      for (const Tensor& parameter : module->parameters()) {
        gradients.back().push_back(parameter.grad().defined() ? parameter.grad().clone()
                                                              : torch::zeros_like(parameter));
      }
    }
    double largest = 0;
    double difference = 0;
    for (size_t i = 0; i < gradients[0].size(); ++i) {
      largest = std::max(largest, gradients[0][i].abs().max().item<double>());
      difference =
          std::max(difference, (gradients[0][i] - gradients[1][i]).abs().max().item<double>());
    }
    EXPECT_GT(largest, 0);
    EXPECT_LT(difference, 1e-10 * largest) << variant.name;
  }
}

TEST(NvsTraining, AccumulatedPartsGiveTheWholeBatchsGradient) {
  const ProceduralSource source(tiny_data(), 5, 100, 8);
  std::vector<std::vector<Tensor>> gradients;
  for (const int64_t parts : {1, 4}) {
    const auto module = make_tiny_module("2");
    NvsTask task(module, source, {.ssim_weight = 0.1, .gradient_weight = 0.5}, {});
    for (int64_t part = 0; part < parts; ++part) {
      task.prepare(0, part, parts);
      (task.part_loss(0, part, parts).loss / static_cast<double>(parts)).backward();
    }
    gradients.emplace_back();
    for (const Tensor& parameter : module->parameters()) {
      gradients.back().push_back(parameter.grad());
    }
  }
  for (size_t i = 0; i < gradients[0].size(); ++i) {
    const double scale = gradients[0][i].abs().max().item<double>();
    EXPECT_LT((gradients[0][i] - gradients[1][i]).abs().max().item<double>(), 2e-5 * scale + 1e-9);
  }
}

TEST(NvsTraining, MixedPrecisionGivesNearlyTheSameLoss) {
  const ProceduralSource source(tiny_data(), 5, 100, 8);
  const auto module = make_tiny_module("0");
  std::vector<double> losses;
  for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
    NvsTask task(module, source, {.dtype = dtype}, {});
    const PartLoss result = task.part_loss(3, 0, 1);
    result.loss.backward();
    losses.push_back(result.loss.item<double>());
  }
  for (const Tensor& parameter : module->parameters()) {
    EXPECT_TRUE(parameter.grad().isfinite().all().item<bool>());
    EXPECT_EQ(parameter.grad().scalar_type(), torch::kFloat32);
  }
  EXPECT_NEAR(losses[1], losses[0], 0.02 * losses[0]);  // bfloat16 keeps 8 bits
}

TEST(NvsTraining, StartsFromAnotherVariantsWeights) {
  const auto trained = make_tiny_module("0");
  const auto module = make_tiny_module("3");
  torch::manual_seed(9);
  module->initialise();
  const auto left = load_fitting_weights(*module, collect_weights(*trained, torch::kFloat32));
  // The identity kernel's fast weight is square, the other's is not.
  EXPECT_THAT(left,
              ::testing::UnorderedElementsAre("blocks.0.module_list.1.f.w0",
                                              "blocks.0.module_list.1.f.w1",
                                              "blocks.0.module_list.1.f.w2",
                                              "blocks.1.module_list.1.f.w0",
                                              "blocks.1.module_list.1.f.w1",
                                              "blocks.1.module_list.1.f.w2"));
  EXPECT_TRUE(module->named_parameters()["input_linear.weight"].equal(
      trained->named_parameters()["input_linear.weight"]));
}

}  // namespace
}  // namespace parallax
