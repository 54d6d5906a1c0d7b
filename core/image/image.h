// 8-bit images: reading, writing, and resampling exactly as PIL does.
//
// Images are cv::Mat of type CV_8UC1, CV_8UC3 or CV_8UC4 with channels in RGB(A) order, rows ×
// cols; the file functions convert from and to OpenCV's BGR.
#pragma once

#include <filesystem>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/io/input_file.h"

namespace parallax {

// Reads an image file as RGB or RGBA (grey becomes RGB, 16-bit is scaled to 8-bit; EXIF orientation
// is applied; of an animation the first frame; colours not multiplied by alpha). Throws Error
// naming the file when it is missing, truncated or not an image.
cv::Mat read_image(const std::filesystem::path& path);  // [rows, cols, 3 or 4] uint8

// An image as its file stores it.
struct StoredImage {
  cv::Mat pixels;       // [rows, cols, 3 or 4] uint8
  int orientation = 1;  // EXIF's, 1 to 8: how `pixels` is to be turned and mirrored to be upright
};

// read_image() without the orientation applied. Cameras of scenes describe the stored pixels. With
// `part`, the image is that part of the file.
StoredImage read_stored_image(const std::filesystem::path& path,
                              const std::optional<ByteRange>& part = std::nullopt);

// The bytes of an image file, or of the image in that part of it. Throws Error naming the file if
// they are none or more than 1 GiB.
std::string read_image_bytes(const std::filesystem::path& path,
                             const std::optional<ByteRange>& part = std::nullopt);

// Throws the Error of read_stored_image() where the file is truncated or its container damaged,
// without decoding it; returns the EXIF orientation.
int check_image_file(const std::filesystem::path& path,
                     const std::optional<ByteRange>& part = std::nullopt);

// The same for a whole image file in memory; `where` names it in errors.
StoredImage decode_stored_image(std::string_view bytes, const std::string& where);

// The image turned and mirrored as its EXIF orientation says.
cv::Mat upright(const StoredImage& image);  // [rows, cols, 3 or 4] uint8

// Writes PNG or JPEG (by extension), atomically. Throws Error naming the file.
void write_image(const std::filesystem::path& path, const cv::Mat& image);

enum class ResampleFilter { kBicubic, kLanczos };

// Antialiased separable resampling, equal to PIL's Image.resize bit for bit: the horizontal pass is
// rounded to 8 bits before the vertical one; RGBA is resampled premultiplied and converted back.
cv::Mat resize_image(const cv::Mat& image, int height, int width, ResampleFilter filter);

// The part `window` of what resize_image would give, bit for bit, without making the rest.
cv::Mat resize_image_window(const cv::Mat& image,
                            int height,
                            int width,
                            ResampleFilter filter,
                            const cv::Rect& window);

// Composites RGBA on a background colour (RGB, 0–255) as PIL's Image.paste with the alpha channel
// as mask does; RGB is returned unchanged.
cv::Mat composite_on(const cv::Mat& image, cv::Vec3b background);  // [rows, cols, 3] uint8

}  // namespace parallax
