// Training LaCT-NVS: bit-exact resume, data that do not depend on the number of shards, every
// variant, gradients of both forms.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/base/error.h"
#include "tests/support/kernel_cases.h"
#include "tests/support/scratch_folder.h"
#include "vision/models/lact_nvs/finer_patches.h"
#include "vision/models/lact_nvs/rays.h"
#include "vision/models/module_weights.h"
#include "vision/train/nvs/nvs_task.h"
#include "vision/train/nvs/procedural_source.h"
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
  options.inter_multi =
      find_variant(variant).switches.feature_map == FeatureMap::kIdentity ? 1.0 : 2.0;
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

TrainOptions short_training(int64_t steps) {
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
  ProcessGroup ranks;
  Trainer trainer;
};

// ---- exact resume

void expect_exact_resume(int threads) {
  const testing::ThreadCountGuard guard(threads);
  const ScratchFolder whole_folder;
  const ScratchFolder cut_folder;
  const TrainOptions options = short_training(9);
  TinyRun whole(whole_folder.path(), options);
  EXPECT_EQ(whole.trainer.run({}), TrainEnd::kFinished);
  int64_t steps = 0;
  for (const int64_t stop_at : {3, 4, 7, 100}) {
    TinyRun shard(cut_folder.path(), options);
    std::vector<std::string> notes;
    EXPECT_EQ(shard.trainer.resume(notes), steps);
    shard.trainer.run({.on_step = [&](int64_t done) { steps = done; },
                       .should_stop = [&] { return steps >= stop_at; }});
    if (stop_at == 100) {
      EXPECT_TRUE(equal_weights(collect_weights(*whole.module, torch::kFloat32),
                                collect_weights(*shard.module, torch::kFloat32)));
      EXPECT_EQ(whole.trainer.results(), shard.trainer.results());
    }
  }
}

TEST(Trainer, GoesOnToTheBit) { expect_exact_resume(1); }

// Each thread has a scene of the batch of four, or two.
TEST(Trainer, GoesOnToTheBitOnSeveralThreads) {
  expect_exact_resume(2);
  expect_exact_resume(4);
}

TEST(NvsTraining, ThreadsShareTheBatch) {
  std::vector<double> losses[2];
  for (const int threads : {1, 2}) {
    const testing::ThreadCountGuard guard(threads);
    const ScratchFolder folder;
    TinyRun run(folder.path(), short_training(4));
    EXPECT_EQ(run.task.concurrent_shards(0), 4);
    run.trainer.run({.on_record = [&](const nlohmann::json& record) {
      if (record.at("kind") == "step") {
        losses[threads - 1].push_back(record.at("loss"));
      }
    }});
  }
  ASSERT_EQ(losses[0].size(), 4U);
  for (size_t i = 0; i < losses[0].size(); ++i) {
    // Muon makes more of each rounding: 2e-5 after four steps.
    EXPECT_NEAR(losses[0][i], losses[1][i], 2e-4 * losses[0][i]) << "step " << i;
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
    for (int64_t shard = 0; shard < 4; ++shard) {
      const NvsBatch one = source.batch(step, shard, 4);
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
  EXPECT_EQ(source.batch(5, 0, 1).truth.sizes().slice(2), at::IntArrayRef({3, 24, 32}));
  EXPECT_EQ(source.batch(5, 0, 1).truth.size(0), 2);
  options.size = "20x20";
  EXPECT_THROW(ProceduralSource(options, 5, 10, 8), UsageError);
}

TEST(ProceduralSource, DrawsDifficultiesFromARangeAndJudgesByItsEasyEnd) {
  NvsDataOptions options = tiny_data();
  options.batch_size = "8";
  options.difficulty = "0-1";
  const ProceduralSource source(options, 5, 10, 8);
  // The cameras' distance reveals the difficulty: 2.7 at 0, otherwise spread around it.
  const Tensor spread =
      source.batch(0, 0, 1).inputs.c2w.slice(2, 0, 3).select(3, 3).norm(2, {2}).std({1}, true);
  EXPECT_GT(spread.max().item<float>(), 0.05);
  const Tensor held_out = source.held_out().front().inputs.c2w.slice(2, 0, 3).select(3, 3);
  EXPECT_LT((held_out.norm(2, {2}) - 2.7).abs().max().item<float>(), 1e-5);
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
    TrainOptions options = short_training(10);
    options.evaluate_every = 0;
    const ProceduralSource source(tiny_data(), 1, 10, 8);
    NvsTask task(module, source, {}, {{"variant", variant.name}});
    ProcessGroup ranks(RankInfo{}, 1);
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

// The two forms' gradients of every weight, for every variant. Both sum the same terms in a
// different order; in float64 they differ by about 1e-13 of the largest.
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

// One update per view, by either form and by reading on: one token's gate, or a step that depends
// on what earlier views left, shows only here.
TEST(NvsTraining, ViewsReadOneByOneAreTheSameInBothForms) {
  const torch::NoGradGuard no_grad;
  const ProceduralSource source(tiny_data(), 5, 100, 8);
  const NvsBatch batch = source.batch(0, 0, 1);
  for (const Variant& variant : kVariants) {
    if (why_no_parallel_form(variant.switches)) {
      continue;
    }
    const auto module = make_tiny_module(std::string(variant.name));
    const auto rendered = [&](const SceneState& state) {
      return module->render(state, batch.targets).to(torch::kFloat64);
    };
    const Tensor recurrent =
        rendered(module->reconstruct_streamed(batch.images, batch.inputs, Form::kRecurrent));
    const Tensor parallel =
        rendered(module->reconstruct_streamed(batch.images, batch.inputs, Form::kParallel));
    SceneState state =
        module->reconstruct(batch.images.slice(1, 0, 1), batch.inputs.slice(0, 1), Form::kParallel);
    for (int64_t view = 1; view < batch.images.size(1); ++view) {
      state = module->extend(
          state, batch.images.slice(1, view, view + 1), batch.inputs.slice(view, view + 1));
    }
    EXPECT_LT((parallel - recurrent).abs().max().item<double>(), 1e-5) << variant.name;
    EXPECT_LT((rendered(state) - recurrent).abs().max().item<double>(), 1e-5) << variant.name;
  }
}

// The joint pass of training reads views as reading them for rendering does, and both forms'
// weights have the same gradients.
TEST(NvsTraining, StreamedPassesAreStreamedReadings) {
  const ProceduralSource source(tiny_data(), 5, 100, 8);
  const NvsBatch batch = source.batch(0, 0, 1);
  for (const Variant& variant : kVariants) {
    SCOPED_TRACE(variant.name);
    const auto module = make_tiny_module(std::string(variant.name));
    std::vector<std::vector<Tensor>> gradients;
    for (const Form form : {Form::kRecurrent, Form::kParallel}) {
      if (form == Form::kParallel && why_no_parallel_form(variant.switches)) {
        continue;
      }
      module->zero_grad();
      const Tensor rendered =
          module->forward_streamed(batch.images, batch.inputs, batch.targets, form);
      const SceneState state = module->reconstruct_streamed(batch.images, batch.inputs, form);
      EXPECT_LT((module->render(state, batch.targets) - rendered).abs().max().item<double>(), 1e-5);
      (rendered - batch.truth).square().mean().backward();
      gradients.emplace_back();
      for (const Tensor& parameter : module->parameters()) {
        gradients.back().push_back(parameter.grad().defined() ? parameter.grad().clone()
                                                              : torch::zeros_like(parameter));
      }
    }
    for (size_t i = 0; gradients.size() == 2 && i < gradients[0].size(); ++i) {
      const double largest = gradients[0][i].abs().max().item<double>();
      EXPECT_LT((gradients[0][i] - gradients[1][i]).abs().max().item<double>(),
                1e-3 * largest + 1e-7);
    }
  }
}

TEST(NvsTraining, AStreamedTaskTrainsAndIsMeasuredStreamed) {
  const ScratchFolder scratch;
  const auto module = make_tiny_module("elastic");
  const ProceduralSource source(tiny_data(), 5, 10, 8);
  NvsTask task(module, source, {.streamed = true}, nlohmann::json::object());
  ProcessGroup ranks(RankInfo{}, 1);
  Trainer trainer(task, short_training(10), {{"data", "tiny"}}, scratch.path(), ranks);
  std::vector<double> losses;
  trainer.run({.on_record = [&](const nlohmann::json& record) {
    if (record.at("kind") == "step") {
      losses.push_back(record.at("loss"));
    }
  }});
  ASSERT_EQ(losses.size(), 10U);
  EXPECT_LT(losses.back(), losses.front());
  NvsTask at_once(module, source, {}, nlohmann::json::object());
  EXPECT_NE(task.evaluate().score, at_once.evaluate().score);
}

TEST(NvsTraining, AccumulatedPartsGiveTheWholeBatchsGradient) {
  const ProceduralSource source(tiny_data(), 5, 100, 8);
  std::vector<std::vector<Tensor>> gradients;
  for (const int64_t num_shards : {1, 4}) {
    const auto module = make_tiny_module("2");
    NvsTask task(module, source, {.ssim_weight = 0.1, .gradient_weight = 0.5}, {});
    for (int64_t shard = 0; shard < num_shards; ++shard) {
      task.prepare(0, shard, num_shards);
      (task.shard_loss(0, shard, num_shards).loss / static_cast<double>(num_shards)).backward();
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
    const ShardLoss result = task.shard_loss(3, 0, 1);
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
  // With the identity feature map the fast weight is square, with the other it is not.
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

// A model with patches of half the size makes of an image what the old one makes of the image with
// each pixel repeated, averaged back.
TEST(NvsTraining, FinerPatchesStartFromWhatCoarseOnesLearnt) {
  torch::manual_seed(5);
  constexpr int kDim = 6;
  const Tensor coarse_in = torch::randn({kDim, 8 * 8 * 12}, torch::kFloat64);
  const Tensor coarse_out = torch::randn({8 * 8 * 3, kDim}, torch::kFloat64);
  TensorMap weights = {{"input_linear.weight", coarse_in},
                       {"image_token_decoder.1.weight", coarse_out},
                       {"input_layernorm.weight", torch::ones({kDim})}};
  refine_patches(weights, 8, 4);

  const Tensor image = torch::randn({1, 1, 12, 16, 16}, torch::kFloat64);
  const Tensor enlarged = image.repeat_interleave(2, 3).repeat_interleave(2, 4);
  const Tensor tokens = patchify(image, 4).matmul(weights["input_linear.weight"].t());
  EXPECT_TRUE(tokens.allclose(patchify(enlarged, 8).matmul(coarse_in.t())));

  const Tensor shown =
      unpatchify(tokens.matmul(weights["image_token_decoder.1.weight"].t()), 1, 16, 16, 4);
  const Tensor large = unpatchify(tokens.matmul(coarse_out.t()), 1, 32, 32, 8);
  EXPECT_TRUE(shown.squeeze(0).allclose(torch::avg_pool2d(large.squeeze(0), 2)));

  EXPECT_EQ(weights["input_layernorm.weight"].size(0), kDim);
  EXPECT_THROW(refine_patches(weights, 8, 3), UsageError);
  EXPECT_THROW(refine_patches(weights, 4, 8), UsageError);
}

}  // namespace
}  // namespace parallax
