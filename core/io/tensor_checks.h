// Checks of what a file claims about its tensors: shapes before anything is allocated for them, and
// the few values that C++ cannot hold.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/torch.h"

namespace parallax {

// A file's claim of one extent as LibTorch's type; throws Error (at `where`) if it cannot be one.
std::int64_t checked_extent(std::uint64_t extent, const std::string& where);

// Number of elements of a shape of non-negative extents. Throws Error when the product, with
// extents of 0 taken as 1, exceeds 2^62: strides, too, are such products.
std::uint64_t checked_elements(const std::vector<std::int64_t>& shape, const std::string& where);

// The same in bytes.
std::uint64_t checked_bytes(const std::vector<std::int64_t>& shape,
                            at::ScalarType dtype,
                            const std::string& where);

// Throws Error when a bool tensor holds bytes other than 0 and 1, which would be undefined
// behaviour to read; any other dtype passes.
void check_bools(const Tensor& tensor, const std::string& where);  // any shape, contiguous

}  // namespace parallax
