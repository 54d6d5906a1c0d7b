// Images in tar archives, laid out as WebDataset does: files of one sample follow each other and
// have one name up to its first dot: "000/17.jpg", "000/17.cls", "000/17.json".
#pragma once

#include <deque>
#include <filesystem>
#include <optional>
#include <string>

#include "core/io/tar_archive.h"

namespace parallax {

// An image of an archive.
struct TarImage {
  std::string name;          // its path in the archive
  ByteRange data;            // in the archive
  std::optional<int> label;  // what the sample's .cls says, if that is a number
};

// Whether a file is to be taken for such an archive, by its name.
bool is_tar_file(const std::filesystem::path& path);

// Yields an archive's images in their order, holding one sample at a time.
class TarSamples {
 public:
  // Throws Error as TarArchive's constructor does.
  explicit TarSamples(const std::filesystem::path& path) : archive_(path) {}

  // Empty after the last image. Throws Error as TarArchive's next() does; the images before what is
  // damaged come first.
  std::optional<TarImage> next();

 private:
  void read_sample();

  TarArchive archive_;
  std::optional<TarMember> ahead_;  // the first of the next sample
  std::deque<TarImage> images_;     // of this one, left to give
  bool begun_ = false;
};

}  // namespace parallax
