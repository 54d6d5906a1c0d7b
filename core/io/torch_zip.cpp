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
#include "core/io/pickle.h"
#include "core/io/torch_tensors.h"
#include "core/io/zip_archive.h"

namespace parallax {
namespace {

using Kind = PickleValue::Kind;

constexpr std::uint64_t kLargestPickle = std::uint64_t{64} << 20;
constexpr std::array kStateDictKeys = {"state_dict_ema", "model_ema", "model", "state_dict"};
constexpr std::string_view kPickleName = "/data.pkl";
constexpr std::string_view kParallelPrefix = "module.";
constexpr const char* kSaveStateDict = "Save it with torch.save(model.state_dict(), path).";

// The archive's only folder, which torch.save names after the file.
std::string find_root(const ZipArchive& archive) {
  std::optional<std::string> root;
  for (const auto& [name, entry] : archive.entries()) {
    if (name.ends_with(kPickleName) && std::count(name.begin(), name.end(), '/') == 1) {
      if (root) {
        throw Error({.what = "the archive holds two pickles", .where = archive.file().name()});
      }
      root = name.substr(0, name.size() - kPickleName.size());
    }
  }
  if (!root) {
    throw Error({.what = "this zip archive is not a PyTorch checkpoint (it has no data.pkl)",
                 .where = archive.file().name()});
  }
  return *root;
}

void check_kind(const ZipArchive& archive, const std::string& root) {
  const std::string where = archive.file().name();
  if (archive.contains(root + "/constants.pkl")) {
    throw Error({.what = "this is a TorchScript archive, a program rather than a checkpoint",
                 .where = where,
                 .remedy = "Load it with torch.jit.load and save its state_dict() with "
                           "torch.save."});
  }
  // Files from before PyTorch 2.1 do not name their byte order; they are little-endian in practice.
  const std::string order = root + "/byteorder";
  if (archive.contains(order) && archive.read(order) != "little") {
    throw Error({.what = "the checkpoint's byte order is not supported",
                 .where = where,
                 .expected = "little",
                 .got = printable(archive.read(order)),
                 .remedy = "Save it again on a little-endian machine."});
  }
  if (archive.size(root + std::string(kPickleName)) > kLargestPickle) {
    throw Error({.what = "the checkpoint's pickle is too large",
                 .where = where,
                 .expected = c10::str("at most ", kLargestPickle, " bytes"),
                 .remedy = "Save the state dict alone."});
  }
}

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
  const ZipArchive archive(file);
  const std::string root = find_root(archive);
  check_kind(archive, root);
  const PickleDocument document =
      unpickle(archive.read(root + std::string(kPickleName)), file.name());
  const PickleValue& state_dict = find_state_dict(*document.root, file.name());
  check_keys(*document.root, file.name());
  check_keys(state_dict, file.name());
  TorchTensorReader reader(archive, root);
  Checkpoint checkpoint;
  checkpoint.tensors = read_tensors(state_dict, reader, file.name());
  checkpoint.metadata = read_metadata(*document.root);
  return checkpoint;
}

}  // namespace parallax
