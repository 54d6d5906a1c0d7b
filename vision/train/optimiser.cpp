// Combines LibTorch's AdamW and our Muon; their state goes into checkpoints by parameter name.
#include "vision/train/optimiser.h"

#include <fmt/format.h>
#include <torch/optim/adamw.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"
#include "vision/train/muon.h"

namespace parallax {
namespace {

constexpr int64_t kSmallestMuonSide = 16;  // thinner matrices are nearly vectors
constexpr double kPi = 3.14159265358979323846;

bool is_matrix(const Tensor& parameter) {
  return parameter.dim() >= 2 && parameter.dim() <= 3 &&
         std::min(parameter.size(-1), parameter.size(-2)) >= kSmallestMuonSide;
}

}  // namespace

double learning_rate_factor(const TrainOptions& options, int64_t step) {
  if (step < options.warmup_steps) {
    return static_cast<double>(step + 1) / static_cast<double>(options.warmup_steps);
  }
  const auto span = static_cast<double>(std::max<int64_t>(1, options.steps - options.warmup_steps));
  const double progress = std::min(1.0, static_cast<double>(step - options.warmup_steps) / span);
  return options.final_rate + (1 - options.final_rate) * 0.5 * (1 + std::cos(kPi * progress));
}

struct Optimiser::Shards {
  std::vector<Tensor> all;
  std::vector<std::string> adamw_names;
  std::vector<Tensor> adamw_parameters;
  std::vector<std::string> muon_names;
  std::unique_ptr<Muon> muon;
  std::unique_ptr<torch::optim::AdamW> adamw;
};

Optimiser::Optimiser(torch::nn::Module& module,
                     const TrainOptions& options,
                     const std::function<bool(const std::string&)>& is_hidden)
    : options_(options), parts_(std::make_unique<Shards>()) {
  if (options.optimiser != "muon" && options.optimiser != "adamw") {
    throw UsageError(ErrorParts{.what = "there is no such optimiser",
                                .where = "--optimiser",
                                .expected = "muon or adamw",
                                .got = "'" + options.optimiser + "'"});
  }
  std::vector<Tensor> for_muon;
  std::vector<Tensor> decayed;
  std::vector<Tensor> not_decayed;
  for (const auto& item : module.named_parameters()) {
    const Tensor& parameter = item.value();
    if (!parameter.requires_grad()) {
      continue;
    }
    parts_->all.push_back(parameter);
    if (options.optimiser == "muon" && is_matrix(parameter) && is_hidden(item.key())) {
      for_muon.push_back(parameter);
      parts_->muon_names.push_back(item.key());
    } else {
      parts_->adamw_names.push_back(item.key());
      parts_->adamw_parameters.push_back(parameter);
      (parameter.dim() >= 2 ? decayed : not_decayed).push_back(parameter);
    }
  }
  parts_->muon = std::make_unique<Muon>(for_muon);
  torch::optim::AdamWOptions defaults(options.learning_rate);
  defaults.betas({options.beta1, options.beta2});
  defaults.weight_decay(options.weight_decay);
  torch::optim::AdamWOptions without_decay = defaults;
  without_decay.weight_decay(0);
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.emplace_back(decayed, std::make_unique<torch::optim::AdamWOptions>(defaults));
  groups.emplace_back(not_decayed, std::make_unique<torch::optim::AdamWOptions>(without_decay));
  parts_->adamw = std::make_unique<torch::optim::AdamW>(groups, defaults);
}

Optimiser::~Optimiser() = default;

const std::vector<Tensor>& Optimiser::parameters() const { return parts_->all; }

void Optimiser::zero_gradients() {
  for (Tensor& parameter : parts_->all) {
    parameter.mutable_grad().reset();
  }
}

double Optimiser::clip_gradients() {
  const torch::NoGradGuard no_grad;
  std::vector<Tensor> gradients;
  std::vector<Tensor> norms;
  for (const Tensor& parameter : parts_->all) {
    if (parameter.grad().defined()) {
      gradients.push_back(parameter.grad());
      norms.push_back(parameter.grad().norm());
    }
  }
  if (gradients.empty()) {
    return 0;
  }
  const double norm = torch::stack(norms).norm().item<double>();
  if (std::isfinite(norm) && options_.clip_norm > 0 && norm > options_.clip_norm) {
    for (Tensor& gradient : gradients) {
      gradient.mul_(options_.clip_norm / norm);
    }
  }
  return norm;
}

void Optimiser::step(int64_t step) {
  const double factor = learning_rate_factor(options_, step);
  for (auto& group : parts_->adamw->param_groups()) {
    group.options().set_lr(options_.learning_rate * factor);
  }
  parts_->adamw->step();
  parts_->muon->step({.learning_rate = options_.muon_learning_rate * factor,
                      .momentum = options_.muon_momentum,
                      .weight_decay = options_.weight_decay});
}

TensorMap Optimiser::state() const {
  TensorMap state;
  for (size_t i = 0; i < parts_->muon_names.size(); ++i) {
    state["muon.momentum." + parts_->muon_names[i]] = parts_->muon->momenta()[i];
  }
  const auto& kept = parts_->adamw->state();
  for (size_t i = 0; i < parts_->adamw_names.size(); ++i) {
    const auto it = kept.find(parts_->adamw_parameters[i].unsafeGetTensorImpl());
    if (it != kept.end()) {  // absent before the parameter's first gradient
      const auto& moments = static_cast<const torch::optim::AdamWParamState&>(*it->second);
      state["adamw.exp_avg." + parts_->adamw_names[i]] = moments.exp_avg();
      state["adamw.exp_avg_sq." + parts_->adamw_names[i]] = moments.exp_avg_sq();
      state["adamw.step." + parts_->adamw_names[i]] = torch::tensor(moments.step());
    }
  }
  return state;
}

void Optimiser::load(const TensorMap& state) {
  const torch::NoGradGuard no_grad;
  const auto find = [&](const std::string& name, const Tensor& like) {
    const auto it = state.find(name);
    if (it == state.end() || it->second.sizes() != like.sizes()) {
      throw Error(ErrorParts{.what = "the optimiser's state '" + name +
                                     "' is missing or does not "
                                     "fit the model"});
    }
    return it->second;
  };
  for (size_t i = 0; i < parts_->muon_names.size(); ++i) {
    Tensor momentum = parts_->muon->momenta()[i];
    momentum.copy_(find("muon.momentum." + parts_->muon_names[i], momentum));
  }
  for (size_t i = 0; i < parts_->adamw_names.size(); ++i) {
    const std::string& name = parts_->adamw_names[i];
    const Tensor& parameter = parts_->adamw_parameters[i];
    const auto step = state.find("adamw.step." + name);
    if (step == state.end()) {
      continue;
    }
    auto moments = std::make_unique<torch::optim::AdamWParamState>();
    moments->step(step->second.item<int64_t>());
    moments->exp_avg(find("adamw.exp_avg." + name, parameter).to(parameter.options()).clone());
    moments->exp_avg_sq(
        find("adamw.exp_avg_sq." + name, parameter).to(parameter.options()).clone());
    parts_->adamw->state()[parameter.unsafeGetTensorImpl()] = std::move(moments);
  }
}

}  // namespace parallax
