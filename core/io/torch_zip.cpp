// Lists the tensors of a PyTorch checkpoint.
#include "core/io/torch_zip.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/io/torch_archive.h"
#include "core/io/wrapper_names.h"

namespace parallax {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMostWalked = 4'000'000;  // keys and values
constexpr std::size_t kMostLists = 4;           // of averages; one list may stand under many keys
constexpr int kMostNested = 8;  // dictionaries within dictionaries; a pickle may hold itself
constexpr const char* kSaveStateDict = "Save it with torch.save(model.state_dict(), path).";

bool holds_tensors(const PickleValue& value) {
  return value.is_mapping() &&
         std::any_of(value.items.begin(), value.items.end(), [](const PickleValue* item) {
           return item->kind == Kind::kTensor;
         });
}

// A list of tensors alone, as classes for averages keep the model's parameters in.
bool is_tensor_list(const PickleValue& value) {
  return value.kind == Kind::kList && !value.items.empty() &&
         std::all_of(value.items.begin(), value.items.end(), [](const PickleValue* item) {
           return item->kind == Kind::kTensor;
         });
}

bool is_model_object(const PickleValue& value) {
  return value.attached != nullptr && value.kind == Kind::kOpaque &&
         value.attached->find("_parameters") != nullptr;
}

bool is_batch_norm_buffer(const std::string& name) {
  return name.ends_with(".running_mean") || name.ends_with(".running_var") ||
         name.ends_with(".num_batches_tracked");
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

// A file with its pickle, kept as long as one of its tensors may be read.
struct TorchFile {
  explicit TorchFile(const std::shared_ptr<const InputFile>& input) : file(input), archive(*file) {}

  std::shared_ptr<const InputFile> file;
  TorchArchive archive;
};

// Walks the dictionaries in which weights are expected.
class Collector {
 public:
  Collector(StoredCheckpoint& stored, std::string wanted, std::shared_ptr<TorchFile> torch)
      : stored_(stored), wanted_(std::move(wanted)), torch_(std::move(torch)) {}

  void collect(const PickleValue& mapping, const std::string& key, int depth);
  // Gives the lists of averaged weights that were met the names of the weights beside them.
  void name_lists();
  // Throws the Error that says why there are no tensors.
  [[noreturn]] void refuse(const PickleValue& root) const;

 private:
  bool is_expected(const std::string& name, const std::string& place) const {
    return is_weights_key(name) || wanted_ == place || wanted_.starts_with(place + ".");
  }
  void add_tensor(const std::string& key, const std::string& name, const PickleValue& value);
  // A list of averaged weights.
  struct NamedList {
    std::string place;
    const PickleValue* value;
  };
  bool add_list(const NamedList& list, const std::vector<std::size_t>& named);
  void count_walked(const PickleValue& mapping);
  void note_dictionaries(const PickleValue& mapping, const std::string& place, int depth);

  StoredCheckpoint& stored_;
  std::string wanted_;
  std::shared_ptr<TorchFile> torch_;
  std::size_t walked_ = 0;
  std::vector<NamedList> lists_;
  const PickleValue* model_object_ = nullptr;
  const PickleValue* array_ = nullptr;
};

void Collector::add_tensor(const std::string& key,
                           const std::string& name,
                           const PickleValue& value) {
  if (!is_utf8(name)) {
    throw Error({.what = "a tensor's name is not UTF-8 text",
                 .where = stored_.file,
                 .got = printable(name)});
  }
  const std::string where = c10::str(stored_.file, ", tensor '", printable(name), "'");
  stored_.tensors.push_back({.key = key, .name = name, .read = [torch = torch_, &value, where] {
                               return torch->archive.tensors().read(value, where);
                             }});
}

// Dictionaries that contain each other, or themselves, would be walked on every way.
void Collector::count_walked(const PickleValue& mapping) {
  walked_ += mapping.items.size();
  if (walked_ > kMostWalked) {
    throw Error({.what = "the checkpoint's dictionaries hold too much", .where = stored_.file});
  }
}

void Collector::collect(const PickleValue& mapping, const std::string& key, int depth) {
  if (!mapping.is_mapping()) {
    return;
  }
  count_walked(mapping);
  check_keys(mapping, stored_.file);
  for (std::size_t i = 0; i + 1 < mapping.items.size(); i += 2) {
    const PickleValue& name = *mapping.items[i];
    const PickleValue& value = *mapping.items[i + 1];
    if (value.kind == Kind::kTensor) {
      if (name.kind == Kind::kString) {  // else an optimiser's state by number
        add_tensor(key, name.text, value);
      }
      continue;
    }
    if (is_model_object(value)) {
      model_object_ = &value;
    } else if (value.kind == Kind::kOpaque && value.text.starts_with("numpy.")) {
      array_ = &value;
    }
    if (name.kind != Kind::kString || !is_utf8(name.text)) {
      continue;
    }
    const std::string place = key.empty() ? name.text : key + "." + name.text;
    if (lists_.size() < kMostLists && is_averaged_key(name.text) && is_tensor_list(value)) {
      lists_.push_back({place, &value});
    }
    if (!value.is_mapping()) {
      continue;
    }
    if (depth < kMostNested && is_expected(name.text, place)) {
      collect(value, place, depth + 1);
    } else {
      note_dictionaries(value, place, 0);
    }
  }
}

// Adds the list's tensors under the names of those; whether shapes agree, else adds nothing.
bool Collector::add_list(const NamedList& list, const std::vector<std::size_t>& named) {
  if (named.size() != list.value->items.size()) {
    return false;
  }
  const std::size_t before = stored_.tensors.size();
  for (std::size_t i = 0; i < named.size(); ++i) {
    add_tensor(list.place, std::string(stored_.tensors[named[i]].name), *list.value->items[i]);
    if (stored_.tensors.back().read().sizes() != stored_.tensors[named[i]].read().sizes()) {
      stored_.tensors.resize(before);
      return false;
    }
  }
  return true;
}

// torch-ema and diffusers average `model.parameters()`, which are the state dict's entries in its
// order, but for buffers.
void Collector::name_lists() {
  if (lists_.empty()) {
    return;
  }
  std::map<std::string, std::vector<std::size_t>> named;  // indices, by dictionary
  for (std::size_t i = 0; i < stored_.tensors.size(); ++i) {
    if (!is_batch_norm_buffer(stored_.tensors[i].name)) {
      named[stored_.tensors[i].key].push_back(i);
    }
  }
  for (const NamedList& list : lists_) {
    const bool fits = std::any_of(named.begin(), named.end(), [&](const auto& dictionary) {
      return add_list(list, dictionary.second);
    });
    if (!fits) {
      stored_.nameless.push_back(list.place);
    }
  }
}

// Lists those of tensors that are not looked into: this one, else those in it, but for an
// optimiser's.
void Collector::note_dictionaries(const PickleValue& mapping, const std::string& place, int depth) {
  constexpr int kDeepest = 2;
  count_walked(mapping);
  if (holds_tensors(mapping)) {
    stored_.other_keys.push_back(place);
    return;
  }
  for (std::size_t i = 0; depth < kDeepest && i + 1 < mapping.items.size(); i += 2) {
    const PickleValue& name = *mapping.items[i];
    const PickleValue& value = *mapping.items[i + 1];
    if (name.kind == Kind::kString && is_utf8(name.text) && value.is_mapping() &&
        !is_optimiser_key(name.text)) {
      note_dictionaries(value, place + "." + name.text, depth + 1);
    }
  }
}

void Collector::refuse(const PickleValue& root) const {
  const PickleValue* object = is_model_object(root) ? &root : model_object_;
  if (object != nullptr) {
    throw Error({.what = "the file holds a pickled model object, not its tensors",
                 .where = stored_.file,
                 .got = describe(*object),
                 .remedy = kSaveStateDict});
  }
  if (array_ != nullptr) {
    throw Error({.what = "the checkpoint holds NumPy arrays in place of tensors",
                 .where = stored_.file,
                 .remedy = "Convert each with torch.from_numpy and save again."});
  }
  if (!stored_.other_keys.empty()) {
    std::string list;
    for (const std::string& other : stored_.other_keys) {
      list += (list.empty() ? "'" : ", '") + other + "'";
    }
    throw Error({.what = "the checkpoint holds no state dict where one is usual",
                 .where = stored_.file,
                 .got = "tensors under " + list,
                 .remedy = "Name what holds the weights with --checkpoint-key."});
  }
  throw Error({.what = "the checkpoint holds no state dict",
               .where = stored_.file,
               .expected = "a dictionary of tensors, at the top or under a key such as 'model', "
                           "'state_dict' or 'model_ema'",
               .got = describe(root),
               .remedy = kSaveStateDict});
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
  for (std::size_t i = 0; root.is_mapping() && i + 1 < root.items.size(); i += 2) {
    const PickleValue& key = *root.items[i];
    const auto text = scalar_text(*root.items[i + 1]);
    if (key.kind == Kind::kString && is_utf8(key.text) && text) {
      metadata[key.text] = *text;
    }
  }
  return metadata;
}

}  // namespace

StoredCheckpoint open_torch_zip(const std::shared_ptr<const InputFile>& file,
                                const std::string& key) {
  const auto torch = std::make_shared<TorchFile>(file);
  StoredCheckpoint stored{.file = file->name()};
  const PickleValue& root = torch->archive.root();
  Collector collector(stored, key, torch);
  collector.collect(root, "", 0);
  collector.name_lists();
  if (stored.tensors.empty() && key.empty() && stored.other_keys.size() == 1) {
    // Under an unusual key, such as "net", but nowhere else.
    const std::string only = stored.other_keys.front();
    stored.other_keys.clear();
    Collector(stored, only, torch).collect(root, "", 0);
  }
  if (stored.tensors.empty()) {
    collector.refuse(root);
  }
  stored.metadata = read_metadata(root);
  return stored;
}

}  // namespace parallax
