// Finds, reads and writes LaCT-NVS models.
#include "vision/models/lact_nvs/model_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/device.h"
#include "core/base/json_text.h"
#include "vision/models/model_files.h"
#include "vision/models/module_weights.h"
#include "vision/models/published_models.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModelKind = "lact_nvs";

const Tensor& require_tensor(const TensorMap& tensors,
                             const std::string& name,
                             int64_t dimensions,
                             const std::string& where) {
  const auto it = tensors.find(name);
  if (it == tensors.end() || it->second.dim() != dimensions) {
    throw Error(
        ErrorParts{.what = "this is not a LaCT-NVS checkpoint: no suitable tensor '" + name + "'",
                   .where = where});
  }
  return it->second;
}

int count_blocks(const TensorMap& tensors) {
  int layers = 0;
  while (tensors.count(fmt::format("blocks.{}.module_list.1.f.w1", layers)) != 0) {
    ++layers;
  }
  return layers;
}

// Reads image size, cameras and the like; each field is checked, none is required.
void read_training_facts(NvsModelCard& card, const std::string& where) {
  using nlohmann::json;
  try {
    card.total_steps =
        read_json_field<int64_t>(card.json.value("total_steps", json(0)), "total_steps", where);
    card.streamed = card.json.value("reading", "") == "streamed";
    if (card.json.contains("image_size")) {
      const auto size =
          read_json_field<std::vector<int>>(card.json.at("image_size"), "image_size", where);
      if (size.size() != 2 || size[0] < 1 || size[1] < 1) {
        throw Error(ErrorParts{.what = "the field has no sensible value",
                               .where = where + ", field 'image_size'",
                               .expected = "height and width",
                               .got = card.json.at("image_size").dump()});
      }
      card.height = size[0];
      card.width = size[1];
    }
    if (card.json.contains("cameras")) {
      card.object_centric = card.json.at("cameras").value("object_centric", false);
      card.camera_radius = card.json.at("cameras").value("radius", 0.0);
    }
  } catch (const nlohmann::json::exception& error) {
    throw Error(ErrorParts{
        .what = "the model card cannot be read", .where = where, .got = json_reason(error)});
  }
}

// A published file has no card; what its readme says stands in for one.
void take_published_facts(const fs::path& path, NvsModelCard& card) {
  if (const PublishedModel* published = published_model_of_file(path)) {
    card.height = published->height;
    card.width = published->width;
    card.input_views = published->input_views;
    card.object_centric = published->object_centric;
  }
}

}  // namespace

const ModelNames& nvs_model_names() {
  static const ModelNames names{
      .what = "a LaCT-NVS model",
      .needed = {{"blocks.0.module_list.1.f.w1", "input_linear.weight"}},
      .beginnings = {"input_linear.", "input_layernorm.", "blocks.", "image_token_decoder."}};
  return names;
}

LactNvsOptions options_from_shapes(const TensorMap& tensors, const std::string& where) {
  const std::string attention = "blocks.0.module_list.0.f.";
  const std::string layer = "blocks.0.module_list.1.f.";
  const Tensor& input = require_tensor(tensors, "input_linear.weight", 2, where);
  const Tensor& w0 = require_tensor(tensors, layer + "w0", 3, where);
  const Tensor& to_qkv = require_tensor(tensors, layer + "to_qkv.weight", 2, where);
  const Tensor& mlp = require_tensor(tensors, "blocks.0.module_list.2.f.c_fc.weight", 2, where);
  LactNvsOptions options;
  options.dim = static_cast<int>(input.size(0));
  options.layers = count_blocks(tensors);
  options.patch_size = 1;
  while (12LL * options.patch_size * options.patch_size < input.size(1)) {
    ++options.patch_size;
  }
  const auto q_norm = tensors.find(attention + "q_norm.weight");
  options.use_qk_norm = q_norm != tensors.end();
  if (options.use_qk_norm) {
    options.attention_head_dim = static_cast<int>(q_norm->second.numel());
  }
  options.ttt_head_dim = static_cast<int>(w0.size(1));
  options.inter_multi = static_cast<double>(w0.size(2)) / static_cast<double>(w0.size(1));
  options.mlp_inter_multi = static_cast<double>(mlp.size(0)) / static_cast<double>(options.dim);
  if (to_qkv.size(0) == 2LL * options.dim) {
    options.variant = "key-as-query";
  }
  return options;
}

NvsModelCard read_model_card(const fs::path& path, const Checkpoint& checkpoint) {
  NvsModelCard card;
  if (const auto json = find_model_card(path, checkpoint)) {
    card.json = *json;
    card.has_card = true;
    if (card.json.value("model", nlohmann::json(kModelKind)) != kModelKind) {
      throw Error(ErrorParts{.what = "this is not a LaCT-NVS model",
                             .where = path.string(),
                             .got = card.json.at("model").dump()});
    }
    nlohmann::json config = card.json.value("config", nlohmann::json::object());
    if (card.json.contains("variant") && config.is_object()) {
      const nlohmann::json& variant = card.json.at("variant");
      const nlohmann::json named = variant.is_string() ? variant : nlohmann::json(variant.dump());
      if (config.value("variant", named) != named) {
        throw Error(
            ErrorParts{.what = "the model card names two variants",
                       .where = path.string(),
                       .got = named.dump() + " and, in 'config', " + config.at("variant").dump()});
      }
      config["variant"] = named;
    }
    options_from_json(config, path.string() + ", model card", card.options);
    read_training_facts(card, path.string() + ", model card");
  } else {
    card.options = options_from_shapes(checkpoint.tensors, path.string());
    card.json = {{"model", kModelKind}};
    take_published_facts(path, card);
  }
  check_lact_options(card.options, path.string());
  return card;
}

std::vector<ModelListing> list_nvs_models() {
  std::vector<ModelListing> listings;
  for (const fs::path& path : model_files()) {
    try {
      listings.push_back({path.stem().string(),
                          path,
                          read_model_card(path, load_card_or_weights(path, nvs_model_names()))});
    } catch (const Error&) {
      continue;  // a different kind of model, or broken: `info` says which
    }
  }
  std::sort(listings.begin(), listings.end(), [](const ModelListing& a, const ModelListing& b) {
    return a.name < b.name;
  });
  return listings;
}

namespace {

std::vector<std::string> listed_nvs_models() {
  std::vector<std::string> names;
  for (const ModelListing& listing : list_nvs_models()) {
    names.push_back(listing.name);
  }
  return names;
}

}  // namespace

fs::path find_nvs_model(const ModelWord& word) {
  return find_model_file(word.where, listed_nvs_models);
}

NvsModel load_nvs_model(const std::string& name_or_path,
                        const std::string& variant,
                        const std::string& checkpoint_key) {
  const ModelWord word = parse_model_word(name_or_path);
  const fs::path path = find_nvs_model(word);
  const std::string& key = checkpoint_key.empty() ? word.key : checkpoint_key;
  const Checkpoint checkpoint = load_model_checkpoint(path, key, nvs_model_names());
  NvsModel model{.name = model_name(word, path), .path = path, .source = checkpoint.source};
  model.card = read_model_card(path, checkpoint);
  if (!variant.empty() && variant != model.card.options.variant) {
    const std::string wanted(find_variant(variant).name);
    if (model.card.has_card) {
      throw UsageError(
          ErrorParts{.what = "these weights were trained as another variant",
                     .where = path.string(),
                     .expected = "variant " + model.card.options.variant,
                     .got = "variant " + wanted,
                     .remedy = "Leave --variant out, or choose a model trained as that variant."});
    }
    model.card.options.variant = wanted;
    check_lact_options(model.card.options, path.string());
  }
  require_memory(estimate_weight_bytes(model.card.options),
                 path.string() + ": the model",
                 "Use a smaller model.");
  model.module = std::make_shared<LactNvs>(model.card.options);
  load_weights(*model.module, checkpoint.tensors, path.string());
  model.module->eval();
  for (Tensor& parameter : model.module->parameters()) {
    parameter.set_requires_grad(false);
  }
  return model;
}

std::string bundled_model_for_variant(const std::string& variant) {
  const std::string wanted(find_variant(variant).name);
  std::string available;
  std::string found;
  for (const ModelListing& listing : list_nvs_models()) {
    if (listing.card.options.variant == wanted &&
        (found.empty() || listing.name == kDefaultNvsModel)) {
      found = listing.name;
    }
    available += fmt::format(
        "{}{} ({})", available.empty() ? "" : ", ", listing.card.options.variant, listing.name);
  }
  if (found.empty()) {
    throw Error(ErrorParts{.what = "there are no weights for variant " + wanted +
                                   "; no variant is shown with another's weights",
                           .expected = "one of " + available,
                           .remedy = "Name a checkpoint of that variant with --model."});
  }
  return found;
}

void save_nvs_model(const fs::path& path,
                    const LactNvs& module,
                    const nlohmann::json& card,
                    torch::Dtype dtype) {
  nlohmann::json full = card;
  full["model"] = kModelKind;
  full["config"] = options_to_json(module.options());
  Checkpoint checkpoint{.tensors = collect_weights(module, dtype)};
  checkpoint.metadata[kCardMetadataKey] = dump_json(full);
  save_safetensors(path, checkpoint);
}

}  // namespace parallax
