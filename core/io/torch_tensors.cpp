// Storages, and views of them given by offset, shape and strides.
#include "core/io/torch_tensors.h"

#include <c10/util/StringUtil.h>

#include <array>

#include "core/base/error.h"
#include "core/io/tensor_checks.h"

namespace parallax {
namespace {

using Kind = PickleValue::Kind;

// Views may overlap (tied weights, transposes), but a small file must not fill the memory.
constexpr std::uint64_t kLargestExpansion = 16;
// storage, offset, shape, strides, requires_grad, hooks and perhaps metadata
constexpr std::size_t kFewestArguments = 4;
// "storage", type, key, location, number of elements
constexpr std::size_t kIdParts = 5;

struct StorageType {
  std::string_view name;
  at::ScalarType dtype;
};
constexpr std::array kStorageTypes = {
    StorageType{"DoubleStorage", at::kDouble},
    StorageType{"FloatStorage", at::kFloat},
    StorageType{"HalfStorage", at::kHalf},
    StorageType{"BFloat16Storage", at::kBFloat16},
    StorageType{"LongStorage", at::kLong},
    StorageType{"IntStorage", at::kInt},
    StorageType{"ShortStorage", at::kShort},
    StorageType{"CharStorage", at::kChar},
    StorageType{"ByteStorage", at::kByte},
    StorageType{"BoolStorage", at::kBool},
};

at::ScalarType storage_dtype(const PickleValue& type, const std::string& where) {
  const std::size_t dot = type.text.rfind('.');
  if (type.kind == Kind::kGlobal && type.text.starts_with("torch.") && dot != std::string::npos) {
    for (const StorageType& row : kStorageTypes) {
      if (type.text.substr(dot + 1) == row.name) {
        return row.dtype;
      }
    }
  }
  throw Error({.what = "the storage type is not supported",
               .where = where,
               .got = describe(type),
               .remedy = "Convert the tensor to float32, float16 or bfloat16 and save again."});
}

std::int64_t as_count(const PickleValue& value, const std::string& where, const char* what) {
  if (value.kind != Kind::kInt || value.integer < 0) {
    throw Error(
        {.what = c10::str(what, " is not usable"),
         .where = where,
         .expected = "a non-negative integer",
         .got = value.kind == Kind::kInt ? std::to_string(value.integer) : describe(value)});
  }
  return value.integer;
}

std::vector<std::int64_t> as_counts(const PickleValue& value,
                                    const std::string& where,
                                    const char* what) {
  if (value.kind != Kind::kTuple) {
    throw Error({.what = c10::str(what, " are not usable"),
                 .where = where,
                 .expected = "a tuple",
                 .got = describe(value)});
  }
  std::vector<std::int64_t> counts;
  for (const PickleValue* item : value.items) {
    counts.push_back(as_count(*item, where, what));
  }
  return counts;
}

std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size());
  std::int64_t stride = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= shape[i];
  }
  return strides;
}

}  // namespace

TorchTensorReader::TorchTensorReader(const ZipArchive& archive, std::string root)
    : archive_(archive), root_(std::move(root)) {}

void TorchTensorReader::charge(std::uint64_t bytes, const std::string& where) {
  copied_bytes_ += bytes;
  if (copied_bytes_ / kLargestExpansion > archive_.file().size()) {
    throw Error({.what = "the tensors need far more memory than the file has bytes",
                 .where = where,
                 .remedy = "Save the tensors with .contiguous().clone() each."});
  }
}

TorchTensorReader::View TorchTensorReader::parse_view(const std::vector<PickleValue*>& arguments,
                                                      const std::string& where) {
  View view{.offset = as_count(*arguments[1], where, "the storage offset"),
            .shape = as_counts(*arguments[2], where, "the extents of the shape"),
            .strides = as_counts(*arguments[3], where, "the strides")};
  if (view.shape.size() != view.strides.size()) {
    throw Error({.what = "shape and strides differ in length",
                 .where = where,
                 .expected = c10::str(view.shape.size(), " strides"),
                 .got = std::to_string(view.strides.size())});
  }
  return view;
}

TorchTensorReader::Description TorchTensorReader::describe_storage(const PickleValue& value,
                                                                   const std::string& where) const {
  const PickleValue* id = value.attached;
  if (value.kind != Kind::kStorage || id->items.size() < kIdParts ||
      id->items[0]->text != "storage" || id->items[2]->kind != Kind::kString) {
    throw Error(
        {.what = "the tensor has no usable storage", .where = where, .got = describe(value)});
  }
  Description storage{.key = id->items[2]->text,
                      .dtype = storage_dtype(*id->items[1], where),
                      .elements = as_count(*id->items[4], where, "the storage's size")};
  storage.bytes = checked_bytes({storage.elements}, storage.dtype, where);
  const std::uint64_t available = archive_.size(entry(storage.key));
  if (storage.bytes > available) {
    throw Error({.what = c10::str("storage '", printable(storage.key), "' is too short"),
                 .where = where,
                 .expected = c10::str(storage.bytes, " bytes"),
                 .got = std::to_string(available)});
  }
  return storage;
}

const Tensor& TorchTensorReader::storage(const PickleValue& value, const std::string& where) {
  const Description described = describe_storage(value, where);
  const auto known = storages_.find(described.key);
  if (known != storages_.end()) {
    if (known->second.scalar_type() != described.dtype ||
        known->second.numel() != described.elements) {
      throw Error(
          {.what = c10::str("storage '", printable(described.key), "' is described in two ways"),
           .where = where});
    }
    return known->second;
  }
  Tensor tensor = torch::empty({described.elements}, torch::TensorOptions().dtype(described.dtype));
  archive_.read(entry(described.key), tensor.data_ptr(), described.bytes);
  check_bools(tensor, where);
  return storages_.emplace(described.key, std::move(tensor)).first->second;
}

void TorchTensorReader::check_dense(const PickleValue& value, const std::string& where) {
  if (value.kind != Kind::kTensor || value.text != "torch._utils._rebuild_tensor_v2" ||
      value.attached->items.size() < kFewestArguments) {
    throw Error({.what = "this kind of tensor is not supported (sparse, quantised or a subclass)",
                 .where = where,
                 .got = value.kind == Kind::kTensor ? printable(value.text) : describe(value),
                 .remedy = "Save plain dense tensors."});
  }
}

ByteRange TorchTensorReader::place_of_bytes(const PickleValue& value,
                                            const std::string& where) const {
  check_dense(value, where);
  const View view = parse_view(value.attached->items, where);
  const Description storage = describe_storage(*value.attached->items[0], where);
  const bool fits = view.shape.size() == 1 && view.offset <= storage.elements &&
                    view.shape[0] <= storage.elements - view.offset;
  if (storage.dtype != at::kByte || !fits || (view.shape[0] > 1 && view.strides[0] != 1)) {
    throw Error({.what = "the tensor is not a vector of bytes",
                 .where = where,
                 .expected = "a contiguous vector of uint8",
                 .got = c10::str(storage.dtype, " of shape ", c10::IntArrayRef(view.shape))});
  }
  const ByteRange whole = archive_.place(entry(storage.key));
  return {.offset = whole.offset + static_cast<std::uint64_t>(view.offset),
          .size = static_cast<std::uint64_t>(view.shape[0])};
}

Tensor TorchTensorReader::read(const PickleValue& value, const std::string& where) {
  check_dense(value, where);
  const auto& arguments = value.attached->items;
  const View view = parse_view(arguments, where);
  const std::uint64_t elements = checked_elements(view.shape, where);
  const Tensor& whole = storage(*arguments[0], where);
  if (elements == 0) {
    return torch::empty(view.shape, whole.options());
  }
  // The last element's index; the shape's extents are at least 1 here.
  std::int64_t last = view.offset;
  bool overflow = false;
  for (std::size_t i = 0; i < view.shape.size(); ++i) {
    std::int64_t step = 0;
    overflow = overflow || __builtin_mul_overflow(view.shape[i] - 1, view.strides[i], &step) ||
               __builtin_add_overflow(last, step, &last);
  }
  if (overflow || last >= whole.numel()) {
    throw Error({.what = "the tensor reaches beyond its storage",
                 .where = where,
                 .expected = c10::str("indices below ", whole.numel()),
                 .got = c10::str("shape ",
                                 c10::IntArrayRef(view.shape),
                                 ", strides ",
                                 c10::IntArrayRef(view.strides),
                                 ", offset ",
                                 view.offset)});
  }
  const bool is_whole = elements == static_cast<std::uint64_t>(whole.numel()) && view.offset == 0;
  if (is_whole && view.strides == contiguous_strides(view.shape)) {
    return whole.view(view.shape);
  }
  charge(checked_bytes(view.shape, whole.scalar_type(), where), where);
  return whole.as_strided(view.shape, view.strides, view.offset)
      .clone(at::MemoryFormat::Contiguous);
}

}  // namespace parallax
