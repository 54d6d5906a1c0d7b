// Muon, AdamW's groups, clipping, learning rates and curricula.
#include <gtest/gtest.h>

#include <cmath>

#include "core/base/error.h"
#include "vision/train/muon.h"
#include "vision/train/optimiser.h"
#include "vision/train/staged_value.h"

namespace parallax {
namespace {

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

TEST(StagedValue, HoldFromTheirShareOfTheRunOn) {
  const StagedValue stages("32x32@0,64x64@0.4", "--size");
  EXPECT_EQ(stages.at(0), "32x32");
  EXPECT_EQ(stages.at(0.39), "32x32");
  EXPECT_EQ(stages.at(0.4), "64x64");
  EXPECT_EQ(StagedValue("8", "--x").at(0.9), "8");
  for (const char* wrong : {"", "a@0.1", "a@0,b", "a@0,b@1", "a@0,b@0.5,c@0.2", "a@x", "a,"}) {
    EXPECT_THROW(StagedValue(wrong, "--x"), UsageError) << wrong;
  }
  EXPECT_THROW(parse_count_range("8-4", "--x"), UsageError);
  EXPECT_THROW(parse_count_range("0-4", "--x"), UsageError);
  EXPECT_THROW(parse_count_range("x", "--x"), UsageError);
}

}  // namespace
}  // namespace parallax
