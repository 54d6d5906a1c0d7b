// Looks from an image's folder upwards, and reads every file once.
#include "vision/images/truth_finder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/error.h"
#include "core/base/lower_case.h"
#include "vision/images/folder_contents.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr int kFoldersAbove = 4;    // of ILSVRC/Data/CLS-LOC/val as Kaggle packs it
constexpr size_t kMostTables = 32;  // more are captions and boxes, a file per image
constexpr std::uintmax_t kLargestTable = std::uintmax_t{1} << 26;
constexpr std::array<const char*, 7> kKnownFiles = {
    "val_annotations.txt",
    "LOC_val_solution.csv",
    "ILSVRC2012_validation_ground_truth.txt",
    "data/ILSVRC2012_validation_ground_truth.txt",
    "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt",
    "imagenet_2012_validation_synset_labels.txt",
    "real.json"};

// Whether the file may be a table of labels. Kaggle's sample_submission.csv has made-up ones.
bool may_be_table(const fs::path& path) {
  const std::string name = lower_case(path.filename().string());
  std::error_code error;
  const bool is_table = name.ends_with(".csv") || name.ends_with(".tsv") || name.ends_with(".txt");
  const bool is_metadata = name == "metadata.jsonl";  // Hugging Face's
  return (is_table || is_metadata) && name.find("submission") == std::string::npos &&
         fs::is_regular_file(path, error) && fs::file_size(path, error) <= kLargestTable &&
         !is_macos_companion(path);
}

std::vector<fs::path> tables_in(const fs::path& folder) {
  std::vector<fs::path> tables;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (may_be_table(it->path())) {
      tables.push_back(it->path());
    }
  }
  std::sort(tables.begin(), tables.end());
  return tables.size() <= kMostTables ? tables : std::vector<fs::path>{};
}

std::vector<fs::path> known_files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const char* name : kKnownFiles) {
    std::error_code error;
    if (fs::is_regular_file(folder / name, error)) {
      files.push_back(folder / name);
    }
  }
  return files;
}

fs::path normal(const fs::path& path) {
  const fs::path plain = fs::absolute(path).lexically_normal();
  return plain.has_filename() ? plain : plain.parent_path();
}

}  // namespace

TruthFinder::TruthFinder(const ClassLabels& labels, const fs::path& named) : labels_(labels) {
  if (!named.empty()) {
    named_ = std::make_shared<TruthFile>(read_truth_table(named), labels);
    notes_ = named_->notes();
  }
}

std::shared_ptr<const TruthFile> TruthFinder::read(const fs::path& path, bool is_known) {
  const auto [it, fresh] = files_.try_emplace(path);
  if (fresh) {
    try {
      auto file = std::make_shared<TruthFile>(read_truth_table(path), labels_);
      // Of other tables, such as results, many columns could be anything.
      it->second = is_known || file->columns() == 2 ? file : nullptr;
    } catch (const ForeignNumbersError& error) {
      notes_.emplace_back(error.what());
    } catch (const Error& error) {
      if (is_known) {
        notes_.emplace_back(error.what());
      }
    }
  }
  return it->second;
}

const TruthFinder::Folder& TruthFinder::folder(const fs::path& path, bool with_tables) {
  const auto [it, fresh] = folders_.try_emplace({path, with_tables});
  if (!fresh) {
    return it->second;
  }
  Folder& folder = it->second;
  const auto add = [&](std::vector<std::shared_ptr<const TruthFile>>& files,
                       const fs::path& file,
                       bool is_known) {
    if (auto truth = read(file, is_known)) {
      files.push_back(std::move(truth));
    }
  };
  for (const fs::path& file : known_files_in(path)) {
    add(folder.known, file, true);
  }
  if (with_tables) {
    for (const fs::path& file : tables_in(path)) {
      add(folder.tables, file, false);
    }
  }
  return folder;
}

std::optional<std::vector<int>> TruthFinder::find_in_tables(const Folder& folder,
                                                            const fs::path& image) {
  std::optional<std::vector<int>> found;
  const TruthFile* from = nullptr;
  for (const auto& table : folder.tables) {
    const auto classes = table->find(image);
    if (!classes || classes->empty()) {
      continue;
    }
    if (found && found != classes) {
      const std::string note =
          fmt::format("{} and {} contradict each other about {}: name one with --truth",
                      from->path().string(),
                      table->path().filename().string(),
                      image.filename().string());
      if (used_.insert(table->path() / "contradicts").second) {
        notes_.push_back(note);
      }
      return std::nullopt;
    }
    found = classes;
    from = table.get();
  }
  if (from != nullptr) {
    used_.insert(from->path());
  }
  return found;
}

std::optional<std::vector<int>> TruthFinder::find(const fs::path& image, const fs::path& root) {
  if (named_) {
    return named_->find(image);
  }
  const fs::path above_root = normal(root).parent_path();
  fs::path at = normal(image).parent_path();
  bool with_tables = true;
  for (int steps = 0; with_tables || steps <= kFoldersAbove; ++steps) {
    const Folder& here = folder(at, with_tables);
    for (const auto& file : here.known) {
      if (const auto classes = file->find(image)) {
        used_.insert(file->path());
        return classes;
      }
    }
    if (const auto classes = find_in_tables(here, image)) {
      return classes;
    }
    with_tables = with_tables && at != above_root;
    if (at == at.parent_path()) {
      break;
    }
    at = at.parent_path();
  }
  return std::nullopt;
}

std::vector<std::string> TruthFinder::notes() const {
  std::vector<std::string> notes = notes_;
  for (const auto& [path, file] : files_) {
    if (file && used_.contains(path)) {
      notes.push_back(fmt::format("classes were read from {}", path.string()));
      notes.insert(notes.end(), file->notes().begin(), file->notes().end());
    }
  }
  return notes;
}

fs::path find_truth_file(const fs::path& folder) {
  const fs::path here = normal(folder);
  for (const fs::path& place : {here, here.parent_path()}) {
    const std::vector<fs::path> known = known_files_in(place);
    if (!known.empty()) {
      return known.front();
    }
    std::vector<fs::path> tables;
    for (const fs::path& path : tables_in(place)) {
      try {
        const TruthTable table = read_truth_table(path);
        const bool has_classes =
            std::any_of(table.rows.begin(), table.rows.end(), [](const TruthRow& row) {
              return !row.words.empty();
            });
        if (table.columns == 2 && !table.by_position && has_classes) {
          tables.push_back(path);
        }
      } catch (const Error&) {
        continue;  // another kind of file
      }
    }
    if (tables.size() == 1) {
      return tables.front();
    }
  }
  return {};
}

}  // namespace parallax
