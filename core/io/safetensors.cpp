// Reads and writes safetensors with the strictness of the reference implementation: known dtypes,
// no overlaps, no holes, no duplicate names.
#include "core/io/safetensors.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <array>
#include <bit>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/io/atomic_file.h"
#include "core/io/tensor_checks.h"

namespace parallax {
namespace {

using nlohmann::json;

static_assert(std::endian::native == std::endian::little, "safetensors holds little-endian data");

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kLargestHeader = 100'000'000;  // as in the reference implementation
constexpr std::uint64_t kHeaderAlignment = 8;
constexpr const char* kMetadataKey = "__metadata__";

struct NamedDtype {
  const char* name;
  at::ScalarType dtype;
};
constexpr std::array kDtypes = {
    NamedDtype{"F64", at::kDouble},
    NamedDtype{"F32", at::kFloat},
    NamedDtype{"F16", at::kHalf},
    NamedDtype{"BF16", at::kBFloat16},
    NamedDtype{"I64", at::kLong},
    NamedDtype{"I32", at::kInt},
    NamedDtype{"I16", at::kShort},
    NamedDtype{"I8", at::kChar},
    NamedDtype{"U8", at::kByte},
    NamedDtype{"BOOL", at::kBool},
    NamedDtype{"U16", at::kUInt16},
    NamedDtype{"U32", at::kUInt32},
    NamedDtype{"U64", at::kUInt64},
    NamedDtype{"F8_E4M3", at::kFloat8_e4m3fn},
    NamedDtype{"F8_E5M2", at::kFloat8_e5m2},
};

std::string dtype_names() {
  std::string names = "one of";
  for (const auto& row : kDtypes) {
    names += c10::str(" ", row.name);
  }
  return names;
}

struct Entry {
  std::string name;
  at::ScalarType dtype{};
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;  // relative to the end of the header
  std::uint64_t end = 0;
};

std::uint64_t read_header_length(const InputFile& file) {
  std::uint64_t length = 0;
  file.read(0, &length, sizeof length);
  const std::uint64_t limit = std::min(file.size() - kLengthBytes, kLargestHeader);
  if (length < 2 || length > limit) {
    throw Error({.what = "the header's length makes no sense",
                 .where = file.name(),
                 .expected = c10::str("between 2 and ", limit, " bytes"),
                 .got = std::to_string(length),
                 .remedy = "The file is truncated or not safetensors; copy it again."});
  }
  return length;
}

// nlohmann-json keeps the last of several equal keys; two tensors of one name must be an error.
json parse_header(const std::string& text, const std::string& where) {
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int depth, json::parse_event_t event, json& parsed) {
    // {name: {dtype, shape: [...]}}: anything deeper is not a header.
    if (depth > 3) {
      throw Error({.what = "the header is nested too deeply", .where = where});
    }
    if (event == json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == json::parse_event_t::key) {
      if (!keys.back().insert(parsed.get<std::string>()).second) {
        throw Error({.what = "the header holds a key twice",
                     .where = where,
                     .got = "'" + parsed.get<std::string>() + "'"});
      }
    }
    return true;
  };
  check_json_shape(text, where);
  try {
    json header = json::parse(text, check);
    if (!header.is_object()) {
      throw Error({.what = "the header is not a JSON object", .where = where});
    }
    return header;
  } catch (const json::exception& error) {
    throw Error({.what = "the header is not valid JSON",
                 .where = where,
                 .got = json_reason(error),
                 .remedy = "The file is damaged; copy it again."});
  }
}

std::uint64_t as_unsigned(const json& value, const std::string& where, const char* what) {
  if (!value.is_number_unsigned()) {
    throw Error({.what = c10::str(what, " is not usable"),
                 .where = where,
                 .expected = "a non-negative integer",
                 .got = std::string(value.is_number() ? value.dump() : value.type_name())});
  }
  return value.get<std::uint64_t>();
}

const json& field(const json& object, const char* name, const std::string& where) {
  const auto found = object.find(name);
  if (found == object.end()) {
    throw Error({.what = c10::str("the field '", name, "' is missing"), .where = where});
  }
  return *found;
}

const json& array_field(const json& object, const char* name, const std::string& where) {
  const json& value = field(object, name, where);
  if (!value.is_array()) {
    throw Error({.what = c10::str("the field '", name, "' has the wrong type"),
                 .where = where,
                 .expected = "an array",
                 .got = value.type_name()});
  }
  return value;
}

at::ScalarType dtype_named(const json& value, const std::string& where) {
  for (const auto& row : kDtypes) {
    if (value == row.name) {
      return row.dtype;
    }
  }
  throw Error({.what = "the dtype is not supported",
               .where = where,
               .expected = dtype_names(),
               .got = value.is_string() ? value.get<std::string>() : value.type_name(),
               .remedy = "Convert the tensor to float32, float16 or bfloat16 and save again."});
}

Entry parse_entry(const std::string& name, const json& value, const std::string& where) {
  if (!value.is_object()) {
    throw Error({.what = "the entry has the wrong type",
                 .where = where,
                 .expected = "an object",
                 .got = value.type_name()});
  }
  Entry entry{.name = name, .dtype = dtype_named(field(value, "dtype", where), where)};
  for (const json& extent : array_field(value, "shape", where)) {
    const auto number = as_unsigned(extent, where, "an extent of the shape");
    entry.shape.push_back(checked_extent(number, where));
  }
  const json& offsets = array_field(value, "data_offsets", where);
  if (offsets.size() != 2) {
    throw Error(
        {.what = "the field 'data_offsets' does not hold a begin and an end", .where = where});
  }
  entry.begin = as_unsigned(offsets[0], where, "the begin of the data");
  entry.end = as_unsigned(offsets[1], where, "the end of the data");
  const std::uint64_t bytes = checked_bytes(entry.shape, entry.dtype, where);
  if (entry.end < entry.begin || entry.end - entry.begin != bytes) {
    throw Error({.what = "the data offsets do not match shape and dtype",
                 .where = where,
                 .expected = c10::str(bytes, " bytes"),
                 .got = c10::str("offsets ", entry.begin, " to ", entry.end)});
  }
  return entry;
}

// The reference implementation demands that the tensors tile the data without holes, so that
// nothing can hide in a file.
void check_layout(std::vector<Entry>& entries, std::uint64_t data_size, const std::string& file) {
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t position = 0;
  for (const Entry& entry : entries) {
    const std::string where = c10::str(file, ", tensor '", entry.name, "'");
    if (entry.end > data_size) {
      throw Error({.what = "the tensor lies beyond the end of the file",
                   .where = where,
                   .expected = c10::str("offsets up to ", data_size),
                   .got = std::to_string(entry.end),
                   .remedy = "The file is truncated; copy it again."});
    }
    if (entry.begin != position) {
      throw Error({.what = entry.begin < position ? "the tensor overlaps another one"
                                                  : "there is a hole before the tensor",
                   .where = where,
                   .expected = c10::str("an offset of ", position),
                   .got = std::to_string(entry.begin)});
    }
    position = entry.end;
  }
  if (position != data_size) {
    throw Error({.what = "the file is longer than its header says",
                 .where = file,
                 .expected = c10::str(position, " bytes of tensors"),
                 .got = std::to_string(data_size)});
  }
}

std::map<std::string, std::string> parse_metadata(const json& value, const std::string& where) {
  std::map<std::string, std::string> metadata;
  if (!value.is_object()) {
    throw Error({.what = "the metadata has the wrong type",
                 .where = where,
                 .expected = "an object of strings",
                 .got = value.type_name()});
  }
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) {
      throw Error({.what = c10::str("the metadata field '", key, "' has the wrong type"),
                   .where = where,
                   .expected = "a string",
                   .got = text.type_name()});
    }
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

const char* name_of(at::ScalarType dtype, const std::string& where) {
  for (const auto& row : kDtypes) {
    if (row.dtype == dtype) {
      return row.name;
    }
  }
  throw Error({.what = "safetensors cannot hold this dtype",
               .where = where,
               .expected = dtype_names(),
               .got = c10::toString(dtype)});
}

std::string dump_header(const json& header, const std::string& where) {
  try {
    std::string text = header.dump();
    text.resize((text.size() + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment, ' ');
    return text;
  } catch (const json::exception&) {  // the only reason
    throw Error({.what = "a tensor name or metadata text is not UTF-8", .where = where});
  }
}

using NamedTensor = TensorMap::value_type;

// Wide dtypes first, then by name, so that every tensor is aligned to its element size.
std::vector<const NamedTensor*> layout_order(const TensorMap& tensors) {
  std::vector<const NamedTensor*> order;
  for (const auto& named : tensors) {
    order.push_back(&named);
  }
  std::stable_sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    return a->second.element_size() > b->second.element_size();
  });
  return order;
}

}  // namespace

bool looks_like_safetensors(const InputFile& file) {
  if (file.size() <= kLengthBytes) {
    return false;
  }
  const std::string start = file.read(0, kLengthBytes + 1);
  return start.back() == '{';
}

StoredCheckpoint open_safetensors(const std::shared_ptr<const InputFile>& file) {
  const std::uint64_t header_length = read_header_length(*file);
  const std::uint64_t data_start = kLengthBytes + header_length;
  const json header = parse_header(file->read(kLengthBytes, header_length), file->name());

  StoredCheckpoint stored{.file = file->name()};
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadataKey) {
      stored.metadata = parse_metadata(value, file->name() + ", " + kMetadataKey);
    } else {
      entries.push_back(parse_entry(name, value, c10::str(file->name(), ", tensor '", name, "'")));
    }
  }
  check_layout(entries, file->size() - data_start, file->name());
  for (const Entry& entry : entries) {
    stored.tensors.push_back(
        {.name = entry.name, .read = [file, entry, data_start] {
           Tensor tensor = torch::empty(entry.shape, torch::TensorOptions().dtype(entry.dtype));
           file->read(data_start + entry.begin, tensor.data_ptr(), entry.end - entry.begin);
           check_bools(tensor, c10::str(file->name(), ", tensor '", entry.name, "'"));
           return tensor;
         }});
  }
  return stored;
}

void save_safetensors(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  const auto order = layout_order(checkpoint.tensors);
  json header = json::object();
  if (!checkpoint.metadata.empty()) {
    header[kMetadataKey] = checkpoint.metadata;
  }
  std::uint64_t position = 0;
  for (const NamedTensor* named : order) {
    const auto& [name, tensor] = *named;
    const std::string where = c10::str(path.string(), ", tensor '", name, "'");
    if (name == kMetadataKey) {
      throw Error({.what = "this name is reserved by the format", .where = where});
    }
    const char* dtype = name_of(tensor.scalar_type(), where);
    const std::uint64_t end = position + tensor.nbytes();
    header[name] = {
        {"dtype", dtype}, {"shape", tensor.sizes().vec()}, {"data_offsets", {position, end}}};
    position = end;
  }
  const std::string text = dump_header(header, path.string());
  const std::uint64_t length = text.size();
  AtomicFile file(path);
  file.write(&length, sizeof length);
  file.write(text.data(), text.size());
  for (const NamedTensor* named : order) {
    const Tensor tensor = named->second.detach().cpu().contiguous();
    file.write(tensor.data_ptr(), tensor.nbytes());
  }
  file.commit();
}

}  // namespace parallax
