// PyTorch's zip checkpoints (.pt, .pth): a pickle that describes tensors, and the tensors'
// storages.
#pragma once

#include "core/io/checkpoint.h"
#include "core/io/input_file.h"

namespace parallax {

// Reads only the storages that the chosen state dict needs. Throws Error naming the file.
Checkpoint load_torch_zip(const InputFile& file);

}  // namespace parallax
