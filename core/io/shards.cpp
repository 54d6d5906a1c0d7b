// Reads an index, and finds checkpoints in folders.
#include "core/io/shards.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/base/lower_case.h"
#include "core/io/input_file.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::uint64_t kLargestIndex = std::uint64_t{64} << 20;
constexpr std::array<std::string_view, 5> kCheckpointExtensions = {".safetensors",
                                                                   ".pt",
                                                                   ".pth",
                                                                   ".ckpt",
                                                                   ".bin"};
constexpr std::string_view kIndexEnding = ".index.json";

const std::regex& shard_pattern() {
  static const std::regex pattern(R"((.*)-(\d{5})-of-(\d{5})(\.\w+))");
  return pattern;
}

std::string quoted_list(const std::vector<std::string>& names) {
  constexpr std::size_t kMostListed = 8;
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), kMostListed); ++i) {
    list += (i == 0 ? "'" : ", '") + names[i] + "'";
  }
  return names.size() > kMostListed ? c10::str(list, " and ", names.size() - kMostListed, " more")
                                    : list;
}

bool is_plain_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos &&
         name.find('\0') == std::string::npos;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    names.push_back(entry.path().filename().string());
  }
  if (error) {
    throw Error({.what = "cannot read the folder: " + error.message(), .where = folder.string()});
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The file under its usual name, or the only one.
std::string usual_or_only(const std::vector<std::string>& names,
                          const std::vector<const char*>& usual) {
  for (const char* name : usual) {
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      return name;
    }
  }
  return names.size() == 1 ? names.front() : "";
}

// The folder that a folder of checkpoints says is the one to use: DeepSpeed's has a file `latest`,
// a model's in the Hub's cache a file `refs/main`. Empty for other folders.
fs::path named_inside(const fs::path& folder) {
  const auto first_line = [](const fs::path& file) {
    std::string line;
    std::ifstream(file) >> line;
    return line;
  };
  const std::pair<fs::path, fs::path> places[] = {{"latest", ""}, {"refs/main", "snapshots"}};
  for (const auto& [file, place] : places) {
    const std::string name = first_line(folder / file);
    std::error_code ignored;
    if (is_plain_file_name(name) && fs::is_directory(folder / place / name, ignored)) {
      return folder / place / name;
    }
  }
  return {};
}

}  // namespace

bool has_checkpoint_extension(const fs::path& path) {
  // timm writes checkpoint-9.pth.tar, which is no archive of tar's.
  const fs::path named = path.extension() == ".tar" ? path.stem() : path;
  const std::string extension = lower_case(named.extension().string());
  return std::find(kCheckpointExtensions.begin(), kCheckpointExtensions.end(), extension) !=
         kCheckpointExtensions.end();
}

bool looks_like_shard_index(std::string_view start) {
  const std::size_t first = start.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && start[first] == '{';
}

ShardIndex read_shard_index(const fs::path& path) {
  const InputFile file(path);
  if (file.size() > kLargestIndex) {
    throw Error({.what = "this JSON file is too large for an index", .where = path.string()});
  }
  const json parsed = parse_json(file.read(0, file.size()), path.string());
  if (!parsed.is_object() || !parsed.contains("weight_map") ||
      !parsed.at("weight_map").is_object()) {
    throw Error({.what = "this JSON file is not the index of a checkpoint in shards",
                 .where = path.string(),
                 .expected = "an object 'weight_map' of file names by tensor",
                 .remedy = "Name the file of the weights."});
  }
  ShardIndex index{.path = path};
  for (const auto& [name, shard] : parsed.at("weight_map").items()) {
    if (!shard.is_string() || !is_plain_file_name(shard.get<std::string>())) {
      throw Error({.what = "the index does not name a file in its own folder",
                   .where = path.string() + ", tensor '" + name + "'",
                   .got = shard.dump(-1, ' ', true, json::error_handler_t::replace)});
    }
    index.files.emplace(name, shard.get<std::string>());
  }
  return index;
}

StoredCheckpoint open_shards(const ShardIndex& index,
                             const std::function<StoredCheckpoint(const fs::path&)>& open) {
  std::set<std::string> shards;
  for (const auto& [name, shard] : index.files) {
    shards.insert(shard);
  }
  std::vector<std::string> missing;
  for (const std::string& shard : shards) {
    std::error_code ignored;
    if (!fs::exists(index.path.parent_path() / shard, ignored)) {
      missing.push_back(shard);
    }
  }
  if (!missing.empty()) {
    throw Error({.what = c10::str(missing.size(),
                                  " of ",
                                  shards.size(),
                                  " shards of this checkpoint are missing: ",
                                  quoted_list(missing)),
                 .where = index.path.string(),
                 .remedy = "Copy them to the folder of the index."});
  }
  StoredCheckpoint stored{.file = index.path.string()};
  for (const std::string& shard : shards) {
    StoredCheckpoint part = open(index.path.parent_path() / shard);
    stored.metadata.merge(part.metadata);
    for (StoredTensor& tensor : part.tensors) {
      const auto found = index.files.find(tensor.name);
      if (tensor.key.empty() && found != index.files.end() && found->second == shard) {
        stored.tensors.push_back(std::move(tensor));
      }
    }
  }
  if (stored.tensors.size() != index.files.size()) {
    std::set<std::string> present;
    for (const StoredTensor& tensor : stored.tensors) {
      present.insert(tensor.name);
    }
    for (const auto& [name, shard] : index.files) {
      if (!present.contains(name)) {
        throw Error({.what = "the shard does not hold the tensor that the index finds in it",
                     .where = (index.path.parent_path() / shard).string(),
                     .expected = "tensor '" + name + "'",
                     .remedy = "Index and shards are of different checkpoints; copy all again."});
      }
    }
  }
  return stored;
}

std::optional<fs::path> find_shard_index(const fs::path& folder) {
  std::vector<std::string> indices;
  for (const std::string& name : names_in(folder)) {
    if (name.ends_with(kIndexEnding)) {
      indices.push_back(name);
    }
  }
  const std::string found =
      usual_or_only(indices, {"model.safetensors.index.json", "pytorch_model.bin.index.json"});
  return found.empty() ? std::nullopt : std::optional(folder / found);
}

fs::path find_in_folder(const fs::path& folder) {
  if (const auto index = find_shard_index(folder)) {
    return *index;
  }
  std::vector<std::string> files;
  std::vector<std::string> shards;
  bool distributed = false;
  for (const std::string& name : names_in(folder)) {
    distributed = distributed || name.ends_with(".distcp");
    if (has_checkpoint_extension(name)) {
      (std::regex_match(name, shard_pattern()) ? shards : files).push_back(name);
    }
  }
  if (const std::string found = usual_or_only(
          files, {"model.safetensors", "pytorch_model.bin", "mp_rank_00_model_states.pt"});
      !found.empty()) {
    return folder / found;
  }
  if (distributed) {
    throw Error({.what = "this folder is a checkpoint of torch.distributed.checkpoint",
                 .where = folder.string(),
                 .remedy = "Convert it with: python -m torch.distributed.checkpoint.format_utils "
                           "dcp_to_torch FOLDER model.pt"});
  }
  if (const fs::path inside = named_inside(folder); files.empty() && !inside.empty()) {
    return find_in_folder(inside);
  }
  if (files.empty() && !shards.empty()) {
    throw Error({.what = "this folder holds shards of a checkpoint, but not their index",
                 .where = folder.string(),
                 .got = quoted_list(shards),
                 .remedy = "Copy the file that ends in .index.json, too."});
  }
  throw Error({.what = files.empty() ? "there is no checkpoint in this folder"
                                     : "there are several checkpoints in this folder",
               .where = folder.string(),
               .got = quoted_list(files),
               .remedy = files.empty() ? "" : "Name one of them."});
}

std::string describe_shard(const fs::path& path) {
  std::smatch match;
  const std::string name = path.filename().string();
  if (!std::regex_match(name, match, shard_pattern()) || match[3] == "00001") {
    return "";
  }
  const std::string index = match[1].str() + match[4].str() + std::string(kIndexEnding);
  std::error_code ignored;
  const bool beside = fs::exists(path.parent_path() / index, ignored);
  return c10::str("shard ",
                  std::stoi(match[2]),
                  " of ",
                  std::stoi(match[3]),
                  " of a checkpoint; '",
                  index,
                  beside ? "' beside it stands for the whole"
                         : "', which stands for the whole, is not beside it");
}

}  // namespace parallax
