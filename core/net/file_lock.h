// A lock that one process at a time holds, as long as it lives.
#pragma once

#include <filesystem>
#include <functional>

namespace parallax {

// Holds flock(2) on a file, which is created and stays. On file systems without locks it holds
// nothing.
class FileLock {
 public:
  // Waits until the lock is free, after calling `on_wait` if it is not. Throws Error if the file
  // cannot be made.
  FileLock(const std::filesystem::path& path, const std::function<void()>& on_wait);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace parallax
