// Finds the photographs that a scene file names, where they really are.
#pragma once

#include <filesystem>
#include <map>
#include <opencv2/core/types.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/files/folder_listings.h"
#include "vision/scene/scene.h"

namespace parallax {

// Looks for each name in several folders and under several spellings. Scenes come with photographs
// in `input/` or `images_4/` where the file says `images/`, with the path of another machine, with
// other capital letters, without an extension or with another one.
class ImageFinder {
 public:
  // `folders`: what names may be relative to, the likeliest first. `options.image_folder` names the
  // folder of photographs beneath one of them instead. Throws Error if there is no such folder.
  ImageFinder(std::vector<std::filesystem::path> folders, const SceneOptions& options);

  // For names that are relative to `images` in one of the folders, else to the folders themselves;
  // the user's folder is relative to the folders themselves, too.
  static ImageFinder in_images_of(const std::vector<std::filesystem::path>& folders,
                                  const SceneOptions& options);

  // From now on relative names, too, may begin with folders of another machine: of those that are
  // nowhere, the longest end that is a file counts, as it does of absolute ones.
  void ignore_beginnings() { beginnings_ignored_ = true; }

  // All names that find() will be asked for. Of two whose files are called alike, in folders of
  // another machine, neither is looked for by its end: nothing would say whose the file is.
  void expect(const std::vector<std::string>& names);

  // The file of that name. Throws Error, beginning with `where`, that names the folders looked in
  // and, if there is one below them, a folder that holds a file of that name; and for a file that
  // was found under another name already, as nothing says whose it is.
  std::filesystem::path find(const std::string& name, const std::string& where);

  // The size that the photograph's intrinsics are for where nothing declares one: that of `file`,
  // which find() gave for `name`, times N if it was found in an images_N that the name does not
  // say. Throws Error if it is no image.
  static cv::Size full_size(const std::string& name, const std::filesystem::path& file);

  // Adds notes if photographs were found in other folders or with other extensions than the names
  // say.
  void note_replaced_folder(Scene& scene) const;

 private:
  // Whether a place follows from the name, or is a guess that two names may share.
  struct Candidate {
    std::filesystem::path folder;
    std::filesystem::path path;  // below `folder`
    bool is_stand_in = false;
    bool is_guess = false;
  };

  // A folder that exists, as given or with a stand-in for `images` in its path, or in each name's.
  struct Place {
    std::filesystem::path folder;
    const char* stand_in = nullptr;
    bool is_renamed = false;
  };

  const std::vector<Place>& places();
  std::vector<Candidate> candidates(const std::string& name);
  std::filesystem::path with_an_extension(const std::filesystem::path& path);
  std::optional<std::filesystem::path> find_as_written(const std::vector<Candidate>& places);
  std::optional<std::filesystem::path> find_with_extension(const std::vector<Candidate>& places);
  std::optional<std::filesystem::path> find_in_other_case(const std::vector<Candidate>& places);
  std::optional<std::filesystem::path> find_end(const std::filesystem::path& path) const;
  std::filesystem::path taken(const std::string& name,
                              const std::filesystem::path& file,
                              bool is_guess,
                              const std::string& where);
  std::string elsewhere(const std::string& name, const std::vector<Candidate>& places);

  std::vector<std::filesystem::path> folders_;
  std::filesystem::path chosen_;  // the user's folder; empty: none
  FolderListings listings_;
  std::optional<std::vector<Place>> places_;            // once a name was not where it should be
  std::map<std::filesystem::path, std::string> names_;  // of the files found
  std::map<std::string, std::filesystem::path> below_;  // file name → folder, once one is missing
  std::filesystem::path replaced_by_;      // the folder that took the place of `images`
  std::filesystem::path other_extension_;  // the first file that has another one
  bool is_guess_ = false;                  // what was found last
  bool beginnings_ignored_ = false;
  std::map<std::string, int> expected_;  // file name → how many names end in it
};

}  // namespace parallax
