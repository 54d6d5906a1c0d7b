// PNG files that say in text chunks what they show.
#pragma once

#include <filesystem>
#include <map>
#include <opencv2/core/mat.hpp>
#include <string>

namespace parallax {

using PngText = std::map<std::string, std::string>;  // keyword (1–79 Latin letters) → UTF-8 text

// Writes the picture ([H, W, 3] uint8 RGB) with a text chunk an entry, atomically; folders are
// made.
void write_png(const std::filesystem::path& path, const cv::Mat& picture, const PngText& text);

// The text chunks of a file as written by write_png. Throws Error if it is no PNG file.
PngText read_png_text(const std::filesystem::path& path);

}  // namespace parallax
