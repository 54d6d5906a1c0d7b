// Opening and positioned reading.
#include "core/io/input_file.h"

#include <c10/util/StringUtil.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr std::size_t kLargestRead = std::size_t{1} << 30;

[[noreturn]] void fail(const std::filesystem::path& path, int error_number) {
  throw Error(
      {.what = c10::str("cannot read the file: ", std::generic_category().message(error_number)),
       .where = path.string(),
       .remedy = error_number == ENOENT ? "Check the path." : ""});
}

}  // namespace

InputFile::InputFile(const std::filesystem::path& path) : path_(path) {
  // O_NONBLOCK: opening a named pipe must not wait for a writer.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) {
    fail(path, errno);
  }
  struct stat status {};
  const int result = ::fstat(descriptor_, &status);
  const int error_number = errno;
  if (result == 0 && S_ISREG(status.st_mode)) {
    size_ = static_cast<std::uint64_t>(status.st_size);
    return;
  }
  ::close(descriptor_);
  if (result != 0) {
    fail(path, error_number);
  }
  throw Error({.what = "cannot read this as a file",
               .where = path.string(),
               .expected = "a regular file",
               .got = S_ISDIR(status.st_mode) ? "a folder" : "a special file"});
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(std::uint64_t offset, void* destination, std::size_t count) const {
  if (offset > size_ || count > size_ - offset) {
    throw Error({.what = "the file is truncated",
                 .where = name(),
                 .expected = c10::str(count, " bytes at offset ", offset),
                 .got = c10::str("a file of ", size_, " bytes")});
  }
  auto* bytes = static_cast<char*>(destination);
  while (count > 0) {
    const ssize_t got =
        ::pread(descriptor_, bytes, std::min(count, kLargestRead), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      fail(path_, errno);
    }
    if (got == 0) {
      throw Error({.what = "the file became shorter while it was read", .where = name()});
    }
    bytes += got;
    offset += static_cast<std::uint64_t>(got);
    count -= static_cast<std::size_t>(got);
  }
}

std::string InputFile::read(std::uint64_t offset, std::size_t count) const {
  if (offset > size_ || count > size_ - offset) {
    read(offset, nullptr, count);  // throws, before anything is allocated
  }
  std::string bytes(count, '\0');
  read(offset, bytes.data(), count);
  return bytes;
}

}  // namespace parallax
