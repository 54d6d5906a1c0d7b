// Finds the photographs that a scene file names, where they really are.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "vision/scene/scene.h"

namespace parallax {

// Looks for each name in several folders and under several spellings. Scenes come with photographs
// in `input/` or `images_4/` where the file says `images/`, with the path of another machine, with
// other capital letters, without an extension.
class ImageFinder {
 public:
  // `folders`: what names may be relative to, the likeliest first. `options.image_folder`, where it
  // is not the default, names the folder of photographs beneath one of them instead. Throws Error
  // if there is no such folder.
  ImageFinder(std::vector<std::filesystem::path> folders, const SceneOptions& options);

  // For names that are relative to `images` in one of the folders, else to the folders themselves;
  // the user's folder is relative to the folders themselves, too.
  static ImageFinder in_images_of(const std::vector<std::filesystem::path>& folders,
                                  const SceneOptions& options);

  // The file of that name. Throws Error, beginning with `where`, that names the folders looked in
  // and, if there is one below them, a folder that holds a file of that name.
  std::filesystem::path find(const std::string& name, const std::string& where);

  // Adds a note if photographs were found in other folders than the names say.
  void note_replaced_folder(Scene& scene) const;

 private:
  std::vector<std::filesystem::path> candidates(const std::string& name) const;
  std::filesystem::path other_case(const std::filesystem::path& path);
  std::string elsewhere(const std::string& name) const;

  std::vector<std::filesystem::path> folders_;
  std::filesystem::path chosen_;  // the user's folder; empty: none
  std::map<std::filesystem::path, std::map<std::string, std::string>>
      listings_;             // lower case → name
  std::string replaced_by_;  // the folder that took the place of `images`
};

// A name that is relative where the file writes the path of another machine, such as
// `C:\photos\a.jpg`: the longest end of it that is a file below one of the folders. Other names,
// and those of which there is no such file, as they are with slashes.
std::string name_on_this_machine(const std::string& name,
                                 const std::vector<std::filesystem::path>& folders);

// The longest end of the path that is a file below one of the folders, else the path itself.
std::string existing_end(const std::filesystem::path& path,
                         const std::vector<std::filesystem::path>& folders);

}  // namespace parallax
