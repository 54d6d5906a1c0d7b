// The smallest task there is to train.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/torch.h"
#include "vision/train/train_task.h"

namespace parallax::testing {

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
  ShardLoss shard_loss(int64_t step, int64_t, int64_t) override {
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
  std::vector<double> scores;    // of successive evaluations
  std::vector<double> seen;      // w at each evaluation
  std::vector<double> exported;  // w at each export
};

}  // namespace parallax::testing
