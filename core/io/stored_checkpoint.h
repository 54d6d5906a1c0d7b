// A checkpoint that is open: the names of everything in it, of which nothing is read yet, and the
// choice of one model's weights among them.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/torch.h"

namespace parallax {

// A tensor in a file.
struct StoredTensor {
  std::string key;  // the dictionary that holds it: "model", "state_dict.ema"; empty: the outermost
  std::string name;              // in that dictionary
  std::function<Tensor()> read;  // contiguous, on the CPU, in the file's dtype. Throws Error
};

// A checkpoint in one file or several. Keeps them open.
struct StoredCheckpoint {
  std::string file;  // for messages
  std::vector<StoredTensor> tensors;
  std::map<std::string, std::string> metadata;
  std::vector<std::string> other_keys;  // dictionaries of tensors that were not looked into
  std::vector<std::string> nameless;    // lists of averaged weights that could not be given names
};

// Opens a safetensors file, a PyTorch zip file, the index of a sharded checkpoint, or a folder that
// holds one of these; told apart by content. `key` names a dictionary to look into besides those in
// which weights are usual. Throws Error naming the file and what is wrong with it.
StoredCheckpoint open_checkpoint(const std::filesystem::path& path, const std::string& key = "");

// How many of these names are a model's; 0 if the names that no such model lacks are not there.
using NameFit = std::function<std::size_t(const std::set<std::string>& names)>;

// One model's weights in a checkpoint.
struct WeightsChoice {
  std::string key;              // the dictionary
  std::string prefix;           // removed from the beginning of every name: "module._orig_mod."
  std::set<std::string> inner;  // wrappers removed inside names: "_checkpoint_wrapped_module."
  bool averaged = false;
  std::map<std::string, const StoredTensor*>
      tensors;                      // by the name that is left; of the checkpoint
  std::vector<std::string> others;  // where else such weights are, as `key` of choose_weights
};

// The weights that fit best: those with most fitting names, averaged ones before others, then the
// file's first. Wrappers' words are removed only here, so that the names fit; a non-empty `key`
// restricts the choice to what is below it: "model_ema", "state_dict.net". Nothing if nothing fits.
// Throws UsageError if there is nothing below `key`.
std::optional<WeightsChoice> choose_weights(const StoredCheckpoint& stored,
                                            const std::string& key,
                                            const NameFit& fit);

// Without a model in mind: the dictionary with most tensors, averaged ones before others. Wrappers'
// words are removed from the beginning of names where all begin with them. Throws UsageError as
// above.
WeightsChoice choose_largest(const StoredCheckpoint& stored, const std::string& key = "");

}  // namespace parallax
