// PIL's separable resampling in 22-bit fixed point, reproduced bit for bit (libImaging/Resample.c
// describes the arithmetic; see resize_image in core/image/image.h).
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <opencv2/core.hpp>
#include <vector>

#include "core/base/error.h"
#include "core/image/image.h"

namespace parallax {
namespace {

// 8 bits for the pixel, 2 of headroom for filters whose weights' magnitudes sum to more than 1.
constexpr int kPrecisionBits = 32 - 8 - 2;
constexpr double kBicubicA = -0.5;
constexpr int kLargestSide = 1 << 16;
// An image of which only a window is computed may be larger: its coordinates need only fit.
constexpr int kLargestVirtualSide = 1 << 30;

double bicubic(double x) {
  x = std::abs(x);
  if (x < 1) {
    return ((kBicubicA + 2) * x - (kBicubicA + 3)) * x * x + 1;
  }
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * kBicubicA : 0;
}

double sinc(double x) {
  if (x == 0) {
    return 1;
  }
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return -3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0; }

// A filter's weight function, and the distance beyond which it is zero.
struct Kernel {
  double (*weight)(double);
  double support;
};

Kernel kernel_of(ResampleFilter filter) {
  return filter == ResampleFilter::kBicubic ? Kernel{bicubic, 2} : Kernel{lanczos, 3};
}

// The input pixels and their weights that make up one output pixel along one axis.
struct Taps {
  int first = 0;
  std::vector<std::int32_t> weights;
};

// A run of consecutive output pixels along one axis.
struct Span {
  int first = 0;
  int count = 0;
};

std::vector<Taps> make_taps(int input_size,
                            int output_size,
                            const Span& outputs,
                            const Kernel& kernel) {
  const double scale = static_cast<double>(input_size) / output_size;
  const double stretch = std::max(scale, 1.0);  // widens the filter: antialiasing
  const double support = kernel.support * stretch;
  std::vector<Taps> result(static_cast<std::size_t>(outputs.count));
  std::vector<double> weights;
  for (int i = 0; i < outputs.count; ++i) {
    const double centre = (outputs.first + i + 0.5) * scale;
    // PIL truncates, even where that is not rounding. NOLINTBEGIN(bugprone-incorrect-roundings)
    const int first = std::max(static_cast<int>(centre - support + 0.5), 0);
    const int last = std::min(static_cast<int>(centre + support + 0.5), input_size);
    // NOLINTEND(bugprone-incorrect-roundings)
    weights.clear();
    double sum = 0;
    for (int j = first; j < last; ++j) {
      weights.push_back(kernel.weight((j - centre + 0.5) * (1.0 / stretch)));
      sum += weights.back();
    }
    Taps& taps = result[static_cast<std::size_t>(i)];
    taps.first = first;
    for (double weight : weights) {
      weight = sum != 0 ? weight / sum : weight;
      const double fixed = weight * (1 << kPrecisionBits);
      taps.weights.push_back(static_cast<std::int32_t>(fixed < 0 ? fixed - 0.5 : fixed + 0.5));
    }
  }
  return result;
}

constexpr std::int32_t kHalf = 1 << (kPrecisionBits - 1);

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255));
}

// [rows, cols, C] → [rows, taps.size(), C]
template <int kChannels>
void resize_rows(const cv::Mat& input, const std::vector<Taps>& taps, cv::Mat& output) {
  for (int y = 0; y < input.rows; ++y) {
    const std::uint8_t* from = input.ptr(y);
    std::uint8_t* to = output.ptr(y);
    for (const Taps& tap : taps) {
      std::int32_t sums[kChannels];
      std::fill_n(sums, kChannels, kHalf);
      const std::uint8_t* pixel = from + static_cast<std::ptrdiff_t>(tap.first) * kChannels;
      for (const std::int32_t weight : tap.weights) {
        for (int c = 0; c < kChannels; ++c) {
          sums[c] += *pixel++ * weight;
        }
      }
      for (const std::int32_t sum : sums) {
        *to++ = to_byte(sum);
      }
    }
  }
}

cv::Mat resize_horizontally(const cv::Mat& input, const std::vector<Taps>& taps) {
  cv::Mat output(input.rows, static_cast<int>(taps.size()), input.type());
  switch (input.channels()) {
    case 1:
      resize_rows<1>(input, taps, output);
      break;
    case 3:
      resize_rows<3>(input, taps, output);
      break;
    default:
      resize_rows<4>(input, taps, output);
  }
  return output;
}

// Whole rows at a time: the inner loop is one multiply-add over contiguous bytes.
cv::Mat resize_vertically(const cv::Mat& input, const std::vector<Taps>& taps) {
  cv::Mat output(static_cast<int>(taps.size()), input.cols, input.type());
  const std::size_t count =
      static_cast<std::size_t>(input.cols) * static_cast<std::size_t>(input.channels());
  std::vector<std::int32_t> sums(count);
  for (int y = 0; y < output.rows; ++y) {
    const Taps& tap = taps[static_cast<std::size_t>(y)];
    std::fill(sums.begin(), sums.end(), kHalf);
    for (std::size_t j = 0; j < tap.weights.size(); ++j) {
      const std::uint8_t* from = input.ptr(tap.first + static_cast<int>(j));
      const std::int32_t weight = tap.weights[j];
      for (std::size_t x = 0; x < count; ++x) {
        sums[x] += from[x] * weight;
      }
    }
    std::transform(sums.begin(), sums.end(), output.ptr(y), to_byte);
  }
  return output;
}

// The input rows that these output rows read; afterwards the taps count from the first of them.
cv::Range rebase(std::vector<Taps>& taps) {
  cv::Range used(taps.front().first, 0);
  for (const Taps& tap : taps) {
    used.end = std::max(used.end, tap.first + static_cast<int>(tap.weights.size()));
  }
  for (Taps& tap : taps) {
    tap.first -= used.start;
  }
  return used;
}

// a·b / 255, rounded, for bytes.
int multiply_bytes(int a, int b) {
  const int product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

cv::Mat premultiplied(const cv::Mat& image) {
  cv::Mat result(image.size(), image.type());
  std::transform(image.begin<cv::Vec4b>(),
                 image.end<cv::Vec4b>(),
                 result.begin<cv::Vec4b>(),
                 [](cv::Vec4b pixel) {
                   for (int c = 0; c < 3; ++c) {
                     pixel[c] = static_cast<std::uint8_t>(multiply_bytes(pixel[c], pixel[3]));
                   }
                   return pixel;
                 });
  return result;
}

void unpremultiply(cv::Mat& image) {
  for (auto& pixel : cv::Mat_<cv::Vec4b>(image)) {
    const int alpha = pixel[3];
    for (int c = 0; c < 3 && alpha != 0 && alpha != 255; ++c) {
      pixel[c] = static_cast<std::uint8_t>(std::min(255 * pixel[c] / alpha, 255));
    }
  }
}

void check_arguments(const cv::Mat& image, int height, int width, int largest) {
  const int type = image.type();
  if (image.empty() || (type != CV_8UC1 && type != CV_8UC3 && type != CV_8UC4)) {
    throw Error({.what = "cannot resize this image",
                 .expected = "8-bit pixels in 1, 3 or 4 channels",
                 .got = image.empty() ? "no pixels" : cv::typeToString(type)});
  }
  if (height < 1 || width < 1 || height > largest || width > largest) {
    throw Error({.what = "cannot resize an image to this size",
                 .expected = c10::str("1 to ", largest, " pixels a side"),
                 .got = c10::str(height, " × ", width)});
  }
}

}  // namespace

cv::Mat resize_image_window(const cv::Mat& image,
                            int height,
                            int width,
                            ResampleFilter filter,
                            const cv::Rect& window) {
  check_arguments(image, height, width, kLargestVirtualSide);
  if (window.x < 0 || window.y < 0 || window.width < 1 || window.height < 1 ||
      window.width > std::min(width - window.x, kLargestSide) ||
      window.height > std::min(height - window.y, kLargestSide)) {
    throw Error(
        {.what = "the window does not lie inside the resized image",
         .expected = c10::str(height, " × ", width),
         .got = c10::str(window.height, " × ", window.width, " at ", window.y, ", ", window.x)});
  }
  if (image.rows == height && image.cols == width) {
    return image(window).clone();
  }
  const Kernel kernel = kernel_of(filter);
  cv::Mat result = image;
  std::vector<Taps> vertical;
  if (image.rows != height) {
    vertical = make_taps(image.rows, height, {window.y, window.height}, kernel);
    result = image.rowRange(rebase(vertical));
  } else {
    result = image.rowRange(window.y, window.y + window.height);
  }
  if (result.channels() == 4) {
    result = premultiplied(result);
  }
  result = image.cols != width
               ? resize_horizontally(result,
                                     make_taps(image.cols, width, {window.x, window.width}, kernel))
               : result.colRange(window.x, window.x + window.width);
  result = vertical.empty() ? result.clone() : resize_vertically(result, vertical);
  if (result.channels() == 4) {
    unpremultiply(result);
  }
  return result;
}

cv::Mat resize_image(const cv::Mat& image, int height, int width, ResampleFilter filter) {
  check_arguments(image, height, width, kLargestSide);
  return resize_image_window(image, height, width, filter, {0, 0, width, height});
}

}  // namespace parallax
