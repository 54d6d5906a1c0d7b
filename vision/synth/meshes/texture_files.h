// Textures of mesh files: found where people's tools leave them, decoded once, shrunk.
#pragma once

#include <filesystem>
#include <map>
#include <opencv2/core/mat.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace parallax {

// The images that one mesh file names. What cannot be read is a note, once per name.
class TextureFiles {
 public:
  // `notes` must outlive this.
  TextureFiles(const std::filesystem::path& mesh, std::vector<std::string>* notes);

  // The image of that name: a path as the mesh file writes it, absolute or relative to its folder,
  // with either slash, percent-encoded or not. If there is none, one of that file name (in any
  // case) beside the mesh or in a folder for textures there, with a note. [rows, cols, 3 or 4]
  // uint8 as stored, or empty with a note.
  cv::Mat read(const std::string& name);

  // An embedded image file; `name` is for notes.
  cv::Mat decode(const std::string& name, std::string_view bytes);

 private:
  std::filesystem::path find(const std::string& name) const;

  std::filesystem::path folder_;
  std::vector<std::string>* notes_;
  std::map<std::string, cv::Mat> read_;
};

// The text with each %XX as the byte that it stands for.
std::string percent_decoded(const std::string& text);

}  // namespace parallax
