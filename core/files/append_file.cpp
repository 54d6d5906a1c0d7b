// Appending with write(2), locking with flock(2).
#include "core/files/append_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <system_error>
#include <utility>

#include "core/base/error.h"

namespace parallax {
namespace {

// Whether a file is one that AtomicFile had not finished: ".NAME.NUMBER.tmp".
bool is_unfinished_file(const std::string& name) {
  constexpr std::string_view kEnd = ".tmp";
  if (!name.starts_with('.') || !name.ends_with(kEnd)) {
    return false;
  }
  const size_t end = name.size() - kEnd.size();
  const size_t dot = name.rfind('.', end - 1);
  return dot != std::string::npos && dot > 0 && dot + 1 < end &&
         std::all_of(name.begin() + static_cast<std::ptrdiff_t>(dot) + 1,
                     name.begin() + static_cast<std::ptrdiff_t>(end),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

void remove_unfinished_files(const std::filesystem::path& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (is_unfinished_file(it->path().filename().string())) {
      std::error_code ignored;
      std::filesystem::remove(it->path(), ignored);
    }
  }
}

}  // namespace

AppendFile::AppendFile(const std::filesystem::path& path, std::string remedy)
    : path_(path),
      remedy_(std::move(remedy)),
      descriptor_(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) {
    fail(errno);
  }
  size_ = ::lseek(descriptor_, 0, SEEK_END);
}

AppendFile::~AppendFile() { ::close(descriptor_); }

void AppendFile::fail(int error_number) const {
  throw Error(ErrorParts{
      .what = "the results cannot be written: " + std::generic_category().message(error_number),
      .where = path_.string(),
      .remedy = remedy_});
}

void AppendFile::append(std::string_view text) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(descriptor_, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      fail(written < 0 ? errno : ENOSPC);
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
  if (descriptor_ < 0) {
    return;
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0) {
    remove_unfinished_files(folder);  // of a process that was killed: nobody else writes here
  } else if (errno == EWOULDBLOCK) {
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
