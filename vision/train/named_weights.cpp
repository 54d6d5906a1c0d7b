// Copies between a module, lists and checkpoints.
#include "vision/train/named_weights.h"

#include "core/base/error.h"

namespace parallax {

NamedWeights named_weights(torch::nn::Module& module) {
  NamedWeights weights;
  for (const auto& item : module.named_parameters()) {
    weights.emplace_back(item.key(), item.value());
  }
  for (const auto& item : module.named_buffers()) {
    weights.emplace_back(item.key(), item.value());
  }
  return weights;
}

std::vector<Tensor> tensors_of(const NamedWeights& weights) {
  std::vector<Tensor> tensors;
  for (const auto& [name, tensor] : weights) {
    tensors.push_back(tensor);
  }
  return tensors;
}

std::vector<Tensor> copies_of(const NamedWeights& weights) {
  std::vector<Tensor> copies;
  for (const auto& [name, tensor] : weights) {
    copies.push_back(tensor.detach().clone());
  }
  return copies;
}

void copy_into(const std::vector<Tensor>& source, const NamedWeights& weights) {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i].second.detach().copy_(source[i]);
  }
}

void put_all(const std::string& prefix,
             const NamedWeights& weights,
             const std::vector<Tensor>& values,
             TensorMap& out) {
  for (size_t i = 0; i < weights.size(); ++i) {
    out[prefix + weights[i].first] = values[i].detach().to(torch::kCPU).contiguous();
  }
}

void take_all(const std::string& prefix,
              const NamedWeights& weights,
              const std::vector<Tensor>& targets,
              const TensorMap& tensors) {
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < weights.size(); ++i) {
    const auto it = tensors.find(prefix + weights[i].first);
    if (it == tensors.end() || it->second.sizes() != targets[i].sizes()) {
      throw Error(ErrorParts{.what = "the checkpoint's tensor '" + prefix + weights[i].first +
                                     "' is missing or does not fit the model"});
    }
    targets[i].detach().copy_(it->second);
  }
}

}  // namespace parallax
