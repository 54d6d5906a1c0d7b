// Chooses a model's weights by name, and explains why there are none.
#include "vision/models/model_checkpoint.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/io/shards.h"
#include "core/io/training_metadata.h"
#include "vision/models/model_files.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

bool has_needed(const ModelNames& kind, const Names& names) {
  return std::any_of(kind.needed.begin(), kind.needed.end(), [&](const auto& list) {
    return std::all_of(
        list.begin(), list.end(), [&](const std::string& name) { return names.contains(name); });
  });
}

std::size_t count_own(const ModelNames& kind, const Names& names) {
  if (!has_needed(kind, names)) {
    return 0;
  }
  return static_cast<std::size_t>(
      std::count_if(names.begin(), names.end(), [&](const std::string& name) {
        return std::any_of(kind.beginnings.begin(),
                           kind.beginnings.end(),
                           [&](const std::string& start) { return name.starts_with(start); });
      }));
}

// Every prefix behind which all that such a model needs is found.
Names hiding_prefixes(const ModelNames& kind, const Names& names) {
  Names prefixes;
  for (const auto& list : kind.needed) {
    for (const std::string& name : names) {
      if (!name.ends_with("." + list.front())) {
        continue;
      }
      const std::string prefix = name.substr(0, name.size() - list.front().size());
      if (std::all_of(list.begin(), list.end(), [&](const std::string& needed) {
            return names.contains(prefix + needed);
          })) {
        prefixes.insert(prefix);
      }
    }
  }
  return prefixes;
}

Names names_of_largest(const WeightsChoice& largest) {
  Names names;
  for (const auto& [name, tensor] : largest.tensors) {
    names.insert(name);
  }
  return names;
}

// What follows a hiding prefix, as a key.
std::string key_of(const WeightsChoice& largest, const std::string& prefix) {
  return fmt::format("{}{}{}{}",
                     largest.key,
                     largest.key.empty() ? "" : ".",
                     largest.prefix,
                     prefix.substr(0, prefix.size() - 1));
}

// Also behind a prefix that no wrapper adds, such as that of a LightningModule's `self.net`, if it
// is the only one.
std::optional<WeightsChoice> find_weights(const StoredCheckpoint& stored,
                                          const std::string& key,
                                          const std::vector<ModelNames>& kinds) {
  auto choice = choose_weights(stored, key, fit_of(kinds));
  if (choice) {
    return choice;
  }
  const WeightsChoice largest = choose_largest(stored, key);
  const Names names = names_of_largest(largest);
  Names prefixes;
  for (const ModelNames& kind : kinds) {
    prefixes.merge(hiding_prefixes(kind, names));
  }
  return prefixes.size() == 1
             ? choose_weights(stored, key_of(largest, *prefixes.begin()), fit_of(kinds))
             : std::nullopt;
}

ErrorParts explain_misfit(const StoredCheckpoint& stored,
                          const std::string& key,
                          const ModelNames& kind) {
  ErrorParts parts{.what = fmt::format("this is not {}", kind.what), .where = stored.file};
  const WeightsChoice largest = choose_largest(stored, key);
  const Names names = names_of_largest(largest);
  if (const auto prefixes = hiding_prefixes(kind, names); !prefixes.empty()) {
    parts.what = fmt::format(
        "the names of {}'s weights begin with '{}', which no wrapper that "
        "Parallax knows adds",
        kind.what,
        fmt::join(prefixes, "', '"));
    parts.remedy = fmt::format("--checkpoint-key {0}, or FILE#{0}, reads what follows the first.",
                               key_of(largest, *prefixes.begin()));
    return parts;
  }
  if (const std::string looks = what_names_look_like(names); !looks.empty()) {
    parts.got = "what looks like " + looks;
    return parts;
  }
  parts.got = fmt::format(
      "{} tensors, such as '{}'", names.size(), names.empty() ? std::string() : *names.begin());
  parts.remedy =
      stored.other_keys.empty()
          ? "`parallax info` lists what the file holds."
          : fmt::format(
                "There are tensors under '{}', too: --checkpoint-key KEY, or FILE#KEY, chooses.",
                fmt::join(stored.other_keys, "', '"));
  return parts;
}

OpenModel require_model(const fs::path& path, const std::string& key, const ModelNames& kind) {
  OpenModel model = open_model(path, key, {kind});
  const StoredCheckpoint& stored = model.stored;
  // Its weights would fit, but of which variant they are is known to the run alone.
  if (stored.metadata.contains(kTrainingMetadataKey)) {
    throw Error(ErrorParts{.what = "this is a checkpoint to resume a training run from",
                           .where = stored.file,
                           .expected = kind.what,
                           .remedy = "Name the model.safetensors that the run writes."});
  }
  if (!model.choice) {
    throw Error(explain_misfit(stored, key, kind));
  }
  return model;
}

// Whether the numbers are all finite. Their sum tells at a pass over memory, but may overflow.
bool is_finite(const Tensor& tensor) {
  return !tensor.is_floating_point() || tensor.to(torch::kFloat).sum().isfinite().item<bool>() ||
         tensor.to(torch::kFloat).isfinite().all().item<bool>();
}

// Reads the weights. Throws Error if some are empty: DeepSpeed's ZeRO stage 3 leaves these in place
// of what each process keeps. So it does for those of a run that diverged, with which any image
// would get some class or colour.
Checkpoint read_whole_weights(const StoredCheckpoint& stored, const WeightsChoice& choice) {
  Checkpoint checkpoint = read_weights(stored, choice);
  for (const auto& [name, tensor] : checkpoint.tensors) {
    if (tensor.numel() == 0) {
      throw Error(ErrorParts{.what = "the tensor is empty",
                             .where = stored.file + ", tensor '" + name + "'",
                             .remedy =
                                 "If the weights are elsewhere, as with DeepSpeed's ZeRO stage "
                                 "3, make one file of them with its zero_to_fp32.py."});
    }
    if (!is_finite(tensor)) {
      throw Error(ErrorParts{.what = "the tensor holds NaN or infinity",
                             .where = stored.file + ", tensor '" + name + "'",
                             .remedy = "Training diverged, or numbers overflowed when they were "
                                       "converted: use an earlier checkpoint, or convert to "
                                       "bfloat16 in place of float16."});
    }
  }
  return checkpoint;
}

}  // namespace

NameFit fit_of(const std::vector<ModelNames>& kinds) {
  return [kinds](const Names& names) {
    std::size_t most = 0;
    for (const ModelNames& kind : kinds) {
      most = std::max(most, count_own(kind, names));
    }
    return most;
  };
}

OpenModel open_model(const fs::path& path,
                     const std::string& key,
                     const std::vector<ModelNames>& kinds) {
  OpenModel model{.stored = open_checkpoint(path, key)};
  model.choice = find_weights(model.stored, key, kinds);
  if (!model.choice && key.empty() && model.stored.other_keys.size() == 1) {
    const std::string only = model.stored.other_keys.front();
    OpenModel below{.stored = open_checkpoint(path, only)};
    below.choice = find_weights(below.stored, only, kinds);
    if (below.choice) {
      return below;
    }
  }
  return model;
}

bool holds_model(const fs::path& path, const ModelNames& kind) {
  return open_model(path, "", {kind}).choice.has_value();
}

Checkpoint load_model_checkpoint(const fs::path& path,
                                 const std::string& key,
                                 const ModelNames& kind) {
  if (const std::string shard = describe_shard(path); !shard.empty()) {
    throw Error(ErrorParts{.what = "this is " + shard,
                           .where = path.string(),
                           .remedy = "Name that index or its folder."});
  }
  const OpenModel model = require_model(path, key, kind);
  return read_whole_weights(model.stored, *model.choice);
}

Checkpoint load_card_or_weights(const fs::path& path, const ModelNames& kind) {
  const OpenModel model = require_model(path, "", kind);
  const auto& metadata = model.stored.metadata;
  return metadata.contains(kCardMetadataKey) ? Checkpoint{.metadata = metadata}
                                             : read_whole_weights(model.stored, *model.choice);
}

}  // namespace parallax
