// Finds, reads and writes classifiers.
#include "vision/models/vit3/model_store.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/base/device.h"
#include "core/base/error.h"
#include "core/base/json_text.h"
#include "vision/models/model_files.h"
#include "vision/models/module_weights.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr const char* kClassifierKind = "vit3";
constexpr int kImageNetClasses = 1000;
constexpr int64_t kBytesPerNumber = 8;  // float32, and most weights repacked for products

const Tensor& require_sized_tensor(const TensorMap& tensors,
                                   const std::string& name,
                                   int64_t dimensions,
                                   const std::string& where) {
  const auto it = tensors.find(name);
  if (it == tensors.end() || it->second.dim() != dimensions || it->second.numel() == 0) {
    throw Error(
        ErrorParts{.what = "this is not a ViT³ checkpoint: no suitable tensor '" + name + "'",
                   .where = where});
  }
  return it->second;
}

int as_int(int64_t extent) { return static_cast<int>(std::min<int64_t>(extent, 1 << 30)); }

// Reads width, depth and heads of the blocks under `prefix`.
void append_stage(const TensorMap& tensors,
                  const std::string& prefix,
                  const std::string& where,
                  Vit3Options& options) {
  const Tensor& w1 = require_sized_tensor(tensors, prefix + "0.attn.w1", 4, where);
  int depth = 0;
  while (tensors.count(fmt::format("{}{}.attn.w1", prefix, depth)) != 0) {
    ++depth;
  }
  options.heads.push_back(as_int(w1.size(1)));
  options.dims.push_back(as_int(w1.size(1) * w1.size(2)));
  options.depths.push_back(depth);
}

ClassLabels labels_of(const ClassifierCard& card, const std::string& where) {
  const int count = card.options.num_classes;
  if (card.json.contains("classes")) {
    ClassLabels labels = labels_from_json(card.json.at("classes"), where + ", field 'classes'");
    if (labels.size() != count) {
      throw Error(ErrorParts{.what = "the model card has a different number of classes",
                             .where = where,
                             .expected = std::to_string(count),
                             .got = std::to_string(labels.size())});
    }
    return labels;
  }
  return count == kImageNetClasses ? imagenet_labels() : numbered_labels(count);
}

std::vector<std::string> listed_classifiers() {
  std::vector<std::string> names;
  for (const ClassifierListing& listing : list_classifiers()) {
    names.push_back(listing.name);
  }
  return names;
}

// For a file without a card, the variant is what the user says; otherwise it is what the card says.
void choose_variant(const std::string& variant, const fs::path& path, ClassifierCard& card) {
  if (variant.empty()) {
    return;
  }
  const std::string wanted(find_vit3_variant(variant).name);
  if (card.has_card && wanted != card.options.variant) {
    throw UsageError(
        ErrorParts{.what = "these weights were trained as another variant",
                   .where = path.string(),
                   .expected = "variant " + card.options.variant,
                   .got = "variant " + wanted,
                   .remedy = "Leave --variant out, or choose a model trained as that variant."});
  }
  card.options.variant = wanted;
}

}  // namespace

const ModelNames& classifier_names() {
  static const ModelNames names{
      .what = "a ViT³ classifier",
      .needed = {{"blocks.0.attn.w3", "head.weight"}, {"layers.0.blocks.0.attn.w3", "head.weight"}},
      .beginnings = {"patch_embed.", "blocks.", "layers.", "norm.", "head."}};
  return names;
}

Vit3Options vit3_options_from_shapes(const TensorMap& tensors, const std::string& where) {
  Vit3Options options{.dims = {}, .depths = {}, .heads = {}};
  options.hierarchical = tensors.count("layers.0.blocks.0.attn.w1") != 0;
  std::string first = "blocks.0.";
  if (options.hierarchical) {
    for (int i = 0; tensors.count(fmt::format("layers.{}.blocks.0.attn.w1", i)) != 0; ++i) {
      append_stage(tensors, fmt::format("layers.{}.blocks.", i), where, options);
    }
    first = "layers.0.blocks.0.";
    options.patch_size = 4;
    const Tensor& rotations = require_sized_tensor(tensors, first + "rope.rotations", 4, where);
    options.image_size = as_int(rotations.size(0) * options.patch_size);
  } else {
    append_stage(tensors, "blocks.", where, options);
    options.patch_size =
        as_int(require_sized_tensor(tensors, "patch_embed.proj.weight", 4, where).size(2));
  }
  options.qkv_bias = tensors.count(first + "attn.qkv.bias") != 0;
  const Tensor& mlp = require_sized_tensor(tensors, first + "mlp.fc1.weight", 2, where);
  options.mlp_ratio = static_cast<double>(mlp.size(0)) / static_cast<double>(options.dims.front());
  options.num_classes = as_int(require_sized_tensor(tensors, "head.weight", 2, where).size(0));
  return options;
}

ClassifierCard read_classifier_card(const fs::path& path, const Checkpoint& checkpoint) {
  ClassifierCard card;
  const std::string where = path.string() + ", model card";
  if (const auto json = find_model_card(path, checkpoint)) {
    card.json = *json;
    card.has_card = true;
    if (card.json.value("model", nlohmann::json(kClassifierKind)) != kClassifierKind) {
      throw Error(ErrorParts{.what = "this is not a ViT³ classifier",
                             .where = path.string(),
                             .got = card.json.at("model").dump()});
    }
    const nlohmann::json config = card.json.value("config", nlohmann::json::object());
    options_from_json(config, where, card.options);
    const nlohmann::json resize = card.json.value("resize_side", nlohmann::json(0));
    if (!resize.is_number_integer() || resize < 0 || resize > (1 << 14)) {
      throw Error(ErrorParts{.what = "the field has no sensible value",
                             .where = where + ", field 'resize_side'",
                             .got = resize.dump()});
    }
    card.resize_side = resize.get<int>();
  } else {
    card.options = vit3_options_from_shapes(checkpoint.tensors, path.string());
    card.json = {{"model", kClassifierKind}};
  }
  check_vit3_options(card.options, where);
  card.labels = labels_of(card, where);
  return card;
}

std::vector<ClassifierListing> list_classifiers() {
  std::vector<ClassifierListing> listings;
  for (const fs::path& path : model_files()) {
    try {
      listings.push_back(
          {path.stem().string(),
           path,
           read_classifier_card(path, load_card_or_weights(path, classifier_names()))});
    } catch (const Error&) {
      continue;  // a different kind of model, or broken: `info` says which
    }
  }
  return listings;
}

Classifier load_classifier(const std::string& name_or_path,
                           const std::string& variant,
                           const std::string& checkpoint_key) {
  const ModelWord word = parse_model_word(name_or_path);
  const fs::path path = find_model_file(word.where, listed_classifiers);
  const std::string& key = checkpoint_key.empty() ? word.key : checkpoint_key;
  const Checkpoint checkpoint = load_model_checkpoint(path, key, classifier_names());
  Classifier classifier{.name = model_name(word, path), .path = path};
  classifier.source = checkpoint.source;
  classifier.card = read_classifier_card(path, checkpoint);
  choose_variant(variant, path, classifier.card);
  require_memory(count_parameters(classifier.card.options) * kBytesPerNumber,
                 path.string() + ": the model",
                 "Use a smaller model.");
  classifier.module = make_classifier(classifier.card.options);
  load_weights(*classifier.module, checkpoint.tensors, path.string());
  classifier.module->eval();
  for (Tensor& parameter : classifier.module->parameters()) {
    parameter.set_requires_grad(false);
  }
  return classifier;
}

std::string classifier_for_variant(const std::string& variant) {
  const std::string wanted(variant.empty() ? "" : find_vit3_variant(variant).name);
  std::vector<std::string> available;
  std::string found;
  for (const ClassifierListing& listing : list_classifiers()) {
    const bool fits = wanted.empty() || listing.card.options.variant == wanted;
    if (fits && (found.empty() || listing.name == kDefaultClassifier)) {
      found = listing.name;
    }
    available.push_back(fmt::format("{} ({})", listing.card.options.variant, listing.name));
  }
  if (!found.empty()) {
    return found;
  }
  if (available.empty()) {
    throw Error(ErrorParts{
        .what = "no ViT³ classifier is bundled with this version, and none is in the user's "
                "models folder",
        .remedy = "Name a checkpoint with --model, such as an official vittt_*.pth file."});
  }
  throw Error(ErrorParts{.what = "there are no weights for variant " + wanted +
                                 "; no variant is shown with another's weights",
                         .expected = fmt::format("one of {}", fmt::join(available, ", ")),
                         .remedy = "Name a checkpoint of that variant with --model."});
}

void save_classifier(const fs::path& path,
                     const ImageClassifier& module,
                     const ClassLabels& labels,
                     const nlohmann::json& card,
                     torch::Dtype dtype) {
  nlohmann::json full = card;
  full["model"] = kClassifierKind;
  full["config"] = options_to_json(module.options());
  full["classes"] = labels_to_json(labels);
  Checkpoint checkpoint{.tensors = collect_weights(module, dtype)};
  checkpoint.metadata[kCardMetadataKey] = dump_json(full);
  save_safetensors(path, checkpoint);
}

}  // namespace parallax
