// Variations drawn from one generator, so that a step's batch is always the same.
#include "vision/train/classify/augment.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace parallax {
namespace {

constexpr double kLargestAspect = 4.0 / 3.0;
constexpr int kCropAttempts = 10;
constexpr uint64_t kPasteStream = 7;

cv::Mat random_crop(const cv::Mat& rgb, double min_area, Random& random) {
  const double area = static_cast<double>(rgb.rows) * rgb.cols;
  for (int attempt = 0; attempt < kCropAttempts; ++attempt) {
    const double wanted = area * random.uniform(min_area, 1);
    const double aspect =
        std::exp(random.uniform(-std::log(kLargestAspect), std::log(kLargestAspect)));
    const int cols = cvRound(std::sqrt(wanted * aspect));
    const int rows = cvRound(std::sqrt(wanted / aspect));
    if (rows >= 1 && cols >= 1 && rows <= rgb.rows && cols <= rgb.cols) {
      const cv::Rect window(
          random.integer(0, rgb.cols - cols), random.integer(0, rgb.rows - rows), cols, rows);
      cv::Mat result;
      cv::resize(rgb(window), result, rgb.size(), 0, 0, cv::INTER_CUBIC);
      return result;
    }
  }
  return rgb.clone();
}

// Each factor mixes the image with one that lacks the property: black, its mean grey, its greys.
cv::Mat blend(const cv::Mat& image, const cv::Mat& without, double factor) {
  cv::Mat result;
  cv::addWeighted(image, factor, without, 1 - factor, 0, result);
  return result;
}

cv::Mat greys(const cv::Mat& rgb) {
  cv::Mat grey;
  cv::cvtColor(rgb, grey, cv::COLOR_RGB2GRAY);
  cv::cvtColor(grey, grey, cv::COLOR_GRAY2RGB);
  return grey;
}

cv::Mat brighter(const cv::Mat& rgb, double factor) {
  return blend(rgb, cv::Mat::zeros(rgb.size(), rgb.type()), factor);
}

cv::Mat with_contrast(const cv::Mat& rgb, double factor) {
  return blend(
      rgb, cv::Mat(rgb.size(), rgb.type(), cv::Scalar::all(cv::mean(greys(rgb))[0])), factor);
}

cv::Mat with_saturation(const cv::Mat& rgb, double factor) {
  return blend(rgb, greys(rgb), factor);
}

cv::Mat sharper(const cv::Mat& rgb, double factor) {
  cv::Mat soft;
  cv::GaussianBlur(rgb, soft, {3, 3}, 0);
  return blend(rgb, soft, factor);
}

cv::Mat warp(const cv::Mat& rgb, const cv::Matx23d& matrix) {
  cv::Mat result;
  cv::warpAffine(rgb,
                 result,
                 cv::Mat(matrix),
                 rgb.size(),
                 cv::INTER_LINEAR,
                 cv::BORDER_CONSTANT,
                 cv::Scalar(124, 116, 104));  // ImageNet's mean colour
  return result;
}

cv::Mat look_up(const cv::Mat& rgb, int (*value)(int input, int parameter), int parameter) {
  cv::Mat table(1, 256, CV_8U);
  for (int i = 0; i < 256; ++i) {
    table.at<uchar>(i) = cv::saturate_cast<uchar>(value(i, parameter));
  }
  cv::Mat result;
  cv::LUT(rgb, table, result);
  return result;
}

cv::Mat stretched(const cv::Mat& rgb, bool equalise) {
  std::vector<cv::Mat> channels;
  cv::split(rgb, channels);
  for (cv::Mat& channel : channels) {
    if (equalise) {
      cv::equalizeHist(channel, channel);
    } else {
      cv::normalize(channel, channel, 0, 255, cv::NORM_MINMAX);
    }
  }
  cv::Mat result;
  cv::merge(channels, result);
  return result;
}

// Applies one of a dozen distortions of the given strength, in a random direction.
cv::Mat distort_image(const cv::Mat& rgb, double strength, Random& random) {
  constexpr int kKinds = 13;
  const double s = random.chance(0.5) ? strength : -strength;
  const cv::Point2d centre(rgb.cols / 2.0, rgb.rows / 2.0);
  switch (random.integer(0, kKinds - 1)) {
    case 0:
      return stretched(rgb, false);
    case 1:
      return stretched(rgb, true);
    case 2: {
      cv::Matx23d turn;
      cv::Mat(cv::getRotationMatrix2D(centre, 30 * s, 1)).copyTo(cv::Mat(turn, false));
      return warp(rgb, turn);
    }
    case 3:
      return warp(rgb, {1, 0.3 * s, -0.3 * s * centre.y, 0, 1, 0});
    case 4:
      return warp(rgb, {1, 0, 0, 0.3 * s, 1, -0.3 * s * centre.x});
    case 5:
      return warp(rgb, {1, 0, 0.3 * s * rgb.cols, 0, 1, 0});
    case 6:
      return warp(rgb, {1, 0, 0, 0, 1, 0.3 * s * rgb.rows});
    case 7:  // fewer bits
      return look_up(
          rgb, [](int v, int bits) { return v & (255 << bits); }, cvRound(4 * strength));
    case 8:  // bright values inverted
      return look_up(
          rgb,
          [](int v, int limit) { return v < limit ? v : 255 - v; },
          256 - cvRound(128 * strength));
    case 9:
      return brighter(rgb, 1 + 0.9 * s);
    case 10:
      return with_contrast(rgb, 1 + 0.9 * s);
    case 11:
      return with_saturation(rgb, 1 + 0.9 * s);
    default:
      return sharper(rgb, 1 + 0.9 * s);
  }
}

// Beta(α, α) as a share of two gamma variables, each by Marsaglia and Tsang's method.
double gamma_variable(double alpha, Random& random) {
  if (alpha < 1) {
    return gamma_variable(alpha + 1, random) *
           std::pow(std::max(random.uniform(), 1e-300), 1 / alpha);
  }
  const double d = alpha - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double radius = std::sqrt(-2 * std::log(std::max(random.uniform(), 1e-300)));
    const double x = radius * std::cos(2 * CV_PI * random.uniform());
    const double v = std::pow(1 + c * x, 3);
    if (v > 0 &&
        std::log(std::max(random.uniform(), 1e-300)) < 0.5 * x * x + d - d * v + d * std::log(v)) {
      return d * v;
    }
  }
}

double beta_variable(double alpha, Random& random) {
  const double a = gamma_variable(alpha, random);
  const double b = gamma_variable(alpha, random);
  return a + b > 0 ? a / (a + b) : 0.5;
}

}  // namespace

cv::Mat augment_image(const cv::Mat& rgb, const AugmentOptions& options, Random& random) {
  cv::Mat image = random_crop(rgb, options.min_crop, random);
  if (!options.no_mirror && random.chance(0.5)) {
    cv::flip(image, image, 1);
  }
  for (int i = 0; i < options.distortions; ++i) {
    image = distort_image(image, options.distortion_strength * random.uniform(0.5, 1.5), random);
  }
  if (options.jitter > 0) {
    const auto factor = [&] { return 1 + random.uniform(-options.jitter, options.jitter); };
    image = brighter(image, factor());
    image = with_contrast(image, factor());
    image = with_saturation(image, factor());
  }
  return image;
}

void erase_part(Tensor& image, const AugmentOptions& options, Random& random) {
  if (!random.chance(options.erase)) {
    return;
  }
  const auto rows = static_cast<int>(image.size(1));
  const auto cols = static_cast<int>(image.size(2));
  const double area = random.uniform(0.02, 0.33) * rows * cols;
  const double aspect = std::exp(random.uniform(std::log(0.3), std::log(3.3)));
  const int height = std::clamp(cvRound(std::sqrt(area * aspect)), 1, rows);
  const int width = std::clamp(cvRound(std::sqrt(area / aspect)), 1, cols);
  const int top = random.integer(0, rows - height);
  const int left = random.integer(0, cols - width);
  Tensor shard = image.slice(1, top, top + height).slice(2, left, left + width);
  cv::RNG noise(random.next() | 1U);
  cv::Mat values(1, static_cast<int>(shard.numel()), CV_32F);
  noise.fill(values, cv::RNG::NORMAL, 0, 1);
  shard.copy_(torch::from_blob(values.data, shard.sizes(), torch::kFloat32));
}

void mix_images(Tensor& images, Tensor& targets, const AugmentOptions& options, Random& random) {
  const bool can_mix = options.mixup > 0 || options.cutmix > 0;
  if (!can_mix || !random.chance(options.mix_probability)) {
    return;
  }
  const bool paste =
      options.cutmix > 0 && (options.mixup <= 0 || random.fork(kPasteStream).chance(0.5));
  double share = beta_variable(paste ? options.cutmix : options.mixup, random);
  const Tensor partners = images.flip(0);
  if (paste) {
    const auto rows = static_cast<int>(images.size(2));
    const auto cols = static_cast<int>(images.size(3));
    const int height = cvRound(rows * std::sqrt(1 - share));
    const int width = cvRound(cols * std::sqrt(1 - share));
    const int top = random.integer(0, rows - height);
    const int left = random.integer(0, cols - width);
    images = images.clone();
    const auto window = [&](const Tensor& all) {
      return all.slice(2, top, top + height).slice(3, left, left + width);
    };
    window(images).copy_(window(partners));
    share = 1 - static_cast<double>(height) * width / (static_cast<double>(rows) * cols);
  } else {
    images = share * images + (1 - share) * partners;
  }
  targets = share * targets + (1 - share) * targets.flip(0);
}

}  // namespace parallax
