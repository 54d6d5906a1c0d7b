// Checkpoints: safetensors (our format) and PyTorch zip files (.pt, .pth, .ckpt, .bin), whole or in
// shards, as flat maps from tensor name to tensor.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "core/base/torch.h"
#include "core/io/stored_checkpoint.h"

namespace parallax {

// Tensors by name.
using TensorMap = std::map<std::string, Tensor>;

// The contents of a checkpoint file.
struct Checkpoint {
  TensorMap tensors;  // contiguous, on the CPU, in the file's dtype
  std::map<std::string, std::string>
      metadata;        // safetensors' __metadata__, or scalars found in a .pt
  std::string source;  // a sentence on where in the file the weights were; empty: the file's names
};

// Reads any file that open_checkpoint opens, without a model in mind: of a PyTorch file the
// dictionary that choose_largest prefers or that `key` names. Pickled objects of other classes are
// skipped, never imported. Throws Error naming the file and what is wrong with it.
Checkpoint load_checkpoint(const std::filesystem::path& path, const std::string& key = "");

// Reads the chosen tensors. Throws Error naming the file and the tensor.
Checkpoint read_weights(const StoredCheckpoint& stored, const WeightsChoice& choice);

// Writes safetensors atomically: a temporary file next to the target, fsync, rename. Throws Error
// naming the file or the tensor.
void save_safetensors(const std::filesystem::path& path, const Checkpoint& checkpoint);

}  // namespace parallax
