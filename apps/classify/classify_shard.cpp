// Reads run.json, summary.json and the rows of shards, one row of each in turn.
#include "apps/classify/classify_shard.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <unordered_set>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/files/append_file.h"
#include "core/io/input_file.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr size_t kRowsAtOnce = 256;
constexpr int64_t kLargestThumbnailOfShard = 1 << 20;
constexpr const char* kFinish = "Run its command again with --resume.";

json read_document(const fs::path& path) {
  const InputFile file(path);
  json document = parse_json(file.read(0, file.size()), path.string());
  if (!document.is_object()) {
    throw Error(ErrorParts{.what = "the file is not of a run of classify", .where = path.string()});
  }
  return document;
}

// Models may be stored elsewhere on each machine.
json comparable(json settings) {
  for (const char* own : {"shard", "provenance", "labels"}) {
    settings.erase(own);
  }
  for (json& model : settings.at("models")) {
    model["file"] = fs::path(model.at("file").get<std::string>()).filename().string();
  }
  return settings;
}

ShardFolder open_folder(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path / "run.json", ignored)) {
    throw Error(ErrorParts{.what = "this is no folder of classify", .where = path.string()});
  }
  const FolderLock lock(path);  // refuses one that is still written to
  const json run = read_document(path / "run.json");
  if (!run.contains("shard") || !run.at("shard").is_string() || !run.contains("labels")) {
    throw Error(ErrorParts{.what = "this is not the folder of a shard",
                           .where = path.string(),
                           .expected = "one made with --shard"});
  }
  ShardFolder folder{.path = path, .shard = parse_shard(run.at("shard").get<std::string>())};
  if (!fs::exists(path / "summary.json", ignored)) {
    throw Error(ErrorParts{
        .what = fmt::format("shard {}/{} is not finished", folder.shard.index, folder.shard.count),
        .where = path.string(),
        .remedy = kFinish});
  }
  folder.listed = read_document(path / "summary.json").at("listed").get<int64_t>();
  folder.settings = comparable(run);
  folder.format = {.runs = run.at("runs").get<std::vector<std::string>>(),
                   .labels = labels_from_json(run.at("labels"), path.string()),
                   .topk = run.at("topk").get<int>(),
                   .upright = run.at("upright").get<bool>()};
  folder.format.topk = std::min(folder.format.topk, folder.format.labels.size());
  return folder;
}

void check_same(const ShardFolder& first, const ShardFolder& other) {
  if (labels_to_json(first.format.labels) != labels_to_json(other.format.labels)) {
    throw UsageError(ErrorParts{.what = "the shards were classified with other class names",
                                .where = other.path.string()});
  }
  if (other.shard.count != first.shard.count || other.listed != first.listed) {
    throw UsageError(ErrorParts{
        .what = "the shards are not of one list of images",
        .where = other.path.string(),
        .expected = fmt::format("{} shards of {} images", first.shard.count, first.listed),
        .got = fmt::format("{} shards of {} images", other.shard.count, other.listed)});
  }
  for (const auto& [key, value] : first.settings.items()) {
    if (other.settings.value(key, json()) != value) {
      throw UsageError(
          ErrorParts{.what = "the shards were classified with other options",
                     .where = other.path.string() + ", " + key,
                     .expected = dump_json(value).substr(0, 200),
                     .got = dump_json(other.settings.value(key, json())).substr(0, 200)});
    }
  }
}

// Reads a shard's rows in their order.
class ShardRows {
 public:
  explicit ShardRows(const ShardFolder& folder)
      : folder_(folder), stream_(folder.path / "results.jsonl", std::ios::binary) {
    std::error_code ignored;
    const fs::path thumbnails = folder.path / "thumbnails.bin";
    if (fs::file_size(thumbnails, ignored) > 0 && !ignored) {
      thumbnails_ = std::make_unique<const InputFile>(thumbnails);
    }
  }

  // Throws Error where there is no further row.
  NewRow next() {
    std::string line;
    if (!std::getline(stream_, line) || stream_.eof()) {
      fail("the shard lacks rows", kFinish);
    }
    ++number_;
    auto image = parse_json_line(line, folder_.format);
    if (!image) {
      fail("a row cannot be read", kFinish);
    }
    NewRow row{.image = std::move(*image)};
    const int64_t bytes = row.image.thumbnail_bytes;
    if (thumbnails_ && bytes > 0 && bytes <= kLargestThumbnailOfShard &&
        row.image.thumbnail_offset >= 0) {
      row.thumbnail = thumbnails_->read(static_cast<uint64_t>(row.image.thumbnail_offset),
                                        static_cast<size_t>(bytes));
    }
    return row;
  }

  void expect_end() {
    std::string line;
    if (std::getline(stream_, line)) {
      ++number_;
      fail("the shard has more rows than its share", "It is of another list of images.");
    }
  }

  [[noreturn]] void fail(const std::string& what, const std::string& remedy) const {
    throw Error(ErrorParts{
        .what = what,
        .where = fmt::format("{}, line {}", (folder_.path / "results.jsonl").string(), number_ + 1),
        .remedy = remedy});
  }

 private:
  const ShardFolder& folder_;
  std::ifstream stream_;
  std::unique_ptr<const InputFile> thumbnails_;
  int64_t number_ = 0;
};

// Gives every row in the order of the list. Throws Error as merge_rows() does.
void visit_rows(const std::vector<ShardFolder>& shards,
                const std::function<void(NewRow&&)>& visit) {
  std::vector<std::unique_ptr<ShardRows>> rows;
  for (const ShardFolder& shard : shards) {
    rows.push_back(std::make_unique<ShardRows>(shard));
  }
  std::unordered_set<std::string> seen;
  for (int64_t position = 0; position < shards.front().listed; ++position) {
    ShardRows& from = *rows[static_cast<size_t>(position) % rows.size()];
    NewRow row = from.next();
    if (!seen.insert(row.image.path).second) {
      from.fail("the image '" + row.image.path + "' is there twice",
                "The shards are of different lists, or the list names it twice.");
    }
    visit(std::move(row));
  }
  for (const auto& from : rows) {
    from->expect_end();
  }
}

}  // namespace

Shard parse_shard(const std::string& text) {
  if (text.empty()) {
    return {};
  }
  Shard shard;
  char end = '\0';
  const int read = std::sscanf(text.c_str(), "%d/%d%c", &shard.index, &shard.count, &end);
  if (read != 2 || shard.count < 1 || shard.count > 1'000'000 || shard.index < 1 ||
      shard.index > shard.count) {
    throw UsageError(ErrorParts{.what = "this is no shard",
                                .where = "--shard",
                                .expected = "I/N with I from 1 to N, such as 3/8",
                                .got = "'" + text + "'"});
  }
  return shard;
}

std::vector<ShardFolder> open_shard_folders(const std::vector<std::string>& paths) {
  std::vector<ShardFolder> folders;
  for (const std::string& path : paths) {
    try {
      folders.push_back(open_folder(path));
    } catch (const json::exception&) {
      throw Error(
          ErrorParts{.what = "the folder's run.json or summary.json is damaged", .where = path});
    }
    check_same(folders.front(), folders.back());
  }
  std::sort(folders.begin(), folders.end(), [](const ShardFolder& a, const ShardFolder& b) {
    return a.shard.index < b.shard.index;
  });
  std::vector<int> missing;
  int next = 1;
  for (const ShardFolder& folder : folders) {
    if (folder.shard.index < next) {
      throw UsageError(ErrorParts{
          .what = fmt::format("shard {}/{} is there twice", folder.shard.index, folder.shard.count),
          .where = folder.path.string()});
    }
    for (; next < folder.shard.index; ++next) {
      missing.push_back(next);
    }
    ++next;
  }
  for (; !folders.empty() && next <= folders.front().shard.count; ++next) {
    missing.push_back(next);
  }
  if (!missing.empty()) {
    throw UsageError(ErrorParts{.what = fmt::format("{} of {} shards are missing: {}",
                                                    missing.size(),
                                                    folders.front().shard.count,
                                                    fmt::join(missing, ", ")),
                                .where = "--merge"});
  }
  return folders;
}

void check_rows(const std::vector<ShardFolder>& shards) {
  visit_rows(shards, [](NewRow&&) {});
}

void merge_rows(const std::vector<ShardFolder>& shards, ResultsFolder& results) {
  std::vector<NewRow> batch;
  visit_rows(shards, [&](NewRow&& row) {
    batch.push_back(std::move(row));
    if (batch.size() == kRowsAtOnce) {
      results.append(batch);
      batch.clear();
    }
  });
  results.append(batch);
}

}  // namespace parallax
