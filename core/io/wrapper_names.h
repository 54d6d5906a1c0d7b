// The words that training code puts before the names of a model's weights, and around them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace parallax {

// Whether a part of a dotted name was put there by a wrapper around a module: DataParallel's
// "module", torch.compile's "_orig_mod", activation checkpointing's and FSDP's.
bool is_module_wrapper(std::string_view part);

// Whether a key speaks of averaged weights: "ema", "model_ema", "EMA", "swa_model", the "shadow" in
// an "ema". Averages of gradients, as an optimiser's "exp_avg", are no weights.
bool is_averaged_key(std::string_view key);

// Whether a key speaks of an optimiser's state or of gradients.
bool is_optimiser_key(std::string_view key);

// Whether a dictionary under this key is expected to hold a model's weights: "model", "state_dict",
// "module", … and all averaged ones.
bool is_weights_key(std::string_view key);

// "a.b.c" as its parts; an empty name has none.
std::vector<std::string_view> name_parts(std::string_view name);

// The parts from `first` on, joined with dots.
std::string join_parts(const std::vector<std::string_view>& parts, std::size_t first = 0);

}  // namespace parallax
