// Reads and writes image files with OpenCV and fills its gaps: truncated files, orientation, bit
// depths, messages on stderr.
#include "core/image/image.h"

#include <c10/util/StringUtil.h>

#include <algorithm>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/lower_case.h"
#include "core/image/exif.h"
#include "core/image/gif_image.h"
#include "core/image/heif_image.h"
#include "core/image/image_claims.h"
#include "core/image/image_format.h"
#include "core/image/jpeg2000_colours.h"
#include "core/image/pnm_header.h"
#include "core/image/quiet_decoding.h"
#include "core/image/tiff_directory.h"
#include "core/image/webp_image.h"
#include "core/io/atomic_file.h"
#include "core/io/input_file.h"

namespace parallax {
namespace {

constexpr std::uint64_t kLargestFile = std::uint64_t{1} << 30;
constexpr int kJpegQuality = 95;

cv::Mat decode(std::string_view bytes, const std::string& where) {
  try {
    const cv::Mat buffer(
        1, static_cast<int>(bytes.size()), CV_8UC1, const_cast<char*>(bytes.data()));
    const QuietDecoding quiet;
    cv::Mat image = cv::imdecode(buffer, cv::IMREAD_UNCHANGED);
    if (!image.empty()) {
      return image;
    }
  } catch (const cv::Exception&) {  // it speaks of expressions in OpenCV's sources
  }
  throw Error({.what = "the image cannot be decoded: it is damaged, too large or of a kind that "
                       "OpenCV does not know",
               .where = where,
               .remedy = "Convert it to PNG."});
}

// `white` is the value that becomes 255.
cv::Mat to_8_bit(const cv::Mat& image, double white, const std::string& where) {
  cv::Mat result;
  switch (image.depth()) {
    case CV_8U:
    case CV_16U:
      if (image.depth() == CV_8U && white == 255) {
        return image;
      }
      image.convertTo(result, CV_8U, 255 / white);  // rounded
      return result;
    default:
      throw Error({.what = "the image's pixels are not supported",
                   .where = where,
                   .expected = "8 or 16 bits a channel",
                   .got = cv::typeToString(image.type()),
                   .remedy = "Convert the image to an 8-bit PNG."});
  }
}

// Converts from OpenCV's channel order.
cv::Mat to_rgb(const cv::Mat& image, const std::string& where) {
  cv::Mat result;
  switch (image.channels()) {
    case 1:
      cv::cvtColor(image, result, cv::COLOR_GRAY2RGB);
      return result;
    case 3:
      cv::cvtColor(image, result, cv::COLOR_BGR2RGB);
      return result;
    case 4:
      cv::cvtColor(image, result, cv::COLOR_BGRA2RGBA);
      return result;
    default:
      throw Error({.what = "the image has an unsupported number of channels",
                   .where = where,
                   .expected = "1, 3 or 4",
                   .got = std::to_string(image.channels())});
  }
}

// TIFF's own kinds of alpha as PIL reads them: colours divided by alpha, or no transparency.
cv::Mat with_plain_alpha(const cv::Mat& image, TiffAlpha alpha) {
  if (image.type() != CV_8UC4 || alpha == TiffAlpha::kUnassociated || alpha == TiffAlpha::kNone) {
    return image;
  }
  cv::Mat result;
  if (alpha == TiffAlpha::kUnspecified) {
    cv::cvtColor(image, result, cv::COLOR_RGBA2RGB);
    return result;
  }
  result = image.clone();
  for (cv::Vec4b& pixel : cv::Mat_<cv::Vec4b>(result)) {
    for (int c = 0; c < 3 && pixel[3] != 0; ++c) {
      pixel[c] = static_cast<std::uint8_t>(std::min(pixel[c] * 255 / pixel[3], 255));
    }
  }
  return result;
}

// What OpenCV is to decode: the file without what misleads it.
std::string decodable(std::string_view file, ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng:
      return essential_png(file);
    case ImageFormat::kTiff:
      return with_pixels_as_stored(file);
    case ImageFormat::kPnm:  // whose last number in text may be the file's end
      return std::string(file) + '\n';
    case ImageFormat::kJpeg2000: {
      std::string result(file);
      if (const auto sycc = sycc_declaration(file)) {
        result[*sycc] = kDeclaresSrgb;
      }
      return result;
    }
    default:
      return std::string(file);
  }
}

cv::Mat to_opencv_order(const cv::Mat& image) {
  cv::Mat result;
  switch (image.channels()) {
    case 3:
      cv::cvtColor(image, result, cv::COLOR_RGB2BGR);
      return result;
    case 4:
      cv::cvtColor(image, result, cv::COLOR_RGBA2BGRA);
      return result;
    default:
      return image;
  }
}

// The format of a whole file. Throws Error.
ImageFormat checked_format(std::string_view bytes, const std::string& where) {
  const auto format = image_format(bytes);
  if (bytes.starts_with("version https://git-lfs")) {
    throw Error({.what = "this is a pointer of Git LFS, not the image",
                 .where = where,
                 .remedy = "Fetch the images: git lfs pull"});
  }
  if (!format) {
    throw Error({.what = "this is not an image that Parallax can read",
                 .where = where,
                 .expected = "a PNG, JPEG, WebP, BMP, TIFF, GIF, PNM, HEIC, AVIF or JPEG 2000 file",
                 .remedy = "Convert it to PNG."});
  }
  check_image_complete(bytes, *format, where);
  check_claimed_pixels(bytes, *format, where);
  if (*format == ImageFormat::kTiff && is_lab_tiff(bytes)) {
    throw Error({.what = "the image's colours are CIELAB, which is not read",
                 .where = where,
                 .remedy = "Convert it to RGB."});
  }
  return *format;
}

// The value of white in what decode() gave.
double white_of(std::string_view bytes, ImageFormat format, const cv::Mat& decoded) {
  const bool is_text = bytes.size() > 1 && bytes[1] <= '3';
  // OpenCV scales bits, and text of up to 255, by itself.
  const bool is_scaled = format != ImageFormat::kPnm || (is_text && decoded.depth() == CV_8U);
  const std::uint64_t white = is_scaled ? 1 : pnm_numbers(bytes).white;
  if (white > 1 || decoded.depth() != CV_16U) {
    return white > 1 ? static_cast<double>(white) : 255;
  }
  // Numbers of objects, and 8-bit values, are kept in 16 bits, too; as a photograph this were
  // black.
  double brightest = 0;
  cv::minMaxLoc(decoded.reshape(1), nullptr, &brightest);
  return brightest <= 255 ? 255 : 65535;
}

// RGB or RGBA of a still image that OpenCV decodes, without what OpenCV 4.6 has wrong.
cv::Mat decode_pixels(std::string_view bytes, ImageFormat format, const std::string& where) {
  const cv::Mat decoded = decode(decodable(bytes, format), where);
  cv::Mat image = to_rgb(to_8_bit(decoded, white_of(bytes, format, decoded), where), where);
  if (format == ImageFormat::kTiff) {
    return with_plain_alpha(image, tiff_alpha(bytes));
  }
  if (format == ImageFormat::kJpeg2000 && image.type() == CV_8UC3 && sycc_declaration(bytes)) {
    // They are Y, Cb, Cr, and OpenCV's YCrCb has the differences in the other order.
    cv::mixChannels(image.clone(), image, {0, 0, 1, 2, 2, 1});
    cv::cvtColor(image, image, cv::COLOR_YCrCb2RGB);
  }
  return image;
}

std::string lower_extension(const std::filesystem::path& path) {
  return lower_case(path.extension().string());
}

}  // namespace

std::string read_image_bytes(const std::filesystem::path& path,
                             const std::optional<ByteRange>& part) {
  const InputFile file(path);
  const ByteRange range = part.value_or(ByteRange{.size = file.size()});
  if (range.size == 0) {
    throw Error({.what = "the image file is empty", .where = file.name()});
  }
  if (range.size > kLargestFile) {
    throw Error({.what = "the image file is too large",
                 .where = file.name(),
                 .expected = c10::str("at most ", kLargestFile, " bytes")});
  }
  return file.read(range.offset, range.size);
}

int check_image_file(const std::filesystem::path& path, const std::optional<ByteRange>& part) {
  const std::string bytes = read_image_bytes(path, part);
  checked_format(bytes, path.string());
  return exif_orientation(bytes);
}

StoredImage decode_stored_image(std::string_view bytes, const std::string& where) {
  const ImageFormat format = checked_format(bytes, where);
  if (format == ImageFormat::kGif) {
    return {.pixels = decode_gif(bytes, where)};
  }
  if (format == ImageFormat::kHeic || format == ImageFormat::kAvif) {
    return {.pixels = decode_heif(bytes, where)};
  }
  const int orientation = exif_orientation(bytes);
  if (format == ImageFormat::kWebp && is_animated_webp(bytes)) {
    return {.pixels = decode_animated_webp(bytes, where), .orientation = orientation};
  }
  return {.pixels = decode_pixels(bytes, format, where), .orientation = orientation};
}

StoredImage read_stored_image(const std::filesystem::path& path,
                              const std::optional<ByteRange>& part) {
  return decode_stored_image(read_image_bytes(path, part), path.string());
}

// Undoes the mirroring (even values except 6 and 8), the rotation or both that EXIF declares.
cv::Mat upright(const StoredImage& stored) {
  cv::Mat image = stored.pixels;
  const int orientation = stored.orientation;
  if (orientation >= 5) {  // rows and columns are exchanged
    cv::transpose(image, image);
  }
  const bool flip_columns =
      orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
  const bool flip_rows =
      orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
  if (flip_columns) {
    cv::flip(image, image, 1);
  }
  if (flip_rows) {
    cv::flip(image, image, 0);
  }
  return image;
}

cv::Mat read_image(const std::filesystem::path& path) { return upright(read_stored_image(path)); }

void write_image(const std::filesystem::path& path, const cv::Mat& image) {
  const int type = image.type();
  if (image.empty() || (type != CV_8UC1 && type != CV_8UC3 && type != CV_8UC4)) {
    throw Error({.what = "cannot write this image",
                 .where = path.string(),
                 .expected = "8-bit pixels in 1, 3 or 4 channels",
                 .got = image.empty() ? "no pixels" : cv::typeToString(type)});
  }
  const std::string extension = lower_extension(path);
  const bool jpeg = extension == ".jpg" || extension == ".jpeg";
  if (!jpeg && extension != ".png") {
    throw Error({.what = "cannot write this kind of image",
                 .where = path.string(),
                 .expected = "a name that ends in .png, .jpg or .jpeg",
                 .got = extension.empty() ? "no extension" : extension});
  }
  if (jpeg && type == CV_8UC4) {
    throw Error({.what = "JPEG cannot hold transparency",
                 .where = path.string(),
                 .remedy = "Write a PNG, or composite the image on a background first."});
  }
  std::vector<std::uint8_t> encoded;
  try {
    const std::vector<int> options =
        jpeg ? std::vector<int>{cv::IMWRITE_JPEG_QUALITY, kJpegQuality} : std::vector<int>{};
    cv::imencode(extension, to_opencv_order(image), encoded, options);
  } catch (const cv::Exception&) {
    throw Error({.what = "the image cannot be encoded", .where = path.string()});
  }
  write_file_atomically(path, {reinterpret_cast<const char*>(encoded.data()), encoded.size()});
}

// NOLINTNEXTLINE(performance-unnecessary-value-param): three bytes
cv::Mat composite_on(const cv::Mat& image, cv::Vec3b background) {
  if (image.type() == CV_8UC3) {
    return image;
  }
  if (image.type() != CV_8UC4 || image.empty()) {
    throw Error({.what = "cannot composite this image",
                 .expected = "8-bit RGB or RGBA",
                 .got = image.empty() ? "no pixels" : cv::typeToString(image.type())});
  }
  cv::Mat result(image.size(), CV_8UC3);
  std::transform(image.begin<cv::Vec4b>(),
                 image.end<cv::Vec4b>(),
                 result.begin<cv::Vec3b>(),
                 [background](const cv::Vec4b& pixel) {
                   cv::Vec3b mixed;
                   for (int c = 0; c < 3; ++c) {
                     // PIL's rounded division by 255
                     const int sum = background[c] * (255 - pixel[3]) + pixel[c] * pixel[3] + 128;
                     mixed[c] = static_cast<std::uint8_t>(((sum >> 8) + sum) >> 8);
                   }
                   return mixed;
                 });
  return result;
}

}  // namespace parallax
