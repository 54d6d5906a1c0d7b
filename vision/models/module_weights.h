// Moves tensors between checkpoints and modules whose parameter names are the official ones.
#pragma once

#include <string>
#include <vector>

#include "core/base/torch.h"
#include "core/io/checkpoint.h"

namespace parallax {

// Copies every tensor into the parameter or buffer of the same name, converting the dtype. Throws
// one Error naming `where` and listing everything missing, surplus and mis-shaped.
void load_weights(torch::nn::Module& module, const TensorMap& tensors, const std::string& where);

// Copies the tensors that fit a parameter by name and shape; returns the names of the parameters
// left unchanged. For starting from another variant's weights.
std::vector<std::string> load_fitting_weights(torch::nn::Module& module, const TensorMap& tensors);

// All parameters and buffers by name, on the CPU, in `dtype` if they are floating point.
TensorMap collect_weights(const torch::nn::Module& module, torch::Dtype dtype);

}  // namespace parallax
