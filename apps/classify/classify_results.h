// The folder in which `classify` keeps its results: lines are appended as images are done, so that
// neither a crash nor a kill loses any and a later run can resume.
//
//   results.jsonl   one line per image; everything else can be derived from it
//   results.csv     the same as a table
//   thumbnails.bin  small JPEG files one after the other; rows store their positions
//   run.json        what the rows have in common
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "apps/classify/classify_rows.h"
#include "core/files/append_file.h"

namespace parallax {

// A row to be appended, with its thumbnail.
struct NewRow {
  ClassifiedImage image;
  std::string thumbnail;  // a JPEG file, or empty
};

// Writes and reads the results; holds a lock on the folder.
class ResultsFolder {
 public:
  // With `resume`, keeps existing rows, cuts off a half-written last one, and throws UsageError if
  // they were made with other `settings`; otherwise moves all that an earlier run wrote to the
  // sub-folder `previous`. Throws Error while another process writes there.
  ResultsFolder(std::filesystem::path folder,
                RowFormat format,
                const nlohmann::json& settings,
                bool resume);

  // Whether a row for this path existed from the beginning.
  bool was_done(const std::string& printable_path) const { return done_.contains(printable_path); }
  size_t count_done() const { return done_.size(); }

  // Where the results of an earlier run are now; empty if there were none.
  const std::filesystem::path& earlier() const { return earlier_; }

  // Writes the rows so that a kill at any moment leaves whole lines, except perhaps the last.
  void append(std::vector<NewRow>& rows);

  // Visits all rows from the beginning, one at a time. Skips lines that append() did not write.
  void for_each(const std::function<void(const ClassifiedImage&)>& visit) const;

  // The thumbnail's JPEG file, or an empty string if it is missing.
  std::string thumbnail(const ClassifiedImage& image) const;

  const std::filesystem::path& path() const { return folder_; }
  const RowFormat& format() const { return format_; }

 private:
  std::filesystem::path file(const char* name) const { return folder_ / name; }
  void repair();

  std::filesystem::path folder_;
  RowFormat format_;
  std::unordered_set<std::string> done_;
  std::filesystem::path earlier_;
  std::optional<FolderLock> lock_;
  std::optional<AppendFile> rows_;
  std::optional<AppendFile> table_;
  std::optional<AppendFile> thumbnails_;
};

}  // namespace parallax
