// Tables of extensions.
#include "core/image/image_extension.h"

#include <algorithm>
#include <array>
#include <map>
#include <opencv2/core/utility.hpp>
#include <string_view>

#include "core/base/lower_case.h"
#include "core/image/heif_image.h"

namespace parallax {
namespace {

constexpr std::array<std::string_view, 18> kExtensions = {".jpg",
                                                          ".jpeg",
                                                          ".jpe",
                                                          ".jfif",
                                                          ".png",
                                                          ".webp",
                                                          ".bmp",
                                                          ".dib",
                                                          ".tif",
                                                          ".tiff",
                                                          ".apng",
                                                          ".gif",
                                                          ".ppm",
                                                          ".pgm",
                                                          ".pbm",
                                                          ".pnm",
                                                          ".jif",
                                                          ".mpo"};

constexpr const char* kHeicKind = "HEIC";
constexpr const char* kAvifKind = "AVIF";
constexpr const char* kJpeg2000Kind = "JPEG 2000";

// Of pictures that are not always or never read.
const std::map<std::string, const char*, std::less<>>& other_kinds() {
  static const auto kinds = [] {
    std::map<std::string, const char*, std::less<>> map;
    const auto put = [&](const char* kind, std::initializer_list<const char*> extensions) {
      for (const char* extension : extensions) {
        map.emplace(extension, kind);
      }
    };
    put(kHeicKind, {".heic", ".heif", ".hif", ".heics", ".heifs"});
    put(kAvifKind, {".avif", ".avifs"});
    put(kJpeg2000Kind, {".jp2", ".j2k", ".jpf", ".jpx", ".jpc", ".j2c"});
    put("JPEG XL", {".jxl"});
    put("JPEG XR", {".jxr", ".wdp", ".hdp"});
    put("camera raw",
        {".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".raf",
         ".orf", ".rw2", ".pef", ".srw", ".x3f", ".3fr", ".iiq", ".erf", ".kdc", ".mrw"});
    put("Photoshop", {".psd", ".psb"});
    put("GIMP", {".xcf"});
    put("SVG", {".svg", ".svgz"});
    put("OpenEXR or Radiance", {".exr", ".hdr"});
    put("icon", {".ico", ".cur", ".icns"});
    put("TGA", {".tga"});
    put("PCX", {".pcx"});
    put("DDS", {".dds"});
    put("QOI", {".qoi"});
    put("DICOM", {".dcm", ".dicom"});
    put("PostScript", {".eps", ".ps"});
    return map;
  }();
  return kinds;
}

std::string lower_extension_of(const std::filesystem::path& path) {
  return lower_case(path.extension().string());
}

// Debian's OpenCV has OpenJPEG; the one that packages carry does not.
bool opencv_reads_jpeg2000() {
  static const bool reads = cv::getBuildInformation().find("OpenJPEG (") != std::string::npos;
  return reads;
}

bool is_read(std::string_view kind) {
  return (kind == kHeicKind && can_decode_heic()) || (kind == kAvifKind && can_decode_avif()) ||
         (kind == kJpeg2000Kind && opencv_reads_jpeg2000());
}

}  // namespace

bool has_image_extension(const std::filesystem::path& path) {
  const std::string extension = lower_extension_of(path);
  if (std::find(kExtensions.begin(), kExtensions.end(), extension) != kExtensions.end()) {
    return true;
  }
  const auto other = other_kinds().find(extension);
  return other != other_kinds().end() && is_read(other->second);
}

std::string unread_picture_kind(const std::filesystem::path& path) {
  const auto other = other_kinds().find(lower_extension_of(path));
  return other != other_kinds().end() && !is_read(other->second) ? other->second : "";
}

}  // namespace parallax
