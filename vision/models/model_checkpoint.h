// A model's weights from any checkpoint: found by their names, or refused with what the file looks
// like.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"

namespace parallax {

// How a kind of model is told by its weights' names.
struct ModelNames {
  const char* what;  // "a LaCT-NVS model"
  // Names that all such models have; one of the lists suffices.
  std::vector<std::vector<std::string>> needed;
  // What their names begin with.
  std::vector<std::string> beginnings;
};

// The largest of the kinds' counts of their own names; 0 where none has what it needs.
NameFit fit_of(const std::vector<ModelNames>& kinds);

// An open checkpoint, and where in it a model's weights are, if anywhere.
struct OpenModel {
  StoredCheckpoint stored;
  std::optional<WeightsChoice> choice;
};

// Looks for the weights of a model of one of these kinds, also under an unusual key beside tensors
// that are no weights, such as a step's number; `key` restricts the search. Throws Error if the
// file cannot be opened.
OpenModel open_model(const std::filesystem::path& path,
                     const std::string& key,
                     const std::vector<ModelNames>& kinds);

// Whether such weights are anywhere in the file. Throws Error if it cannot be opened.
bool holds_model(const std::filesystem::path& path, const ModelNames& kind);

// Reads the weights of such a model from wherever they are in the file; `key` restricts the search.
// Throws Error saying what the file looks like if they are nowhere, or which prefix hides them.
Checkpoint load_model_checkpoint(const std::filesystem::path& path,
                                 const std::string& key,
                                 const ModelNames& kind);

// What a list of models needs of a file: its metadata if they hold the model's card, else all of
// it. Throws Error as above.
Checkpoint load_card_or_weights(const std::filesystem::path& path, const ModelNames& kind);

// What a checkpoint with these names is: "a DeiT classifier", or nothing. For models that Parallax
// does not run, too.
std::string what_names_look_like(const std::set<std::string>& names);

}  // namespace parallax
