// Checks of a file's claims about its tensors: shapes, before anything is allocated for them, and
// the byte values that C++ cannot hold in a bool.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/torch.h"

namespace parallax {

// One extent that a file claims, as LibTorch's type. Throws Error at `where` if it is too large.
std::int64_t checked_extent(std::uint64_t extent, const std::string& where);

// The number of elements of a shape. Throws Error at `where` for a negative extent, for too many
// dimensions, and when the product, with extents of 0 taken as 1, exceeds 2^62: strides are such
// products, too.
std::uint64_t checked_elements(const std::vector<std::int64_t>& shape, const std::string& where);

// The number of bytes of such a tensor, with the same checks.
std::uint64_t checked_bytes(const std::vector<std::int64_t>& shape,
                            at::ScalarType dtype,
                            const std::string& where);

// Throws Error at `where` if a bool tensor holds bytes other than 0 and 1, which would be undefined
// behaviour to read; any other dtype passes.
void check_bools(const Tensor& tensor, const std::string& where);  // any shape, contiguous

}  // namespace parallax
