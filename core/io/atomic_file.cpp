// Temporary file, fsync, rename, fsync of the folder.
#include "core/io/atomic_file.h"

#include <c10/util/StringUtil.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <system_error>
#include <utility>

#include "core/base/error.h"

namespace parallax {
namespace {

// Linux writes at most about 2 GiB per call.
constexpr std::size_t kLargestWrite = std::size_t{1} << 30;
constexpr int kNameAttempts = 100;

std::string remedy_for(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      return "Create the folder first.";
    case ENOSPC:
    case EDQUOT:
      return "Free some space or write elsewhere.";
    case EACCES:
    case EPERM:
    case EROFS:
      return "Choose a folder that you may write to.";
    default:
      return "";
  }
}

std::filesystem::path follow_links(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(path, error)) {
    return path;
  }
  // A dangling link resolves to the place it names.
  auto resolved = std::filesystem::weakly_canonical(path, error);
  return error ? path : resolved;
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

void check_target(const std::filesystem::path& path) {
  if (!path.has_filename()) {
    throw Error({.what = "cannot write: the path names no file", .where = path.string()});
  }
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    throw Error({.what = "cannot write here",
                 .where = path.string(),
                 .expected = "a regular file or a new name",
                 .got = std::filesystem::is_directory(status) ? "a folder" : "a special file",
                 .remedy = "Choose another output name."});
  }
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& path) : target_(follow_links(path)) {
  check_target(target_);
  // mkstemp would create the file with mode 0600; open() lets the user's umask decide.
  std::random_device random;
  for (int attempt = 0; attempt < kNameAttempts && descriptor_ < 0; ++attempt) {
    temporary_ = folder_of(target_) /
                 c10::str(".", target_.filename().string().substr(0, 200), ".", random(), ".tmp");
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno != EEXIST) {
      fail("create a file in this folder", errno);
    }
  }
  if (descriptor_ < 0) {
    fail("create a file in this folder", EEXIST);
  }
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) {
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
  }
}

void AtomicFile::fail(const char* step, int error_number) const {
  throw Error(
      {.what = c10::str("cannot ", step, ": ", std::generic_category().message(error_number)),
       .where = target_.string(),
       .remedy = remedy_for(error_number)});
}

void AtomicFile::write(const void* data, std::size_t count) {
  const auto* bytes = static_cast<const char*>(data);
  while (count > 0) {
    const ssize_t written = ::write(descriptor_, bytes, std::min(count, kLargestWrite));
    if (written < 0) {
      if (errno == EINTR) {
        continue;
      }
      fail("write the file", errno);
    }
    bytes += written;
    count -= static_cast<std::size_t>(written);
  }
}

void AtomicFile::commit() {
  if (::fsync(descriptor_) != 0) {
    fail("flush the file to disk", errno);
  }
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    fail("put the finished file in place", errno);
  }
  const int descriptor = std::exchange(descriptor_, -1);
  // Network file systems report a failed write only here.
  if (::close(descriptor) != 0) {
    fail("close the file", errno);
  }
  const int folder = ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    // Some file systems cannot sync a folder; the content itself is safe by now.
    static_cast<void>(::fsync(folder));
    ::close(folder);
  }
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content.data(), content.size());
  file.commit();
}

}  // namespace parallax
