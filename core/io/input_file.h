// A file opened for reading at any offset, with errors that name it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

namespace parallax {

// A part of a file, in bytes.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// Reads go directly into the caller's memory. The file is not memory-mapped: if it shrinks while it
// is read, that must end in an Error, not in a bus error.
class InputFile {
 public:
  // Throws Error when the file is missing, unreadable, or not a regular file.
  explicit InputFile(const std::filesystem::path& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  std::uint64_t size() const { return size_; }
  // The path, for messages.
  std::string name() const { return path_.string(); }

  // Throws Error if fewer than `count` bytes follow `offset`.
  void read(std::uint64_t offset, void* destination, std::size_t count) const;
  std::string read(std::uint64_t offset, std::size_t count) const;

 private:
  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace parallax
