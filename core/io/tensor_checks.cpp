// Overflow-safe products of extents, and the check of bools.
#include "core/io/tensor_checks.h"

#include <c10/util/StringUtil.h>

#include <algorithm>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr std::int64_t kLargest = std::int64_t{1} << 62;
constexpr std::size_t kLargestRank = 64;  // what LibTorch's iterators can hold

[[noreturn]] void fail(const std::vector<std::int64_t>& shape, const std::string& where) {
  throw Error(
      {.what = "the shape is too large", .where = where, .got = c10::str(c10::IntArrayRef(shape))});
}

}  // namespace

std::int64_t checked_extent(std::uint64_t extent, const std::string& where) {
  if (extent > static_cast<std::uint64_t>(kLargest)) {
    throw Error({.what = "an extent of the shape is too large",
                 .where = where,
                 .got = std::to_string(extent)});
  }
  return static_cast<std::int64_t>(extent);
}

std::uint64_t checked_elements(const std::vector<std::int64_t>& shape, const std::string& where) {
  if (shape.size() > kLargestRank) {
    throw Error({.what = "the shape has too many dimensions",
                 .where = where,
                 .expected = c10::str("at most ", kLargestRank),
                 .got = std::to_string(shape.size())});
  }
  std::int64_t product = 1;
  bool empty = false;
  for (const std::int64_t extent : shape) {
    if (extent < 0) {
      throw Error({.what = "the shape has a negative extent",
                   .where = where,
                   .got = std::to_string(extent)});
    }
    empty = empty || extent == 0;
    if (__builtin_mul_overflow(product, std::max<std::int64_t>(extent, 1), &product) ||
        product > kLargest) {
      fail(shape, where);
    }
  }
  return empty ? 0 : static_cast<std::uint64_t>(product);
}

std::uint64_t checked_bytes(const std::vector<std::int64_t>& shape,
                            at::ScalarType dtype,
                            const std::string& where) {
  const std::uint64_t elements = checked_elements(shape, where);
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(elements, c10::elementSize(dtype), &bytes)) {
    fail(shape, where);
  }
  return bytes;
}

void check_bools(const Tensor& tensor, const std::string& where) {
  if (tensor.scalar_type() != at::kBool) {
    return;
  }
  const auto* bytes = static_cast<const unsigned char*>(tensor.data_ptr());
  const auto bad =
      std::find_if(bytes, bytes + tensor.numel(), [](unsigned char value) { return value > 1; });
  if (bad != bytes + tensor.numel()) {
    throw Error({.what = "a boolean tensor holds a byte that is neither 0 nor 1",
                 .where = where,
                 .got = std::to_string(*bad)});
  }
}

}  // namespace parallax
