// PNG files with text chunks that describe their content.
#pragma once

#include <filesystem>
#include <map>
#include <opencv2/core/mat.hpp>
#include <string>

namespace parallax {

using PngText = std::map<std::string, std::string>;  // keyword (1–79 Latin letters) → UTF-8 text

// Writes the image ([H, W, 3] uint8 RGB) with one text chunk per entry, atomically; creates missing
// folders.
void write_png(const std::filesystem::path& path, const cv::Mat& picture, const PngText& text);

// The text chunks of a file as written by write_png. Throws Error if it is not a PNG file.
PngText read_png_text(const std::filesystem::path& path);

}  // namespace parallax
