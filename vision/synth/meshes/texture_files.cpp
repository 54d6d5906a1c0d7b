// Finds textures and reads them.
#include "vision/synth/meshes/texture_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "core/base/error.h"
#include "core/base/lower_case.h"
#include "core/image/image.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

// Larger textures are shrunk: images of scenes are small, and a coarse texture aliases less.
constexpr int kMaxTextureSide = 1024;

// Folders beside a mesh, or beside its own, in which exporters and people put its textures.
constexpr const char* kTextureFolders[] = {"",
                                           "textures",
                                           "texture",
                                           "tex",
                                           "images",
                                           "maps",
                                           "../textures",
                                           "../texture",
                                           "..",
                                           "source"};

bool is_regular(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

// The file of that name in any case; empty if there is none.
fs::path file_in_any_case(const fs::path& folder, const std::string& name) {
  if (is_regular(folder / name)) {
    return folder / name;
  }
  const std::string wanted = lower_case(name);
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (lower_case(it->path().filename().string()) == wanted && is_regular(it->path())) {
      return it->path();
    }
  }
  return {};
}

cv::Mat fitted(cv::Mat image) {
  const int side = std::max(image.rows, image.cols);
  if (side > kMaxTextureSide) {
    const double scale = static_cast<double>(kMaxTextureSide) / side;
    const cv::Size size(std::max(1, cvRound(image.cols * scale)),
                        std::max(1, cvRound(image.rows * scale)));
    cv::resize(image, image, size, 0, 0, cv::INTER_AREA);
  }
  return image;
}

}  // namespace

std::string percent_decoded(const std::string& text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool encoded = text[i] == '%' && i + 2 < text.size() &&
                         std::isxdigit(static_cast<unsigned char>(text[i + 1])) != 0 &&
                         std::isxdigit(static_cast<unsigned char>(text[i + 2])) != 0;
    decoded += encoded ? static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16)) : text[i];
    i += encoded ? 2 : 0;
  }
  return decoded;
}

TextureFiles::TextureFiles(const fs::path& mesh, std::vector<std::string>* notes)
    : folder_(mesh.parent_path()), notes_(notes) {}

fs::path TextureFiles::find(const std::string& name) const {
  std::string slashed = name;
  std::replace(slashed.begin(), slashed.end(), '\\', '/');
  for (const std::string& path : {name, slashed, percent_decoded(slashed)}) {
    if (is_regular(folder_ / path)) {
      return folder_ / path;
    }
  }
  for (const char* folder : kTextureFolders) {
    for (const std::string& path : {slashed, percent_decoded(slashed)}) {
      const fs::path found = file_in_any_case(folder_ / folder, fs::path(path).filename().string());
      if (!found.empty()) {
        notes_->push_back(
            fmt::format("the texture '{}' is not there: {} is used", name, found.string()));
        return found;
      }
    }
  }
  return {};
}

cv::Mat TextureFiles::read(const std::string& name) {
  if (const auto known = read_.find(name); known != read_.end()) {
    return known->second;
  }
  cv::Mat& image = read_[name];
  const bool is_tiled = name.find("<UDIM>") != std::string::npos ||
                        name.find("<UVTILE>") != std::string::npos ||
                        name.find("%(UDIM)") != std::string::npos;
  try {
    const fs::path path = is_tiled ? fs::path() : find(name);
    if (path.empty()) {
      throw Error(is_tiled ? "tiles (UDIM) are not read; bake them into one image"
                           : fmt::format("there is no such file in {}",
                                         folder_.empty() ? "this folder" : folder_.string()));
    }
    image = fitted(read_stored_image(path).pixels);
  } catch (const std::exception& error) {
    notes_->push_back(fmt::format("the texture '{}' is left out: {}", name, error.what()));
  }
  return image;
}

cv::Mat TextureFiles::decode(const std::string& name, std::string_view bytes) {
  try {
    return fitted(decode_stored_image(bytes, "the embedded image").pixels);
  } catch (const std::exception& error) {
    notes_->push_back(fmt::format("the texture '{}' is left out: {}", name, error.what()));
    return {};
  }
}

}  // namespace parallax
