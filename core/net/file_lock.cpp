// flock, first without waiting.
#include "core/net/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/base/error.h"

namespace parallax {

FileLock::FileLock(const std::filesystem::path& path, const std::function<void()>& on_wait) {
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) {
    throw Error(
        ErrorParts{.what = "cannot create the lock: " + std::generic_category().message(errno),
                   .where = path.string()});
  }
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) {
    return;
  }
  on_wait();
  while (::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
  }
}

FileLock::~FileLock() { ::close(descriptor_); }

}  // namespace parallax
