// The commit comes from a header that every build regenerates.
#include "core/base/build_info.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "core/base/shell_words.h"
#include "parallax_commit.h"

namespace parallax {

std::string program_version() { return PARALLAX_VERSION; }

std::string build_commit() { return PARALLAX_COMMIT; }

std::string command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<std::string> words;
  for (size_t begin = 0; begin < all.size();) {
    const std::string word = all.c_str() + begin;
    words.push_back(begin == 0 ? std::filesystem::path(word).filename().string() : word);
    begin += word.size() + 1;
  }
  return shell_line(words);
}

}  // namespace parallax
