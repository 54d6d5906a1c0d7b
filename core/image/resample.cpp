// PIL's separable resampling in 22-bit fixed point, reproduced bit for bit (libImaging/Resample.c
// describes the arithmetic; see resize_image in core/image/image.h).
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
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

// Sums of sixteen bytes of one row, or of four pixels of up to four channels. The compiler makes of
// these and of loops over them what the processor has: functions with them are compiled for several
// instruction sets. (GCC 12 converts bytes in loops, but in __builtin_convertvector one by one.)
constexpr int kLanes = 16;
using SumLanes [[gnu::vector_size(kLanes * sizeof(std::int32_t))]] = std::int32_t;

[[gnu::always_inline]] inline void add_product(SumLanes& sums,
                                               const std::uint8_t* bytes,
                                               std::int32_t weight) {
  std::int32_t wide[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    wide[i] = bytes[i];
  }
  SumLanes lanes;
  std::memcpy(&lanes, wide, sizeof(lanes));
  sums += lanes * weight;
}

[[gnu::always_inline]] inline void store_bytes(const SumLanes& sums, std::uint8_t* bytes) {
  SumLanes clamped = sums >> kPrecisionBits;
  clamped = clamped < 0 ? 0 : clamped;
  clamped = clamped > 255 ? 255 : clamped;
  std::int32_t wide[kLanes];
  std::memcpy(wide, &clamped, sizeof(wide));
  for (int i = 0; i < kLanes; ++i) {
    bytes[i] = static_cast<std::uint8_t>(wide[i]);
  }
}

// One direction's work: [rows, cols, C] → [rows, taps.size(), C] or [taps.size(), cols, C].
struct Pass {
  const cv::Mat& input;
  const std::vector<Taps>& taps;
  cv::Mat& output;
};

// Four rows at a time, of which a column's pixels are next to each other.
template <int kChannels>
[[gnu::always_inline]] inline void resize_rows(const Pass& pass) {
  constexpr int kRows = 4;
  constexpr int kPixel = kLanes / kRows;
  std::vector<std::uint8_t> columns(static_cast<std::size_t>(pass.input.cols) * kLanes);
  for (int y = 0; y < pass.input.rows; y += kRows) {
    std::uint8_t* to[kRows];
    for (int r = 0; r < kRows; ++r) {
      const int row = std::min(y + r, pass.input.rows - 1);
      const std::uint8_t* from = pass.input.ptr(row);
      std::uint8_t* column = &columns[static_cast<std::size_t>(r) * kPixel];
      for (int x = 0; x < pass.input.cols; ++x, from += kChannels, column += kLanes) {
        std::memcpy(column, from, kChannels);
      }
      to[r] = pass.output.ptr(row);
    }
    for (const Taps& tap : pass.taps) {
      SumLanes sums = SumLanes{} + kHalf;
      const std::uint8_t* column = &columns[static_cast<std::size_t>(tap.first) * kLanes];
      for (const std::int32_t weight : tap.weights) {
        add_product(sums, column, weight);
        column += kLanes;
      }
      std::uint8_t pixels[kLanes];
      store_bytes(sums, pixels);
      for (int r = 0; r < kRows; ++r) {
        std::memcpy(to[r], pixels + static_cast<std::ptrdiff_t>(r) * kPixel, kChannels);
        to[r] += kChannels;
      }
    }
  }
}

[[gnu::always_inline]] inline void resize_columns(const Pass& pass) {
  const int count = pass.input.cols * pass.input.channels();
  std::vector<std::uint8_t> short_row(kLanes);
  for (int y = 0; y < pass.output.rows; ++y) {
    const Taps& tap = pass.taps[static_cast<std::size_t>(y)];
    for (int at = 0; at < count; at += kLanes) {
      const int x = std::min(at, std::max(0, count - kLanes));  // the last lanes once more
      SumLanes sums = SumLanes{} + kHalf;
      for (std::size_t j = 0; j < tap.weights.size(); ++j) {
        const std::uint8_t* from = pass.input.ptr(tap.first + static_cast<int>(j)) + x;
        if (count < kLanes) {
          from = std::copy_n(from, count, short_row.data()) - count;
        }
        add_product(sums, from, tap.weights[j]);
      }
      std::uint8_t bytes[kLanes];
      store_bytes(sums, bytes);
      std::copy_n(bytes, std::min(count, kLanes), pass.output.ptr(y) + x);
    }
  }
}

[[gnu::always_inline]] inline void run_pass(const Pass& pass, bool along_rows) {
  if (!along_rows) {
    resize_columns(pass);
  } else if (pass.input.channels() == 1) {
    resize_rows<1>(pass);
  } else if (pass.input.channels() == 3) {
    resize_rows<3>(pass);
  } else {
    resize_rows<4>(pass);
  }
}

[[gnu::target("avx512f,avx512bw,avx512vl")]] void run_pass_avx512(const Pass& pass,
                                                                  bool along_rows) {
  run_pass(pass, along_rows);
}

[[gnu::target("avx2")]] void run_pass_avx2(const Pass& pass, bool along_rows) {
  run_pass(pass, along_rows);
}

void run_pass_portable(const Pass& pass, bool along_rows) { run_pass(pass, along_rows); }

cv::Mat resize_along(bool along_rows, const cv::Mat& input, const std::vector<Taps>& taps) {
  const int count = static_cast<int>(taps.size());
  cv::Mat output(along_rows ? input.rows : count, along_rows ? count : input.cols, input.type());
  const bool avx512 = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  const auto run = avx512                           ? run_pass_avx512
                   : __builtin_cpu_supports("avx2") ? run_pass_avx2
                                                    : run_pass_portable;
  run({input, taps, output}, along_rows);
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
               ? resize_along(
                     true, result, make_taps(image.cols, width, {window.x, window.width}, kernel))
               : result.colRange(window.x, window.x + window.width);
  result = vertical.empty() ? result.clone() : resize_along(false, result, vertical);
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
