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
constexpr std::size_t kDtypeArgument = 6;  // where the storage does not tell it
constexpr std::string_view kRebuildV2 = "torch._utils._rebuild_tensor_v2";
constexpr std::string_view kRebuildV3 = "torch._utils._rebuild_tensor_v3";
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

// Types without a storage class of their own (torch._utils._rebuild_tensor_v3).
constexpr std::array kNamedDtypes = {
    StorageType{"torch.float8_e4m3fn", at::kFloat8_e4m3fn},
    StorageType{"torch.float8_e5m2", at::kFloat8_e5m2},
    StorageType{"torch.float8_e4m3fnuz", at::kFloat8_e4m3fnuz},
    StorageType{"torch.float8_e5m2fnuz", at::kFloat8_e5m2fnuz},
    StorageType{"torch.uint16", at::kUInt16},
    StorageType{"torch.uint32", at::kUInt32},
    StorageType{"torch.uint64", at::kUInt64},
};

// What a file can hold in place of plain tensors, and what helps.
struct OtherTensor {
  std::string_view function;  // of torch._utils
  const char* what;
  const char* remedy;
};
constexpr std::string_view kWrapperSubclass = "_rebuild_wrapper_subclass";
constexpr std::array kOtherTensors = {
    OtherTensor{"_rebuild_sparse_tensor", "this tensor is sparse", "Save its .to_dense()."},
    OtherTensor{"_rebuild_qtensor", "this tensor is quantised", "Save its .dequantize()."},
    OtherTensor{"_rebuild_nested_tensor", "this is a nested tensor", "Save its parts one by one."},
    OtherTensor{"_rebuild_meta_tensor_no_storage",
                "this tensor is on the meta device and has no data",
                "Save the model after its weights were loaded."},
};

[[noreturn]] void refuse_tensor(const PickleValue& value, const std::string& where) {
  const std::string_view function = std::string_view(value.text).substr(value.text.rfind('.') + 1);
  for (const OtherTensor& other : kOtherTensors) {
    if (function == other.function) {
      throw Error({.what = other.what, .where = where, .remedy = other.remedy});
    }
  }
  if (function == kWrapperSubclass && !value.items.empty()) {
    throw Error({.what = "this tensor is an object of class " + printable(value.items[0]->text),
                 .where = where,
                 .expected = "a plain tensor",
                 .remedy = "Save plain tensors: what its dequantize(), full_tensor() or the like "
                           "returns."});
  }
  throw Error({.what = "this kind of tensor is not supported",
               .where = where,
               .got = printable(value.text),
               .remedy = "Save plain dense tensors."});
}

at::ScalarType named_dtype(const PickleValue& dtype, const std::string& where) {
  for (const StorageType& row : kNamedDtypes) {
    if (dtype.kind == Kind::kGlobal && dtype.text == row.name) {
      return row.dtype;
    }
  }
  throw Error({.what = "the tensor's type is not supported",
               .where = where,
               .got = describe(dtype),
               .remedy = "Convert the tensor to float32, float16 or bfloat16 and save again."});
}

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

// Whether a storage, an offset, a shape and strides describe the tensor.
bool is_plain(const PickleValue& value) {
  const std::size_t arguments = value.attached->items.size();
  return (value.text == kRebuildV2 && arguments >= kFewestArguments) ||
         (value.text == kRebuildV3 && arguments > kDtypeArgument);
}

// Whether the tensor is one that PyTorch keeps with the opposite sign, as the imaginary part of a
// conjugate.
bool is_negative_view(const PickleValue& value) {
  const auto& arguments = value.attached->items;
  const std::size_t metadata = value.text == kRebuildV3 ? kDtypeArgument + 1 : kDtypeArgument;
  const PickleValue* const negative =
      arguments.size() > metadata ? arguments[metadata]->find("neg") : nullptr;
  return negative != nullptr && negative->kind == Kind::kBool && negative->integer != 0;
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
                                                                   const PickleValue* named,
                                                                   const std::string& where) const {
  const PickleValue* id = value.attached;
  if (value.kind != Kind::kStorage || id->items.size() < kIdParts ||
      id->items[0]->text != "storage" || id->items[2]->kind != Kind::kString) {
    throw Error(
        {.what = "the tensor has no usable storage", .where = where, .got = describe(value)});
  }
  Description storage{
      .key = id->items[2]->text,
      .dtype = named != nullptr ? named_dtype(*named, where) : storage_dtype(*id->items[1], where),
      .elements = as_count(*id->items[4], where, "the storage's size")};
  if (named != nullptr) {  // an UntypedStorage counts bytes
    storage.elements /= static_cast<std::int64_t>(c10::elementSize(storage.dtype));
  }
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

const Tensor& TorchTensorReader::storage(const PickleValue& value,
                                         const PickleValue* named,
                                         const std::string& where) {
  const Description described = describe_storage(value, named, where);
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

// DTensor (torch 2.11): its shape is an argument, this process's part of it is in the state, as are
// the placements.
const PickleValue& TorchTensorReader::local_tensor(const PickleValue& value,
                                                   const std::string& where) {
  const auto& arguments = value.attached->items;
  if (value.items.size() < 2 || !value.items[0]->text.starts_with("torch.distributed.") ||
      !value.items[0]->text.ends_with(".DTensor") || value.items[1]->items.size() < 2 ||
      arguments.size() < 3) {
    refuse_tensor(value, where);
  }
  const PickleValue& attributes = *value.items[1]->items[1];
  const PickleValue* local = attributes.find("_local_tensor");
  const PickleValue* spec = attributes.find("_spec");
  if (local == nullptr || local->kind != Kind::kTensor || !is_plain(*local)) {
    refuse_tensor(value, where);
  }
  bool partial = false;
  if (spec != nullptr && spec->attached != nullptr) {
    if (const PickleValue* placements = spec->attached->find("placements")) {
      for (const PickleValue* placement : placements->items) {
        partial = partial || placement->text.find("Partial") != std::string::npos;
      }
    }
  }
  const std::vector whole = as_counts(*arguments[2], where, "the extents of the shape");
  const std::vector part = as_counts(*local->attached->items[2], where, "the extents of the shape");
  if (partial || whole != part) {
    throw Error({.what = "this tensor is a DTensor, of which the file holds one process's shard",
                 .where = where,
                 .expected = c10::str("shape ", c10::IntArrayRef(whole)),
                 .got = c10::str("a shard of shape ", c10::IntArrayRef(part)),
                 .remedy = "Save each tensor's full_tensor(), or what get_model_state_dict returns "
                           "with StateDictOptions(full_state_dict=True)."});
  }
  return *local;
}

ByteRange TorchTensorReader::place_of_bytes(const PickleValue& value,
                                            const std::string& where) const {
  if (value.kind != Kind::kTensor || value.text != kRebuildV2 || !is_plain(value)) {
    throw Error({.what = "this is not a plain tensor of bytes",
                 .where = where,
                 .got = value.kind == Kind::kTensor ? printable(value.text) : describe(value)});
  }
  const View view = parse_view(value.attached->items, where);
  const Description storage = describe_storage(*value.attached->items[0], nullptr, where);
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

Tensor TorchTensorReader::read(const PickleValue& outer, const std::string& where) {
  if (outer.kind != Kind::kTensor) {
    throw Error({.what = "this is not a tensor", .where = where, .got = describe(outer)});
  }
  const bool wrapped = outer.text.ends_with(kWrapperSubclass);
  const PickleValue& value = wrapped ? local_tensor(outer, where) : outer;
  if (!is_plain(value)) {
    refuse_tensor(value, where);
  }
  const Tensor stored = read_plain(value, where);
  if (!is_negative_view(value)) {
    return stored;
  }
  if (!stored.is_floating_point() || stored.element_size() == 1) {  // of nothing complex
    refuse_tensor(value, where);
  }
  return stored.neg();
}

Tensor TorchTensorReader::read_plain(const PickleValue& value, const std::string& where) {
  const auto& arguments = value.attached->items;
  const bool names_dtype = value.text == kRebuildV3;
  const View view = parse_view(arguments, where);
  const std::uint64_t elements = checked_elements(view.shape, where);
  const Tensor& whole =
      storage(*arguments[0], names_dtype ? arguments[kDtypeArgument] : nullptr, where);
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
