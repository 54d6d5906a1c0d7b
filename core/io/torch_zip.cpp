// Finds the state dict in a PyTorch checkpoint and reads its tensors.
#include "core/io/torch_zip.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/io/torch_archive.h"

namespace parallax {
namespace {

using Kind = PickleValue::Kind;

constexpr std::array kStateDictKeys = {"state_dict_ema", "model_ema", "model", "state_dict"};
constexpr std::string_view kParallelPrefix = "module.";
constexpr const char* kSaveStateDict = "Save it with torch.save(model.state_dict(), path).";

bool holds_tensors(const PickleValue& value) {
  return value.is_mapping() &&
         std::any_of(value.items.begin(), value.items.end(), [](const PickleValue* item) {
           return item->kind == Kind::kTensor;
         });
}

void refuse_module(const PickleValue& value, const std::string& where) {
  if (value.attached != nullptr && value.kind == Kind::kOpaque &&
      value.attached->find("_parameters") != nullptr) {
    throw Error({.what = "the file holds a pickled model object, not its tensors",
                 .where = where,
                 .got = describe(value),
                 .remedy = kSaveStateDict});
  }
}

const PickleValue& find_state_dict(const PickleValue& root, const std::string& where) {
  refuse_module(root, where);
  for (const char* key : kStateDictKeys) {
    const PickleValue* value = root.find(key);
    if (value != nullptr && holds_tensors(*value)) {
      return *value;
    }
    if (value != nullptr) {
      refuse_module(*value, where);
    }
  }
  if (holds_tensors(root)) {
    return root;
  }
  throw Error(
      {.what = "the checkpoint holds no state dict",
       .where = where,
       .expected =
           "a dictionary of tensors, at the top or under 'state_dict_ema', 'model_ema', 'model' or "
           "'state_dict'",
       .got = describe(root),
       .remedy = kSaveStateDict});
}

bool is_utf8(const std::string& text) { return escape_invalid_utf8(text) == text; }

// Throws Error if a string key occurs twice.
void check_keys(const PickleValue& mapping, const std::string& where) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i + 1 < mapping.items.size(); i += 2) {
    const PickleValue& key = *mapping.items[i];
    if (key.kind == Kind::kString && !seen.insert(key.text).second) {
      throw Error({.what = "a dictionary holds a key twice",
                   .where = where,
                   .got = "'" + printable(key.text) + "'"});
    }
  }
}

// DataParallel puts the prefix before every name or before none.
TensorMap without_parallel_prefix(TensorMap tensors) {
  const bool all = std::all_of(tensors.begin(), tensors.end(), [](const auto& named) {
    return named.first.starts_with(kParallelPrefix) && named.first.size() > kParallelPrefix.size();
  });
  if (!all) {
    return tensors;
  }
  TensorMap stripped;
  for (auto& [name, tensor] : tensors) {
    stripped.emplace(name.substr(kParallelPrefix.size()), std::move(tensor));
  }
  return stripped;
}

TensorMap read_tensors(const PickleValue& state_dict,
                       TorchTensorReader& reader,
                       const std::string& file) {
  TensorMap tensors;
  for (std::size_t i = 0; i + 1 < state_dict.items.size(); i += 2) {
    const PickleValue& key = *state_dict.items[i];
    const PickleValue& value = *state_dict.items[i + 1];
    if (value.kind != Kind::kTensor) {
      continue;
    }
    if (key.kind != Kind::kString || !is_utf8(key.text)) {
      throw Error({.what = "a tensor's name is not UTF-8 text",
                   .where = file,
                   .got = key.kind == Kind::kString ? printable(key.text) : describe(key)});
    }
    const std::string where = c10::str(file, ", tensor '", printable(key.text), "'");
    tensors.emplace(key.text, reader.read(value, where));
  }
  return without_parallel_prefix(std::move(tensors));
}

std::optional<std::string> scalar_text(const PickleValue& value) {
  switch (value.kind) {
    case Kind::kBool:
      return value.integer != 0 ? "true" : "false";
    case Kind::kInt:
      return std::to_string(value.integer);
    case Kind::kFloat: {
      std::array<char, 32> buffer{};
      const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value.real).ptr;
      return std::string(buffer.data(), end);
    }
    case Kind::kString:
      return is_utf8(value.text) ? std::optional(value.text) : std::nullopt;
    default:
      return std::nullopt;
  }
}

std::map<std::string, std::string> read_metadata(const PickleValue& root) {
  std::map<std::string, std::string> metadata;
  for (std::size_t i = 0; i + 1 < root.items.size(); i += 2) {
    const PickleValue& key = *root.items[i];
    const auto text = scalar_text(*root.items[i + 1]);
    if (key.kind == Kind::kString && is_utf8(key.text) && text) {
      metadata[key.text] = *text;
    }
  }
  return metadata;
}

}  // namespace

Checkpoint load_torch_zip(const InputFile& file) {
  TorchArchive archive(file);
  const PickleValue& state_dict = find_state_dict(archive.root(), file.name());
  check_keys(archive.root(), file.name());
  check_keys(state_dict, file.name());
  Checkpoint checkpoint;
  checkpoint.tensors = read_tensors(state_dict, archive.tensors(), file.name());
  checkpoint.metadata = read_metadata(archive.root());
  return checkpoint;
}

}  // namespace parallax
