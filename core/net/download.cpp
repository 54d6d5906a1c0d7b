// The attempts, the file that grows, and the checks at the end.
#include "core/net/download.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>
#include <system_error>
#include <thread>

#include "core/base/device.h"
#include "core/base/error.h"
#include "core/base/progress.h"
#include "core/net/sha256.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr int kMostFailures = 5;  // attempts one after the other that bring nothing
constexpr std::size_t kReadBytes = std::size_t{1} << 20;
constexpr std::uint64_t kMegabyte = 1'000'000;

// The file that grows, and the hash of what it holds.
class PartialFile {
 public:
  explicit PartialFile(const fs::path& path) : path_(path) {
    descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (descriptor_ < 0) {
      fail("create the file");
    }
    add_existing();
  }
  ~PartialFile() { ::close(descriptor_); }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  std::uint64_t size() const { return size_; }

  void clear() {
    if (::ftruncate(descriptor_, 0) != 0 || ::lseek(descriptor_, 0, SEEK_SET) != 0) {
      fail("empty the file");
    }
    size_ = 0;
    hash_ = {};
  }

  void append(const char* data, std::size_t count) {
    hash_.add(data, count);
    while (count > 0) {
      const ssize_t written = ::write(descriptor_, data, count);
      if (written < 0 && errno == EINTR) {
        continue;
      }
      if (written < 0) {
        fail("write the file");
      }
      data += written;
      count -= static_cast<std::size_t>(written);
      size_ += static_cast<std::uint64_t>(written);
    }
  }

  // The hash of all of it, on disk.
  std::string finish() {
    if (::fsync(descriptor_) != 0) {
      fail("flush the file to disk");
    }
    return hash_.finish();
  }

  // Throws Error unless the file system has room for `count` more bytes.
  void require_space(std::uint64_t count) const {
    struct statvfs status {};
    if (::fstatvfs(descriptor_, &status) != 0) {
      return;
    }
    const std::uint64_t free = std::uint64_t{status.f_bavail} * status.f_frsize;
    if (count > free) {
      throw Error(ErrorParts{.what = "there is not enough room on the disk",
                             .where = path_.parent_path().string(),
                             .expected = format_bytes(static_cast<int64_t>(count)),
                             .got = format_bytes(static_cast<int64_t>(free)) + " free",
                             .remedy = "Free some space, or set HF_HOME to a folder elsewhere."});
    }
  }

 private:
  void add_existing() {
    std::string buffer(kReadBytes, '\0');
    while (true) {
      const ssize_t got = ::read(descriptor_, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got < 0) {
        fail("read the file");
      }
      if (got == 0) {
        return;
      }
      hash_.add(buffer.data(), static_cast<std::size_t>(got));
      size_ += static_cast<std::uint64_t>(got);
    }
  }

  [[noreturn]] void fail(const char* step) const {
    const int error = errno;
    throw Error(ErrorParts{
        .what = fmt::format("cannot {}: {}", step, std::generic_category().message(error)),
        .where = path_.string(),
        .remedy = error == ENOSPC || error == EDQUOT || error == EFBIG
                      ? "Free some space and fetch again: it goes on from here."
                      : ""});
  }

  fs::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
  Sha256 hash_;
};

// "bytes 5-9/10" as the first and the total; the total is 0 if the server does not know it.
struct ContentRange {
  std::uint64_t first = 0;
  std::uint64_t total = 0;
};

std::optional<ContentRange> parse_content_range(const std::string& text) {
  unsigned long long first = 0;
  unsigned long long last = 0;
  unsigned long long total = 0;
  const int read = std::sscanf(text.c_str(), "bytes %llu-%llu/%llu", &first, &last, &total);
  return read >= 2 ? std::optional(ContentRange{first, total}) : std::nullopt;
}

std::uint64_t parse_size(const std::string& text) {
  return text.empty() ? 0 : std::strtoull(text.c_str(), nullptr, 10);
}

// One run over a file, attempt after attempt.
class Fetch {
 public:
  explicit Fetch(const Download& wanted)
      : wanted_(wanted), file_(wanted.partial), validator_path_(wanted.partial.string() + ".tag") {
    std::ifstream file(validator_path_);
    std::getline(file, validator_);
  }

  void run();

 private:
  bool knows_content() const { return !wanted_.sha256.empty(); }
  bool is_complete() const { return wanted_.size > 0 && file_.size() == wanted_.size; }
  HttpResponse attempt();
  void begin(const HttpResponse& response, std::uint64_t asked_from);
  void check();
  void remember_validator(const HttpResponse& response);

  const Download& wanted_;
  PartialFile file_;
  fs::path validator_path_;
  std::string validator_;
  std::uint64_t total_ = 0;  // as the server says; 0: it does not
  std::optional<Progress> progress_;
  std::uint64_t shown_ = 0;  // megabytes
};

void Fetch::remember_validator(const HttpResponse& response) {
  const std::string tag = response.header("etag");
  // A weak tag does not promise the same bytes.
  validator_ = tag.empty() || tag.starts_with("W/") ? response.header("last-modified") : tag;
  std::ofstream(validator_path_) << validator_;
}

void Fetch::begin(const HttpResponse& response, std::uint64_t asked_from) {
  if (response.status == 206) {
    const auto range = parse_content_range(response.header("content-range"));
    if (!range || range->first != asked_from) {
      file_.clear();
      throw Error(ErrorParts{.what = "the server sent another part than was asked for",
                             .where = wanted_.url,
                             .got = response.header("content-range"),
                             .remedy = "Fetch again: it begins anew."});
    }
    total_ = range->total;
  } else {
    file_.clear();  // the whole file
    total_ = parse_size(response.header("content-length"));
  }
  if (wanted_.size > 0 && total_ > 0 && total_ != wanted_.size) {
    throw Error(ErrorParts{.what = "the file that the server sends has another size than the one "
                                   "that it lists",
                           .where = wanted_.url,
                           .expected = fmt::format("{} bytes", wanted_.size),
                           .got = std::to_string(total_)});
  }
  if (!knows_content()) {
    remember_validator(response);
  }
  total_ = std::max(total_, wanted_.size);
  if (total_ > file_.size()) {
    file_.require_space(total_ - file_.size());
  }
  if (!progress_) {
    shown_ = file_.size() / kMegabyte;
    const std::uint64_t left = total_ > file_.size() ? (total_ - file_.size()) / kMegabyte : 0;
    progress_.emplace(
        fmt::format("fetch {} (MB)", wanted_.name), static_cast<int64_t>(left), wanted_.quiet);
  }
}

HttpResponse Fetch::attempt() {
  if (!knows_content() && validator_.empty() && file_.size() > 0) {
    file_.clear();
  }
  const std::uint64_t from = file_.size();
  HttpRequest request{.url = wanted_.url, .headers = wanted_.headers};
  if (from > 0) {
    request.headers.push_back(fmt::format("Range: bytes={}-", from));
    if (!knows_content()) {
      request.headers.push_back("If-Range: " + validator_);
    }
  }
  return http_request(request,
                      {.begin = [&](const HttpResponse& response) { begin(response, from); },
                       .take =
                           [&](const char* data, std::size_t count) {
                             file_.append(data, count);
                             const std::uint64_t megabytes = file_.size() / kMegabyte;
                             if (progress_ && megabytes > shown_) {
                               progress_->advance(static_cast<int64_t>(megabytes - shown_));
                               shown_ = megabytes;
                             }
                           }});
}

void Fetch::check() {
  const std::string hash = file_.finish();
  std::error_code ignored;
  fs::remove(validator_path_, ignored);
  if (wanted_.size > 0 && file_.size() != wanted_.size) {
    fs::remove(wanted_.partial, ignored);
    throw Error(ErrorParts{.what = "the file that came has the wrong size",
                           .where = wanted_.url,
                           .expected = fmt::format("{} bytes", wanted_.size),
                           .got = std::to_string(file_.size()),
                           .remedy = "Fetch it again."});
  }
  if (!wanted_.sha256.empty() && hash != wanted_.sha256) {
    fs::remove(wanted_.partial, ignored);
    throw Error(ErrorParts{.what = "the file that came is not the one that the server lists",
                           .where = wanted_.url,
                           .expected = "SHA-256 " + wanted_.sha256,
                           .got = hash,
                           .remedy = "Fetch it again; what came was removed."});
  }
}

void Fetch::run() {
  int failures = 0;
  while (!is_complete()) {
    const std::uint64_t before = file_.size();
    if (wanted_.size > 0 && before > wanted_.size) {
      file_.clear();
    }
    const HttpResponse response = attempt();
    const bool success = response.status == 200 || response.status == 206;
    if (success && response.failure.empty() && (total_ == 0 || file_.size() == total_)) {
      break;
    }
    if (response.status == 416 && before > 0) {  // there is nothing after what is here
      file_.clear();
      validator_.clear();
    } else if (success && file_.size() > before) {
      failures = 0;
      if (!wanted_.quiet) {
        fmt::print(stderr,
                   "note: the connection broke after {}; going on\n",
                   format_bytes(static_cast<int64_t>(file_.size())));
      }
      continue;
    } else if (!success && response.status != 429 && response.status < 500) {
      throw_http_error(response, wanted_.name);
    }
    if (++failures == kMostFailures) {
      throw_http_error(response, wanted_.name);
    }
    std::this_thread::sleep_for(std::chrono::seconds(1 << (failures - 1)) / 2);
  }
  check();
  if (progress_) {
    progress_->finish();
  }
}

}  // namespace

void throw_http_error(const HttpResponse& response, const std::string& name) {
  ErrorParts parts{.what = fmt::format("{} cannot be fetched: ", name), .where = response.url};
  const std::string said = response.header("x-error-message");
  switch (response.status) {
    case 0:
      parts.what += "the server cannot be reached (" + response.failure + ")";
      parts.remedy = "Check the network, and https_proxy if there is a proxy.";
      break;
    case 401:
      parts.what += "the server wants to know who asks (401)";
      parts.remedy =
          "Set HF_TOKEN to a token of your account; a wrong or expired one is refused, "
          "too.";
      break;
    case 403:
      parts.what += "the server refuses access (403)";
      parts.remedy = "Ask the publisher for access with the account of your HF_TOKEN.";
      break;
    case 404:
      parts.what += "the server has no such file (404)";
      parts.remedy =
          "The publisher may have moved it; a file fetched by other means is used by "
          "naming it with --model.";
      break;
    default:
      if (response.failure.empty()) {
        parts.what += fmt::format("the server answered {}", response.status);
      } else {
        parts.what += "the connection broke (" + response.failure + ")";
      }
      parts.remedy = "Try again later: it goes on from what is there.";
  }
  if (!said.empty()) {
    parts.what += ", saying \"" + said + "\"";
  }
  throw Error(parts);
}

void download(const Download& download) { Fetch(download).run(); }

void put_in_place(const fs::path& partial, const fs::path& target) {
  std::error_code error;
  fs::rename(partial, target, error);
  if (error) {
    throw Error(ErrorParts{.what = "cannot put the finished file in place: " + error.message(),
                           .where = target.string()});
  }
}

}  // namespace parallax
