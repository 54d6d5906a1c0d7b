// Results that grow while a program runs: what was written survives the end of the program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace parallax {

// A file that is only ever appended to, by one process. A kill at any moment leaves all that was
// appended before, and at most a part of the last text.
class AppendFile {
 public:
  // Creates the file if it is missing. Errors end with `remedy`. Throws Error naming the file.
  explicit AppendFile(const std::filesystem::path& path,
                      std::string remedy = "Existing results are kept; continue with --resume.");
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  std::int64_t size() const { return size_; }
  // Throws Error naming the file and the reason.
  void append(std::string_view text);
  // `count` bytes from `offset` on; empty if they are not there.
  std::string read(std::int64_t offset, std::int64_t count) const;

 private:
  [[noreturn]] void fail(int error_number) const;

  std::filesystem::path path_;
  std::string remedy_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

// Keeps other processes from writing into a folder, and removes what a killed one had begun to
// write there (see AtomicFile). Some network file systems have no locks; there it does nothing.
class FolderLock {
 public:
  // Throws Error if another process holds the lock.
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace parallax
