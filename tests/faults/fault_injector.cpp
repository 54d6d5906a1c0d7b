// A library for LD_PRELOAD that makes the N-th write-like call on files below a folder fail, or
// kills the process there. Write-like are write, writev, pwrite, fsync, fdatasync, ftruncate,
// rename, mkdir, link, symlink, sendfile and copy_file_range.
//
//   PARALLAX_FAULT_FOLDER  the folder, absolute
//   PARALLAX_FAULT_AT      N, from 1; 0 only counts
//   PARALLAX_FAULT_KIND    full    no space left, for this call and all later ones
//                          io      this call fails with EIO
//                          short   a write takes half of its bytes; other calls do as they do
//                          kill    SIGKILL instead of the call
//   PARALLAX_FAULT_COUNT   a file, outside of the folder, that holds the number of calls so far and
//                          what the last one was
//   PARALLAX_FAULT_RANK    only in the process whose environment has this RANK
//   PARALLAX_FAULT_LINKS   none: symlink fails as on a file system without symbolic links
//   PARALLAX_FAULT_LOCKS   none: flock fails as on a network file system without locks
#include <fcntl.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

enum class Kind { kFull, kIo, kShort, kKill };
enum class Verdict { kGoOn, kFail, kHalf };

struct Plan {
  std::string folder;  // with a slash at its end
  long at = 0;
  Kind kind = Kind::kIo;
  int counter = -1;
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

const Plan& plan() {
  static const Plan* const made = [] {
    auto* p = new Plan;
    p->folder = variable("PARALLAX_FAULT_FOLDER");
    const std::string rank = variable("PARALLAX_FAULT_RANK");
    if (p->folder.empty() || (!rank.empty() && rank != variable("RANK"))) {
      p->folder.clear();
      return p;
    }
    p->folder += '/';
    p->at = std::atol(variable("PARALLAX_FAULT_AT").c_str());
    const std::string kind = variable("PARALLAX_FAULT_KIND");
    p->kind = kind == "full"    ? Kind::kFull
              : kind == "short" ? Kind::kShort
              : kind == "kill"  ? Kind::kKill
                                : Kind::kIo;
    const std::string count = variable("PARALLAX_FAULT_COUNT");
    if (!count.empty()) {
      p->counter = static_cast<int>(syscall(
          SYS_openat, AT_FDCWD, count.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    }
    return p;
  }();
  return *made;
}

std::atomic<long> calls = 0;

bool concerns(std::string_view path) {
  const Plan& p = plan();
  return !p.folder.empty() && (std::string(path) + '/').starts_with(p.folder);
}

std::string path_of(int descriptor) {
  char name[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const auto length = syscall(SYS_readlinkat, AT_FDCWD, link.c_str(), name, sizeof name);
  return length > 0 ? std::string(name, static_cast<size_t>(length)) : "";
}

std::string absolute(const char* path) {
  if (path[0] == '/') {
    return path;
  }
  char folder[PATH_MAX];
  return syscall(SYS_getcwd, folder, sizeof folder) > 0 ? std::string(folder) + "/" + path : path;
}

Verdict verdict(const std::string& path, const char* call) {
  if (!concerns(path)) {
    return Verdict::kGoOn;
  }
  const Plan& p = plan();
  const long number = ++calls;
  if (p.counter >= 0) {
    const std::string line = std::to_string(number) + " " + call + " " + path + "\n";
    syscall(SYS_ftruncate, p.counter, 0L);
    syscall(SYS_pwrite64, p.counter, line.data(), line.size(), 0L);
  }
  if (p.at == 0 || number < p.at || (number > p.at && p.kind != Kind::kFull)) {
    return Verdict::kGoOn;
  }
  switch (p.kind) {
    case Kind::kKill:
      syscall(SYS_kill, static_cast<long>(getpid()), static_cast<long>(SIGKILL));
      return Verdict::kGoOn;
    case Kind::kShort:
      return Verdict::kHalf;
    case Kind::kFull:
      errno = ENOSPC;
      return Verdict::kFail;
    case Kind::kIo:
      errno = EIO;
      return Verdict::kFail;
  }
  return Verdict::kGoOn;
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t count) {
  const Verdict v = plan().folder.empty() ? Verdict::kGoOn : verdict(path_of(descriptor), "write");
  if (v == Verdict::kFail) {
    return -1;
  }
  return syscall(
      SYS_write, descriptor, bytes, v == Verdict::kHalf && count > 1 ? count / 2 : count);
}

ssize_t pwrite(int descriptor, const void* bytes, size_t count, off_t offset) {
  const Verdict v = plan().folder.empty() ? Verdict::kGoOn : verdict(path_of(descriptor), "pwrite");
  if (v == Verdict::kFail) {
    return -1;
  }
  return syscall(SYS_pwrite64,
                 descriptor,
                 bytes,
                 v == Verdict::kHalf && count > 1 ? count / 2 : count,
                 offset);
}

ssize_t pwrite64(int descriptor, const void* bytes, size_t count, off_t offset) {
  return pwrite(descriptor, bytes, count, offset);
}

ssize_t writev(int descriptor, const iovec* parts, int count) {
  const Verdict v = plan().folder.empty() ? Verdict::kGoOn : verdict(path_of(descriptor), "writev");
  if (v == Verdict::kFail) {
    return -1;
  }
  if (v == Verdict::kHalf && count > 0 && parts[0].iov_len > 1) {
    return syscall(SYS_write, descriptor, parts[0].iov_base, parts[0].iov_len / 2);
  }
  return syscall(SYS_writev, descriptor, parts, count);
}

int fsync(int descriptor) {
  return verdict(path_of(descriptor), "fsync") == Verdict::kFail
             ? -1
             : static_cast<int>(syscall(SYS_fsync, descriptor));
}

int fdatasync(int descriptor) {
  return verdict(path_of(descriptor), "fdatasync") == Verdict::kFail
             ? -1
             : static_cast<int>(syscall(SYS_fdatasync, descriptor));
}

int ftruncate(int descriptor, off_t length) {
  return verdict(path_of(descriptor), "ftruncate") == Verdict::kFail
             ? -1
             : static_cast<int>(syscall(SYS_ftruncate, descriptor, length));
}

int ftruncate64(int descriptor, off_t length) { return ftruncate(descriptor, length); }

int rename(const char* from, const char* to) {
  return verdict(absolute(to), "rename") == Verdict::kFail
             ? -1
             : static_cast<int>(syscall(SYS_rename, from, to));
}

int mkdir(const char* path, mode_t mode) {
  return verdict(absolute(path), "mkdir") == Verdict::kFail
             ? -1
             : static_cast<int>(syscall(SYS_mkdir, path, mode));
}

int link(const char* from, const char* to) {
  return verdict(absolute(to), "link") == Verdict::kFail
             ? -1
             : static_cast<int>(syscall(SYS_link, from, to));
}

int symlink(const char* from, const char* to) {
  if (variable("PARALLAX_FAULT_LINKS") == "none") {
    errno = EPERM;
    return -1;
  }
  return verdict(absolute(to), "symlink") == Verdict::kFail
             ? -1
             : static_cast<int>(syscall(SYS_symlink, from, to));
}

// Copies of files: standard libraries use either.
ssize_t sendfile(int to, int from, off_t* offset, size_t count) {
  const Verdict v = verdict(path_of(to), "sendfile");
  if (v == Verdict::kFail) {
    return -1;
  }
  return syscall(
      SYS_sendfile, to, from, offset, v == Verdict::kHalf && count > 1 ? count / 2 : count);
}

ssize_t copy_file_range(int from,
                        off64_t* from_offset,
                        int to,
                        off64_t* to_offset,
                        size_t count,
                        unsigned flags) {
  const Verdict v = verdict(path_of(to), "copy_file_range");
  if (v == Verdict::kFail) {
    return -1;
  }
  return syscall(SYS_copy_file_range,
                 from,
                 from_offset,
                 to,
                 to_offset,
                 v == Verdict::kHalf && count > 1 ? count / 2 : count,
                 flags);
}

int flock(int descriptor, int operation) {
  if (variable("PARALLAX_FAULT_LOCKS") == "none") {
    errno = ENOLCK;
    return -1;
  }
  return static_cast<int>(syscall(SYS_flock, descriptor, operation));
}

}  // extern "C"
