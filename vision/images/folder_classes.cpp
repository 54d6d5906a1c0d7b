// Looks folders' names up among the model's classes.
#include "vision/images/folder_classes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "vision/images/folder_contents.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

std::string ambiguous_name(const std::string& name,
                           const std::vector<int>& classes,
                           const ClassLabels& labels) {
  std::vector<std::string> described;
  for (const int index : classes) {
    const ClassLabel& label = labels[index];
    described.push_back(fmt::format("{} ({})", label.id.empty() ? "class" : label.id, index));
  }
  return fmt::format("the folder's name '{}' is that of {} classes: {}; name it by one of these",
                     name,
                     classes.size(),
                     fmt::join(described, ", "));
}

}  // namespace

std::optional<int> FolderClasses::of(const fs::path& folder) {
  if (!names_count()) {
    return std::nullopt;
  }
  const fs::path plain = folder.lexically_normal();
  const std::string name = (plain.has_filename() ? plain : plain.parent_path()).filename();
  const std::vector<int>& matches = labels_->matches(name);
  if (matches.size() > 1) {
    notes_.insert(ambiguous_name(name, matches, *labels_));
  }
  return matches.size() == 1 ? std::optional(matches.front()) : std::nullopt;
}

std::optional<int> FolderClasses::of_or_above(const fs::path& folder) {
  std::optional<int> found = of(folder);
  for (fs::path above = folder; !found && names_count() && above.has_relative_path();) {
    above = above.parent_path();
    const bool has_id = is_wordnet_id(above.filename().string().substr(0, kWordNetIdLength));
    found = has_id ? of(above) : std::nullopt;
  }
  return found;
}

bool FolderClasses::are_indices(const std::vector<fs::path>& folders) {
  if (!names_count()) {
    return false;
  }
  const int classes = labels_->size();
  int numbers = 0;
  int others = 0;
  std::string beyond;
  for (const fs::path& folder : folders) {
    const std::string name = folder.filename();
    if (is_tool_folder(name)) {
      continue;
    }
    const int number = labels_->find(name) ? -1 : folder_number(name);
    if (number >= 0 && number < classes) {
      ++numbers;
    } else if (holds_images(folder)) {
      (number < 0 ? others : numbers) += 1;
      beyond = number < 0 || !beyond.empty() ? beyond : name;
    }
  }
  const bool enough = numbers > 0 && numbers >= others;
  if (enough && !beyond.empty()) {
    notes_.insert(
        fmt::format("folders' numbers are not taken for class indices: there is '{}', but the "
                    "model's classes are 0 to {}",
                    beyond,
                    classes - 1));
    return false;
  }
  if (enough) {
    notes_.insert("folders' numbers are taken for class indices, from 0");
  }
  return enough;
}

}  // namespace parallax
