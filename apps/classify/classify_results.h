// The folder in which `classify` keeps its results: lines appended as images are done, so that
// neither a crash nor a kill loses any, and a later run can go on.
//
//   results.jsonl   a line an image; everything else can be made from it
//   results.csv     the same as a table
//   thumbnails.bin  small JPEG files one after the other; rows say where theirs lies
//   run.json        what the rows have in common
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "apps/classify/classify_rows.h"

namespace parallax {

struct NewRow {
  ClassifiedImage image;
  std::string thumbnail;  // a JPEG file, or empty
};

class ResultsFolder {
 public:
  // With `resume`, keeps the rows that are there, cuts off a half-written last one, and throws
  // UsageError if they were made with other `settings`; without, moves them to
  // results.previous.jsonl. Throws Error while another process writes there.
  ResultsFolder(std::filesystem::path folder,
                RowFormat format,
                const nlohmann::json& settings,
                bool resume);
  ~ResultsFolder();
  ResultsFolder(const ResultsFolder&) = delete;
  ResultsFolder& operator=(const ResultsFolder&) = delete;

  // Whether a row for this path was there from the beginning.
  bool was_done(const std::string& printable_path) const { return done_.contains(printable_path); }
  size_t count_done() const { return done_.size(); }

  // Writes the rows so that a kill at any moment leaves whole lines, but perhaps the last.
  void append(std::vector<NewRow>& rows);

  // All rows, from the beginning, one at a time. Lines that are not ours are left out.
  void for_each(const std::function<void(const ClassifiedImage&)>& visit) const;

  // The thumbnail's JPEG file, or an empty text where it is missing.
  std::string thumbnail(const ClassifiedImage& image) const;

  const std::filesystem::path& path() const { return folder_; }
  const RowFormat& format() const { return format_; }

 private:
  std::filesystem::path file(const char* name) const { return folder_ / name; }
  void lock();
  void check_settings(const nlohmann::json& settings) const;
  void repair();

  std::filesystem::path folder_;
  RowFormat format_;
  std::unordered_set<std::string> done_;
  int lock_ = -1;  // file descriptors
  int rows_ = -1;
  int table_ = -1;
  int thumbnails_ = -1;
  int64_t thumbnails_end_ = 0;
};

}  // namespace parallax
