// The commit comes from a header that every build regenerates.
#include "core/base/build_info.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include "parallax_commit.h"

namespace parallax {

namespace {

// In single quotes, within which a shell takes everything but a single quote as it is.
std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) {
    text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return text + "'";
}

}  // namespace

std::string program_version() { return PARALLAX_VERSION; }

std::string build_commit() { return PARALLAX_COMMIT; }

std::string command_line() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string words((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::string line;
  for (size_t begin = 0; begin < words.size();) {
    const std::string word = words.c_str() + begin;
    const bool plain = !word.empty() && word.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789-_./,:=@+") == std::string::npos;
    if (begin == 0) {
      line = std::filesystem::path(word).filename().string();
    } else {
      line += " " + (plain ? word : quoted(word));
    }
    begin += word.size() + 1;
  }
  return line;
}

}  // namespace parallax
