// Appending with write(2), locking with flock(2).
#include "core/files/append_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/base/error.h"

namespace parallax {
namespace {

[[noreturn]] void fail_to_append(const std::filesystem::path& path, int error_number) {
  throw Error(ErrorParts{
      .what = "the results cannot be written: " + std::generic_category().message(error_number),
      .where = path.string(),
      .remedy = "Existing results are kept; continue with --resume."});
}

}  // namespace

AppendFile::AppendFile(const std::filesystem::path& path)
    : path_(path),
      descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) {
    fail_to_append(path, errno);
  }
  size_ = ::lseek(descriptor_, 0, SEEK_END);
}

AppendFile::~AppendFile() { ::close(descriptor_); }

void AppendFile::append(std::string_view text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(descriptor_, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      fail_to_append(path_, written < 0 ? errno : ENOSPC);
    }
    done += static_cast<size_t>(written);
  }
  size_ += static_cast<std::int64_t>(text.size());
}

std::string AppendFile::read(std::int64_t offset, std::int64_t count) const {
  std::string bytes(static_cast<size_t>(count), '\0');
  const ssize_t got = ::pread(descriptor_, bytes.data(), bytes.size(), offset);
  return got == count ? bytes : "";
}

FolderLock::FolderLock(const std::filesystem::path& folder)
    : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(descriptor_);
    throw Error(ErrorParts{.what = "another process is writing results into this folder",
                           .where = folder.string(),
                           .remedy = "Wait for it, or name another --output."});
  }
}

FolderLock::~FolderLock() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
  }
}

}  // namespace parallax
