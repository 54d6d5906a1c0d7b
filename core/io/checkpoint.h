// Checkpoints: safetensors (our format) and PyTorch zip files (.pt, .pth), as flat maps from tensor
// name to tensor.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/base/torch.h"

namespace parallax {

// Tensors by name.
using TensorMap = std::map<std::string, Tensor>;

// The contents of a checkpoint file.
struct Checkpoint {
  TensorMap tensors;  // contiguous, on the CPU, in the file's dtype
  std::map<std::string, std::string>
      metadata;  // safetensors' __metadata__, or scalars found in a .pt
};

// Reads either format, distinguished by content, not by extension. From a PyTorch file the state
// dict is taken from `state_dict_ema`, `model_ema`, `model` or `state_dict` where present, else the
// top level; a `module.` prefix on every name is removed; pickled objects of other classes are
// skipped, never imported. Throws Error naming the file and what is wrong with it.
Checkpoint load_checkpoint(const std::filesystem::path& path);

// Writes safetensors atomically: a temporary file next to the target, fsync, rename. Throws Error
// naming the file or the tensor.
void save_safetensors(const std::filesystem::path& path, const Checkpoint& checkpoint);

}  // namespace parallax
