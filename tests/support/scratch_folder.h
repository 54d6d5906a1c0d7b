// A temporary folder for a test's files, removed by the destructor.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace parallax::testing {

class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Creates or replaces a file here.
  std::filesystem::path write(const std::string& name, std::string_view content) const;

 private:
  std::filesystem::path path_;
};

std::string read_bytes(const std::filesystem::path& path);  // empty where there is no such file

// The number of whole lines.
size_t lines_in_file(const std::filesystem::path& path);

}  // namespace parallax::testing
