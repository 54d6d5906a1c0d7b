// Reads photographs and masks.
#include "vision/scene/view_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "core/base/error.h"
#include "core/image/exif.h"
#include "core/image/image.h"
#include "core/image/image_format.h"
#include "core/image/image_header.h"

namespace parallax {
namespace {

// Whether the mask has colours, as label images with a palette do (DAVIS, Pascal VOC).
bool is_coloured(const cv::Mat& mask) {
  std::vector<cv::Mat> channels;
  cv::split(mask, channels);
  return cv::norm(channels[0], channels[1], cv::NORM_INF) > 0 ||
         cv::norm(channels[1], channels[2], cv::NORM_INF) > 0;
}

// 255 where any colour is.
cv::Mat where_not_black(const cv::Mat& mask) {
  std::vector<cv::Mat> channels;
  cv::split(mask, channels);
  return cv::max(cv::max(channels[0], channels[1]), channels[2]) > 0;
}

// How bright a mask is: its alpha where it has any, as cut-outs do that are used as masks. In a
// label image, numbers or colours, all but zero is inside, as it is for nerfstudio 1.1.5; JPEG
// makes none of these.
cv::Mat mask_brightness(const cv::Mat& mask, bool may_be_labels) {
  cv::Mat gray;
  if (mask.channels() == 4) {
    cv::extractChannel(mask, gray, 3);
    double least = 255;
    cv::minMaxLoc(gray, &least);
    if (least < 255) {
      return gray;
    }
  }
  constexpr double kMostLabels = 32;
  cv::cvtColor(mask, gray, mask.channels() == 4 ? cv::COLOR_RGBA2GRAY : cv::COLOR_RGB2GRAY);
  double brightest = 0;
  cv::minMaxLoc(gray, nullptr, &brightest);
  return may_be_labels && (brightest <= kMostLabels || is_coloured(mask)) ? where_not_black(mask)
                                                                          : gray;
}

// The mask as it is stored.
StoredImage read_mask(const std::filesystem::path& path) {
  const std::string bytes = read_image_bytes(path);
  StoredImage mask = decode_stored_image(bytes, path.string());
  mask.pixels = mask_brightness(mask.pixels, image_format(bytes) != ImageFormat::kJpeg);
  return mask;
}

// The image with this alpha, where it has alpha of its own the lesser of both.
cv::Mat with_mask(const cv::Mat& image, cv::Mat alpha) {
  if (alpha.size() != image.size()) {
    cv::resize(alpha, alpha, image.size(), 0, 0, cv::INTER_AREA);
  }
  cv::Mat masked;
  if (image.channels() == 4) {
    masked = image.clone();
    cv::Mat own;
    cv::extractChannel(image, own, 3);
    alpha = cv::min(own, alpha);
  } else {
    cv::cvtColor(image, masked, cv::COLOR_RGB2RGBA);
  }
  cv::insertChannel(alpha, masked, 3);
  return masked;
}

// Whether the image is a uniformly scaled version of the declared size, up to rounding to whole
// pixels.
bool has_proportions(cv::Size declared, cv::Size actual) {
  const double sx = static_cast<double>(actual.width) / declared.width;
  const double sy = static_cast<double>(actual.height) / declared.height;
  return std::abs(actual.height - declared.height * sx) <= std::max(sx, 1.0) ||
         std::abs(actual.width - declared.width * sy) <= std::max(sy, 1.0);
}

cv::Size exchanged(cv::Size size) { return {size.height, size.width}; }

bool only_fits_turned(cv::Size declared, cv::Size stored) {
  return !has_proportions(declared, stored) && has_proportions(declared, exchanged(stored));
}

bool only_fits_turned(const Camera& declared, cv::Size stored) {
  return only_fits_turned(cv::Size(declared.width, declared.height), stored);
}

constexpr int kFirstQuarterTurn = 5;  // orientations from here on exchange rows and columns

// The EXIF orientation that undoes one.
int undoing(int orientation) { return orientation == 6 ? 8 : orientation == 8 ? 6 : orientation; }

// The mask for pixels of that size. A photograph with a quarter turn and its mask may be stored
// differently: tools that look at the one apply its EXIF orientation, and others do not.
cv::Mat fit_mask(StoredImage mask, const ViewImage& image, int photos_orientation) {
  if (!only_fits_turned(image.pixels.size(), mask.pixels.size())) {
    return mask.pixels;
  }
  if (mask.orientation < kFirstQuarterTurn) {
    mask.orientation = image.is_turned ? photos_orientation : undoing(photos_orientation);
  }
  return mask.orientation < kFirstQuarterTurn ? mask.pixels : upright(mask);
}

}  // namespace

std::string view_place(const View& view) {
  return fmt::format("{} (view '{}')", view.image_path.string(), view.name);
}

Camera fit_camera(const Camera& declared, cv::Size actual, const std::string& where) {
  const double sx = static_cast<double>(actual.width) / declared.width;
  const double sy = static_cast<double>(actual.height) / declared.height;
  if (!has_proportions(cv::Size(declared.width, declared.height), actual)) {
    throw Error(ErrorParts{
        .what = "the image does not have the aspect ratio that the scene declares",
        .where = where,
        .expected = fmt::format("{} × {} or a scaled version", declared.width, declared.height),
        .got = fmt::format("{} × {}", actual.width, actual.height),
        .remedy = "It may have been cropped or rotated after the cameras were computed."});
  }
  Camera camera = declared;
  camera.width = actual.width;
  camera.height = actual.height;
  camera.fx *= sx;
  camera.cx *= sx;
  camera.fy *= sy;
  camera.cy *= sy;
  return camera;
}

UsedSize used_image_size(const View& view) {
  const cv::Size stored = image_file_size(view.image_path, view.image_part);
  const bool is_turned =
      only_fits_turned(view.camera, stored) &&
      exif_orientation(read_image_bytes(view.image_path, view.image_part)) >= kFirstQuarterTurn;
  return {is_turned ? exchanged(stored) : stored, is_turned};
}

ViewImage read_view_image(const View& view) {
  const StoredImage stored = read_stored_image(view.image_path, view.image_part);
  const bool is_turned = stored.orientation >= kFirstQuarterTurn &&
                         only_fits_turned(view.camera, stored.pixels.size());
  ViewImage image{.pixels = is_turned ? upright(stored) : stored.pixels,
                  .has_orientation = stored.orientation != 1 && !is_turned,
                  .is_turned = is_turned};
  image.camera = fit_camera(view.camera, image.pixels.size(), view_place(view));
  if (!view.mask_path.empty()) {
    const cv::Mat mask = fit_mask(read_mask(view.mask_path), image, stored.orientation);
    image.pixels = with_mask(image.pixels, mask);
  }
  return image;
}

}  // namespace parallax
