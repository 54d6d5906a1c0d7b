// Reads a checkpoint and describes the model in it.
#include "apps/checkpoint_info.h"

#include <fmt/ranges.h>

#include <set>

#include "core/base/device.h"
#include "core/io/checkpoint.h"
#include "core/io/shards.h"
#include "core/io/training_metadata.h"
#include "vision/models/lact_nvs/model_store.h"
#include "vision/models/model_checkpoint.h"
#include "vision/models/variant_text.h"
#include "vision/models/vit3/model_store.h"
#include "vision/scene/image_size.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr size_t kListedTensors = 12;
constexpr int64_t kClassifierBytes = 8;  // per parameter: float32, and repacked for products

// Describes data, recipe and results as recorded in the model card.
void describe_training(const nlohmann::json& card, Finding& finding) {
  for (const char* field : {"data", "began_with", "reading", "command", "commit"}) {
    if (card.contains(field) && card.at(field).is_string()) {
      finding.json["card"][field] = card.at(field);
      finding.text += fmt::format("  {}: {}\n", field, card.at(field).get<std::string>());
    }
  }
  const nlohmann::json training = card.value("training", nlohmann::json::object());
  if (training.contains("steps") && training.contains("seconds")) {
    finding.json["card"]["training"] = training;
    finding.text += fmt::format("  trained for {} steps in {:.0f} minutes\n",
                                training.at("steps").dump(),
                                training.at("seconds").get<double>() / 60);
  }
  for (const nlohmann::json& holder : {card, training}) {
    if (holder.contains("results")) {
      finding.json["results"] = holder.at("results");
      finding.text += fmt::format("  results: {}\n", holder.at("results").dump());
    }
  }
}

void describe_memory(int64_t bytes, Finding& finding) {
  finding.json["weight_bytes"] = bytes;
  finding.text +=
      fmt::format("  needs {} of memory for its weights in float32\n", format_bytes(bytes));
}

void describe_classifier(const fs::path& path,
                         const Checkpoint& checkpoint,
                         const std::string& key,
                         Finding& finding) {
  const ClassifierCard card = read_classifier_card(path, checkpoint);
  const Vit3Options& options = card.options;
  finding.json["model"] = options_to_json(options);
  finding.json["has_model_card"] = card.has_card;
  finding.text += fmt::format("  {} classifier, {} classes such as {}, {} parameters\n",
                              describe_architecture(options),
                              options.num_classes,
                              card.labels.short_name(0),
                              count_parameters(options));
  if (card.has_card) {
    finding.text += fmt::format("  variant {} ({}), trained at {}x{}\n",
                                options.variant,
                                find_vit3_variant(options.variant).summary,
                                options.image_size,
                                options.image_size);
  } else {
    finding.text +=
        "  no model card: configuration inferred from the tensors; the variant is assumed to be 0 "
        "unless "
        "--variant says another\n";
  }
  describe_memory(count_parameters(options) * kClassifierBytes, finding);
  describe_training(card.json, finding);
  load_classifier(path.string(), "", key);  // checks every tensor's name and shape
  finding.json["loads"] = true;
}

void describe_nvs_model(const fs::path& path,
                        const Checkpoint& checkpoint,
                        const std::string& key,
                        Finding& finding) {
  const NvsModelCard card = read_model_card(path, checkpoint);
  const LactNvsOptions& options = card.options;
  finding.json["model"] = options_to_json(options);
  finding.json["has_model_card"] = card.has_card;
  finding.text += fmt::format(
      "  LaCT-NVS model, variant {} ({}), {} layers x {}, patch {}, TTT heads of {} (inner width "
      "x{})\n",
      options.variant,
      full_summary(find_variant(options.variant)),
      options.layers,
      options.dim,
      options.patch_size,
      options.ttt_head_dim,
      options.inter_multi);
  finding.text += card.has_card
                      ? fmt::format("  trained at {}\n", size_text(card.width, card.height))
                      : std::string(
                            "  no model card: configuration inferred from the tensors; base_lr and "
                            "Newton-Schulz steps as in the official ones\n");
  if (card.input_views > 0) {
    finding.text += fmt::format("  published for {} and {} input views\n",
                                size_text(card.width, card.height),
                                card.input_views);
  }
  describe_memory(estimate_weight_bytes(options), finding);
  describe_training(card.json, finding);
  finding.json["loads"] = true;
  load_nvs_model(path.string(), "", key);  // checks every tensor's name and shape
}

// Whether the names are those of such a model.
bool is_model(const Checkpoint& checkpoint, const ModelNames& kind) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    names.insert(name);
  }
  return fit_of({kind})(names) > 0;
}

void describe_model(const fs::path& path,
                    const Checkpoint& checkpoint,
                    const std::string& key,
                    Finding& finding) {
  if (!checkpoint.source.empty()) {
    finding.text += fmt::format("  weights {}\n", checkpoint.source);
    finding.json["weights"] = checkpoint.source;
  }
  if (const std::string shard = describe_shard(path); !shard.empty()) {
    finding.text += fmt::format("  {}\n", shard);
    finding.json["shard"] = shard;
  } else if (checkpoint.metadata.contains(kTrainingMetadataKey)) {
    finding.text += "  a checkpoint to resume a training run from\n";
  } else if (is_model(checkpoint, classifier_names())) {
    describe_classifier(path, checkpoint, key, finding);
  } else if (is_model(checkpoint, nvs_model_names())) {
    describe_nvs_model(path, checkpoint, key, finding);
  } else {
    std::set<std::string> names;
    for (const auto& [name, tensor] : checkpoint.tensors) {
      names.insert(name);
    }
    if (const std::string looks = what_names_look_like(names); !looks.empty()) {
      finding.text += fmt::format("  looks like {}\n", looks);
      finding.json["looks_like"] = looks;
    }
  }
}

// A model's weights if the file has some, else what there is most of.
Checkpoint load_described(const fs::path& path, const std::string& key) {
  const OpenModel model = open_model(path, key, {classifier_names(), nvs_model_names()});
  const bool is_of_training = model.stored.metadata.contains(kTrainingMetadataKey);
  return read_weights(
      model.stored,
      model.choice && !is_of_training ? *model.choice : choose_largest(model.stored, key));
}

}  // namespace

Finding describe_checkpoint(const fs::path& path, const CheckpointQuestion& question) {
  const Checkpoint checkpoint = load_described(path, question.key);
  int64_t parameters = 0;
  int64_t bytes = 0;
  std::set<std::string> dtypes;
  std::string not_finite;
  nlohmann::json listed = nlohmann::json::object();
  std::string lines;
  size_t count = 0;
  for (const auto& [name, tensor] : checkpoint.tensors) {
    parameters += tensor.numel();
    bytes += static_cast<int64_t>(tensor.nbytes());
    dtypes.insert(std::string(torch::toString(tensor.scalar_type())));
    // LibTorch tests float8 for NaN only once it is float.
    if (tensor.is_floating_point() && !tensor.to(torch::kDouble).isfinite().all().item<bool>()) {
      not_finite += (not_finite.empty() ? "" : ", ") + name;
    }
    if (question.all_tensors || count++ < kListedTensors) {
      lines += fmt::format("  {} [{}] {}\n",
                           name,
                           fmt::join(tensor.sizes(), ", "),
                           torch::toString(tensor.scalar_type()));
    }
    listed[name] = tensor.sizes().vec();
  }
  if (!question.all_tensors && checkpoint.tensors.size() > kListedTensors) {
    lines += fmt::format("  and {} more (--tensors lists all)\n",
                         checkpoint.tensors.size() - kListedTensors);
  }
  Finding finding{.text = fmt::format("{}: checkpoint, {} tensors, {} elements, {}, {}\n",
                                      path.string(),
                                      checkpoint.tensors.size(),
                                      parameters,
                                      format_bytes(bytes),
                                      fmt::join(dtypes, " "))};
  finding.json = {{"file", path.string()},
                  {"kind", "checkpoint"},
                  {"tensors", listed},
                  {"numbers", parameters},
                  {"metadata", checkpoint.metadata}};
  describe_model(path, checkpoint, question.key, finding);
  finding.text += lines;
  if (!not_finite.empty()) {
    finding.sound = false;
    finding.text += fmt::format("  not sound: NaN or infinity in {}\n", not_finite);
  }
  finding.json["sound"] = finding.sound;
  return finding;
}

}  // namespace parallax
