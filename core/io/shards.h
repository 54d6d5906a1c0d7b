// Checkpoints in shards, as the Hub's libraries write them: an index (JSON) that says which file
// holds which tensor, and files named model-00001-of-00003.safetensors or pytorch_model-….bin.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/io/stored_checkpoint.h"

namespace parallax {

// The extensions of checkpoint files, with their dots.
bool has_checkpoint_extension(const std::filesystem::path& path);

// What an index says.
struct ShardIndex {
  std::filesystem::path path;
  std::map<std::string, std::string> files;  // the file's name in the index's folder, by tensor
};

// Whether a file that begins like this could be an index: a JSON object.
bool looks_like_shard_index(std::string_view start);

// Throws Error if the file is no index, or names files outside its folder.
ShardIndex read_shard_index(const std::filesystem::path& path);

// Opens every shard with `open` and takes from each the tensors that the index finds there. Throws
// Error naming all shards that are missing, or the tensor that its shard does not hold.
StoredCheckpoint open_shards(
    const ShardIndex& index,
    const std::function<StoredCheckpoint(const std::filesystem::path& shard)>& open);

// The index of a checkpoint in shards in this folder, if there is just one or one has a usual name.
std::optional<std::filesystem::path> find_shard_index(const std::filesystem::path& folder);

// The index or the one checkpoint in a folder. Throws Error naming what there is instead.
std::filesystem::path find_in_folder(const std::filesystem::path& folder);

// "shard 2 of 3 of a checkpoint; 'model.safetensors.index.json' beside it stands for the whole", if
// the file's name says so; else nothing.
std::string describe_shard(const std::filesystem::path& path);

}  // namespace parallax
