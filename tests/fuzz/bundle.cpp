// Splits bundles at their lines of names.
#include "tests/fuzz/bundle.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <string>

namespace parallax::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kBegin = "=== ";
constexpr std::string_view kEnd = " ===\n";
constexpr std::string_view kImageMark = "@image";
constexpr int kMostFiles = 16;
constexpr int kDeepest = 4;

// A grey PNG file of 32 × 24 pixels.
constexpr unsigned char kImage[] = {
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x18, 0x08, 0x00, 0x00, 0x00, 0x00, 0xbe, 0x38, 0xa0,
    0xe8, 0x00, 0x00, 0x00, 0x13, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0x68, 0x20, 0x00, 0x18,
    0x46, 0x15, 0x8c, 0x2a, 0x18, 0x79, 0x0a, 0x00, 0x25, 0xe6, 0x80, 0x10, 0x5f, 0x7f, 0x90, 0xf0,
    0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82};

bool is_plain(const fs::path& name) {
  int depth = 0;
  for (const fs::path& part : name) {
    const std::string text = part.string();
    const bool letters = std::all_of(text.begin(), text.end(), [](unsigned char c) {
      return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.' || c == ' ';
    });
    if (!letters || text.empty() || text.front() == '.' || text.size() > 64 || ++depth > kDeepest) {
      return false;
    }
  }
  return depth > 0;
}

void write_file(const fs::path& path, std::string_view content) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream(path, std::ios::binary) << content;  // fails where a folder has that name
}

}  // namespace

void unpack_bundle(std::string_view bundle, const fs::path& folder) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  for (int files = 0; bundle.starts_with(kBegin) && files < kMostFiles; ++files) {
    bundle.remove_prefix(kBegin.size());
    const size_t end = bundle.find(kEnd);
    if (end == std::string_view::npos) {
      return;
    }
    const fs::path name(bundle.substr(0, end));
    bundle.remove_prefix(end + kEnd.size());
    const size_t next = std::min(bundle.find("\n=== "), bundle.size());
    std::string_view content = bundle.substr(0, next);
    bundle.remove_prefix(std::min(next + 1, bundle.size()));
    if (content == kImageMark || content == "@image\n") {
      content = {reinterpret_cast<const char*>(kImage), sizeof kImage};
    }
    if (is_plain(name)) {
      write_file(folder / name, content);
    }
  }
}

}  // namespace parallax::fuzz
