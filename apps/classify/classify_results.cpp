// Appending with write(2), and reading back line by line.
#include "apps/classify/classify_results.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "apps/report/earlier_results.h"
#include "apps/report/system_info.h"
#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/base/paths.h"
#include "core/io/atomic_file.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRows = "results.jsonl";
constexpr const char* kTable = "results.csv";
constexpr const char* kThumbnails = "thumbnails.bin";
constexpr const char* kSettings = "run.json";
// All that a run writes, some of it only at its end, or only if classes are known.
constexpr const char* kFilesOfRun[] = {kRows,
                                       kTable,
                                       kThumbnails,
                                       kSettings,
                                       "summary.json",
                                       "index.html",
                                       "classes.csv",
                                       "confusion.csv",
                                       "confusion.png"};
constexpr int64_t kLargestThumbnail = 1 << 20;

[[noreturn]] void fail(const fs::path& path, int error_number) {
  throw Error(ErrorParts{
      .what = "the results cannot be written: " + std::generic_category().message(error_number),
      .where = path.string(),
      .remedy = "Existing results are kept; continue with --resume."});
}

int open_to_append(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    fail(path, errno);
  }
  return descriptor;
}

void write_all(int descriptor, const std::string& text, const fs::path& path) {
  for (size_t done = 0; done < text.size();) {
    const ssize_t written = ::write(descriptor, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      fail(path, written < 0 ? errno : ENOSPC);
    }
    done += static_cast<size_t>(written);
  }
}

}  // namespace

ResultsFolder::ResultsFolder(fs::path folder,
                             RowFormat format,
                             const nlohmann::json& settings,
                             bool resume)
    : folder_(std::move(folder)), format_(std::move(format)) {
  create_folder(folder_);
  lock();
  std::error_code ignored;
  if (resume && fs::exists(file(kRows), ignored)) {
    check_settings(settings);
    repair();
  } else {
    earlier_ = set_aside(folder_, {std::begin(kFilesOfRun), std::end(kFilesOfRun)});
    nlohmann::json run = settings;
    run["provenance"] = provenance_json();
    write_file_atomically(file(kSettings), dump_json(run, 1) + "\n");
    write_file_atomically(file(kTable), csv_header(format_));
  }
  rows_ = open_to_append(file(kRows));
  table_ = open_to_append(file(kTable));
  thumbnails_ = open_to_append(file(kThumbnails));
  thumbnails_end_ = ::lseek(thumbnails_, 0, SEEK_END);
}

ResultsFolder::~ResultsFolder() {
  for (const int descriptor : {rows_, table_, thumbnails_, lock_}) {
    if (descriptor >= 0) {
      ::close(descriptor);
    }
  }
}

void ResultsFolder::lock() {
  lock_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // Some network file systems have no locks; there the folder is not locked.
  if (lock_ >= 0 && ::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(lock_);
    throw Error(ErrorParts{.what = "another process is writing results into this folder",
                           .where = folder_.string(),
                           .remedy = "Wait for it, or name another --output."});
  }
}

void ResultsFolder::check_settings(const nlohmann::json& settings) const {
  std::ifstream stream(file(kSettings));
  const nlohmann::json before = nlohmann::json::parse(stream, nullptr, false);
  std::string differences;
  for (const auto& item : settings.items()) {
    const nlohmann::json old =
        before.is_object() ? before.value(item.key(), nlohmann::json()) : nlohmann::json();
    if (old != item.value()) {
      differences += fmt::format("{}{} was {}, is {}",
                                 differences.empty() ? "" : "; ",
                                 item.key(),
                                 dump_json(old),
                                 dump_json(item.value()));
    }
  }
  if (!differences.empty()) {
    throw UsageError(
        ErrorParts{.what = "the results there were made with other options: " + differences,
                   .where = folder_.string(),
                   .remedy = "Name another --output, or leave out --resume to start over."});
  }
}

// Finds which images are done, cuts off a half-written line, and rewrites the table from the rows.
void ResultsFolder::repair() {
  int64_t good_end = 0;
  AtomicFile table(file(kTable));
  const auto put = [&](const std::string& text) { table.write(text.data(), text.size()); };
  put(csv_header(format_));
  {
    std::ifstream stream(file(kRows), std::ios::binary);
    std::string line;
    while (std::getline(stream, line) && !stream.eof()) {  // at eof: no newline, so incomplete
      good_end += static_cast<int64_t>(line.size()) + 1;
      if (const auto image = parse_json_line(line, format_)) {
        done_.insert(image->path);
        put(csv_line(*image, format_));
      }
    }
  }
  if (::truncate(file(kRows).c_str(), good_end) != 0) {
    fail(file(kRows), errno);
  }
  table.commit();
}

void ResultsFolder::append(std::vector<NewRow>& rows) {
  std::string thumbnails;
  std::string lines;
  std::string table;
  for (NewRow& row : rows) {
    row.image.thumbnail_offset = thumbnails_end_ + static_cast<int64_t>(thumbnails.size());
    row.image.thumbnail_bytes = static_cast<int64_t>(row.thumbnail.size());
    thumbnails += row.thumbnail;
    lines += json_line(row.image, format_);
    table += csv_line(row.image, format_);
  }
  // The row comes last, so that the thumbnail it points to exists.
  write_all(thumbnails_, thumbnails, file(kThumbnails));
  thumbnails_end_ += static_cast<int64_t>(thumbnails.size());
  write_all(rows_, lines, file(kRows));
  write_all(table_, table, file(kTable));
}

void ResultsFolder::for_each(const std::function<void(const ClassifiedImage&)>& visit) const {
  std::ifstream stream(file(kRows), std::ios::binary);
  std::string line;
  while (std::getline(stream, line)) {
    if (const auto image = parse_json_line(line, format_)) {
      visit(*image);
    }
  }
}

std::string ResultsFolder::thumbnail(const ClassifiedImage& image) const {
  if (image.thumbnail_bytes <= 0 || image.thumbnail_bytes > kLargestThumbnail ||
      image.thumbnail_offset < 0) {
    return "";
  }
  std::string bytes(static_cast<size_t>(image.thumbnail_bytes), '\0');
  const ssize_t got = ::pread(thumbnails_, bytes.data(), bytes.size(), image.thumbnail_offset);
  return got == image.thumbnail_bytes ? bytes : "";
}

}  // namespace parallax
