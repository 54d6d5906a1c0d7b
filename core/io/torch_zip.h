// PyTorch's zip checkpoints (.pt, .pth, .ckpt, .bin): a pickle that describes tensors, and the
// tensors' storages.
#pragma once

#include <memory>

#include "core/io/checkpoint.h"
#include "core/io/input_file.h"

namespace parallax {

// Lists the tensors of every dictionary in which a model's weights are usual (is_weights_key), and
// of those on the way to `key`. Storages are read when a tensor is. Throws Error naming the file,
// also if there are no tensors at all.
StoredCheckpoint open_torch_zip(const std::shared_ptr<const InputFile>& file,
                                const std::string& key);

}  // namespace parallax
