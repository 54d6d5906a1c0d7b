// How a checkpoint of a training run, which is there to resume it, is told from a model.
#pragma once

namespace parallax {

// The key of a safetensors file's metadata under which a training run keeps its facts.
inline constexpr const char* kTrainingMetadataKey = "parallax_training";

}  // namespace parallax
