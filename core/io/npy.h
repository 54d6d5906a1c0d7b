// NumPy's .npy files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

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

// The same of a file's bytes, as NumPy's .npz archives hold them; `where` begins the errors.
NpyArray read_npy(std::string_view bytes, const std::string& where);

}  // namespace parallax
