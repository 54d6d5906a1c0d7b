// What in a folder is a class or an image, and what tools leave beside them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace parallax {

// Whether a sub-folder of this name holds a tool's own files, not the user's images: hidden folders
// (Jupyter's .ipynb_checkpoints, .cache, .git), and those of archivers and file servers (__MACOSX,
// @eaDir).
bool is_tool_folder(const std::string& name);

// Whether a file holds what macOS keeps beside "x.jpg" as "._x.jpg" on foreign file systems.
bool is_macos_companion(const std::filesystem::path& path);

// Whether there is a file with an image extension in the folder or below it, tools' folders left
// out. Follows links, but not in circles.
bool holds_images(const std::filesystem::path& folder);

// The number that a folder's name is, "007" being 7; −1 if it is none or has more than 9 digits.
int folder_number(const std::string& name);

// The sub-folders that may be classes.
struct ClassFolders {
  std::vector<std::string> names;  // with images; in the order of numbers if all are numbers
  std::vector<std::string> without_images;
};

// Empty if the folder cannot be read.
ClassFolders class_folders(const std::filesystem::path& folder);

}  // namespace parallax
