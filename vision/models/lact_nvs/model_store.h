// LaCT-NVS models by name or file: the bundled ones, the user's, and the official checkpoints.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"
#include "vision/models/lact_nvs/lact_nvs.h"
#include "vision/models/model_checkpoint.h"

namespace parallax {

struct ModelWord;

// What is known about a model apart from its weights. Stored in the safetensors file's metadata
// under "parallax", or in a .json file of the same name next to the weights.
struct NvsModelCard {
  LactNvsOptions options;
  int height = 0;  // of the training images; 0: unknown
  int width = 0;
  int input_views = 0;          // to read, as a published model's readme says; 0: it says nothing
  bool has_card = false;        // false: the configuration was inferred from the tensors' shapes
  bool object_centric = false;  // trained with cameras around an object at the origin, z up
  double camera_radius = 0;     // of those cameras
  bool streamed = false;        // trained to read views one after the other
  int64_t total_steps = 0;      // of training, including the initial models'; 0: unknown
  nlohmann::json json;          // the whole card, as stored
};

// A loaded model.
struct NvsModel {
  std::string name;
  std::filesystem::path path;
  NvsModelCard card;
  std::string source;               // where in the file the weights were; empty: its own names
  std::shared_ptr<LactNvs> module;  // in evaluation mode, float32, on the CPU
};

// A model that can be loaded.
struct ModelListing {
  std::string name;
  std::filesystem::path path;
  NvsModelCard card;
};

// Bundled models (assets/models) and the user's, sorted by name; files that cannot be read are left
// out, and `info` reports them.
std::vector<ModelListing> list_nvs_models();

// The file of a model as the user names it. Throws UsageError listing the known names.
std::filesystem::path find_nvs_model(const ModelWord& word);

// Loads a bundled name or a file, or either behind the NAME= that it is to be called by. An empty
// `variant` means the model's own; any other must be the one the weights were trained as, since no
// variant is shown with another's weights (if the file, like the official ones, does not record it,
// the user's word is taken). `checkpoint_key` says where in the file the weights are; empty:
// wherever they fit best.
NvsModel load_nvs_model(const std::string& name_or_path,
                        const std::string& variant = "",
                        const std::string& checkpoint_key = "");

// How these models are told by their weights' names.
const ModelNames& nvs_model_names();

// The bundled model trained as this variant, preferring the default model if it was. Throws Error
// saying which variants have weights.
std::string bundled_model_for_variant(const std::string& variant);

// The configuration, read from metadata, the sidecar or the shapes.
NvsModelCard read_model_card(const std::filesystem::path& path, const Checkpoint& checkpoint);

// Infers the sizes from the shapes of an official state dict. What shapes cannot tell (base_lr,
// Newton–Schulz steps) is assumed to be as in all three official configurations.
LactNvsOptions options_from_shapes(const TensorMap& tensors, const std::string& where);

// Writes weights and card as one safetensors file.
void save_nvs_model(const std::filesystem::path& path,
                    const LactNvs& module,
                    const nlohmann::json& card,
                    torch::Dtype dtype);

inline constexpr const char* kDefaultNvsModel = "nvs";

}  // namespace parallax
