// A module's parameters and buffers by name, and lists of values beside them, such as their running
// average.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/base/torch.h"
#include "core/io/checkpoint.h"

namespace parallax {

using NamedWeights = std::vector<std::pair<std::string, Tensor>>;

// The module's own, sharing memory.
NamedWeights named_weights(torch::nn::Module& module);

// The tensors without their names, sharing memory.
std::vector<Tensor> tensors_of(const NamedWeights& weights);

std::vector<Tensor> copies_of(const NamedWeights& weights);

// Overwrites the weights with as many values of the same shapes.
void copy_into(const std::vector<Tensor>& source, const NamedWeights& weights);

// Adds `values` to `out`, each under `prefix` and its weight's name, on the CPU.
void put_all(const std::string& prefix,
             const NamedWeights& weights,
             const std::vector<Tensor>& values,
             TensorMap& out);

// Overwrites `targets` with what put_all stored. Throws Error where a tensor is missing or has
// another shape.
void take_all(const std::string& prefix,
              const NamedWeights& weights,
              const std::vector<Tensor>& targets,
              const TensorMap& tensors);

}  // namespace parallax
