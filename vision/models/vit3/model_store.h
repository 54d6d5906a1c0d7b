// Classifiers by name or file: bundled ones, the user's, and the official checkpoints.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"
#include "vision/images/class_labels.h"
#include "vision/models/model_checkpoint.h"
#include "vision/models/vit3/vit3.h"

namespace parallax {

// What is known about a classifier apart from its weights.
struct ClassifierCard {
  Vit3Options options;
  int resize_side = 0;    // shorter side before the centre crop in evaluation; 0: 256/224 of it
  bool has_card = false;  // false: the configuration was inferred from the tensors' shapes
  ClassLabels labels;
  nlohmann::json json;  // the whole card, as stored
};

// A loaded classifier.
struct Classifier {
  std::string name;
  std::filesystem::path path;
  ClassifierCard card;
  std::string source;  // where in the file the weights were; empty: its own names
  std::shared_ptr<ImageClassifier> module;  // in evaluation mode, float32, on the CPU
};

// A classifier that can be loaded.
struct ClassifierListing {
  std::string name;
  std::filesystem::path path;
  ClassifierCard card;
};

// How ViT³ and H-ViT³ are told by their weights' names.
const ModelNames& classifier_names();

// Bundled classifiers and the user's, sorted. Files that cannot be read are left out; `info`
// reports them.
std::vector<ClassifierListing> list_classifiers();

// Infers sizes, depths, heads and classes from the shapes of an official state dict. The shapes do
// not reveal the variant.
Vit3Options vit3_options_from_shapes(const TensorMap& tensors, const std::string& where);

// The configuration and labels, from metadata, the sidecar or the shapes.
ClassifierCard read_classifier_card(const std::filesystem::path& path,
                                    const Checkpoint& checkpoint);

// Loads a bundled name or a file, or either behind the NAME= that it is to be called by. An empty
// `variant` means the model's own; any other must be the one the weights were trained as (if the
// file does not record it, the user's word is taken). `checkpoint_key` says where in the file the
// weights are; empty: wherever they fit best.
Classifier load_classifier(const std::string& name_or_path,
                           const std::string& variant = "",
                           const std::string& checkpoint_key = "");

// The bundled or user's classifier trained as this variant, or the default one if `variant` is
// empty. Throws Error saying which there are.
std::string classifier_for_variant(const std::string& variant);

// Writes weights and card as one safetensors file.
void save_classifier(const std::filesystem::path& path,
                     const ImageClassifier& module,
                     const ClassLabels& labels,
                     const nlohmann::json& card,
                     torch::Dtype dtype);

inline constexpr const char* kDefaultClassifier = "classify";

}  // namespace parallax
