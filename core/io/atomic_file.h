// Writing files so that a reader sees the old content or the new, never half of it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace parallax {

// A temporary file next to its target, which it replaces on commit(); removed if commit() was never
// reached. A symbolic link as target is followed, not replaced.
class AtomicFile {
 public:
  // Throws Error when the folder is missing or not writable, or the target is not a regular file.
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  // Appends `count` bytes. Throws Error naming the file and the reason.
  void write(const void* data, std::size_t count);
  // fsync, rename over the target, fsync of the folder. Throws Error naming the file and the
  // reason.
  void commit();

 private:
  [[noreturn]] void fail(const char* step, int error_number) const;

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

// Replaces (or creates) the file with `content`. Throws Error naming the file and the reason.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

}  // namespace parallax
