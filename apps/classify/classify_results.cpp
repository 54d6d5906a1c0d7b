// Appending with write(2), and reading back line by line.
#include "apps/classify/classify_results.h"

#include <fstream>

#include "apps/report/earlier_results.h"
#include "apps/report/run_settings.h"
#include "apps/report/system_info.h"
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

}  // namespace

ResultsFolder::ResultsFolder(fs::path folder,
                             RowFormat format,
                             const nlohmann::json& settings,
                             bool resume)
    : folder_(std::move(folder)), format_(std::move(format)) {
  create_folder(folder_);
  lock_.emplace(folder_);
  std::error_code ignored;
  if (resume && fs::exists(file(kRows), ignored)) {
    check_settings(file(kSettings), settings);
    repair();
  } else {
    earlier_ = set_aside(folder_, {std::begin(kFilesOfRun), std::end(kFilesOfRun)});
    nlohmann::json run = settings;
    run["provenance"] = provenance_json();
    run["labels"] = labels_to_json(format_.labels);
    write_file_atomically(file(kSettings), dump_json(run, 1) + "\n");
    write_file_atomically(file(kTable), csv_header(format_));
  }
  rows_.emplace(file(kRows));
  table_.emplace(file(kTable));
  thumbnails_.emplace(file(kThumbnails));
}

// Finds which images are done, cuts off a half-written line, and rewrites the table from the rows.
void ResultsFolder::repair() {
  AtomicFile table(file(kTable));
  const auto put = [&](const std::string& text) { table.write(text.data(), text.size()); };
  put(csv_header(format_));
  read_whole_lines(file(kRows), [&](const std::string& line) {
    if (const auto image = parse_json_line(line, format_)) {
      done_.insert(image->path);
      put(csv_line(*image, format_));
    }
  });
  table.commit();
}

void ResultsFolder::append(std::vector<NewRow>& rows) {
  std::string thumbnails;
  std::string lines;
  std::string table;
  for (NewRow& row : rows) {
    row.image.thumbnail_offset = thumbnails_->size() + static_cast<int64_t>(thumbnails.size());
    row.image.thumbnail_bytes = static_cast<int64_t>(row.thumbnail.size());
    thumbnails += row.thumbnail;
    lines += json_line(row.image, format_);
    table += csv_line(row.image, format_);
  }
  // The row comes last, so that the thumbnail it points to exists.
  thumbnails_->append(thumbnails);
  rows_->append(lines);
  table_->append(table);
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
  return thumbnails_->read(image.thumbnail_offset, image.thumbnail_bytes);
}

}  // namespace parallax
