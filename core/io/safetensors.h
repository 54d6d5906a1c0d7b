// The safetensors format: an 8-byte header length, a JSON header, then the tensors' bytes.
#pragma once

#include <memory>

#include "core/io/checkpoint.h"
#include "core/io/input_file.h"

namespace parallax {

// Whether the first bytes could be those of a safetensors file (the header is a JSON object).
bool looks_like_safetensors(const InputFile& file);

// Reads the header. Each tensor's bytes are read straight into its memory when it is asked for.
// Every claim of the header is checked before anything is allocated for it. Throws Error naming the
// file and the tensor.
StoredCheckpoint open_safetensors(const std::shared_ptr<const InputFile>& file);

}  // namespace parallax
