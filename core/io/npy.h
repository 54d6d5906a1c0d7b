// NumPy's .npy files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "core/io/input_file.h"

namespace parallax {

// An array of numbers in C order.
struct NpyArray {
  std::vector<std::size_t> shape;
  std::vector<double> values;
};

// Reads an array of little-endian float32 or float64 numbers, in C or Fortran order (format
// versions 1 to 3). Throws Error naming the file for any other, and where header and size
// contradict.
NpyArray read_npy(const std::filesystem::path& path);

// The same of a part of a file, as NumPy's .npz archives hold them.
NpyArray read_npy(const InputFile& file, const ByteRange& place);

}  // namespace parallax
