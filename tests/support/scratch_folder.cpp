// Uses mkdtemp and plain streams.
#include "tests/support/scratch_folder.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "core/base/error.h"

namespace parallax::testing {

ScratchFolder::ScratchFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "parallax-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw Error("cannot create a temporary folder");
  }
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::filesystem::path ScratchFolder::write(const std::string& name,
                                           std::string_view content) const {
  // Some file systems flush a file that is truncated and rewritten, which makes loops slow.
  std::filesystem::remove(path_ / name);
  std::ofstream file(path_ / name, std::ios::binary | std::ios::trunc);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  return path_ / name;
}

std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

size_t lines_in_file(const std::filesystem::path& path) {
  const std::string text = read_bytes(path);
  return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace parallax::testing
