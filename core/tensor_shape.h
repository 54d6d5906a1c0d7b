// Checked arithmetic on the shapes that a file claims, before anything is allocated for them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/torch.h"

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

}  // namespace parallax
