// PSNR and SSIM against their definitions, OpenCV's quality module and scikit-image's values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <opencv2/quality/qualityssim.hpp>

#include "core/base/error.h"
#include "vision/metrics/image_metrics.h"

namespace parallax {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct ImagePair {
  Tensor rendered;  // [1, 3, H, W] float64
  Tensor truth;
};

// Waves that are easy to recompute in any language.
ImagePair wave_pair(int64_t height, int64_t width) {
  const auto options = torch::dtype(torch::kFloat64);
  const Tensor c = torch::arange(3, options).view({3, 1, 1});
  const Tensor i = torch::arange(height, options).view({1, height, 1});
  const Tensor j = torch::arange(width, options).view({1, 1, width});
  const Tensor truth = 0.5 + 0.5 * (0.3 * i + 0.02 * j * j + c).sin();
  const Tensor rendered = (truth + 0.1 * (1.7 * i - 0.9 * j + c).cos()).clamp(0, 1);
  return {rendered.unsqueeze(0), truth.unsqueeze(0)};
}

// SSIM of one channel by its definition, pixel by pixel and window by window.
double brute_force_ssim(const Tensor& rendered, const Tensor& truth) {
  const auto x = rendered.accessor<double, 2>();
  const auto y = truth.accessor<double, 2>();
  double total = 0;
  int count = 0;
  for (int64_t row = 5; row + 5 < x.size(0); ++row) {
    for (int64_t column = 5; column + 5 < x.size(1); ++column) {
      double sum = 0;
      double mx = 0;
      double my = 0;
      for (int a = -5; a <= 5; ++a) {
        for (int b = -5; b <= 5; ++b) {
          const double weight = std::exp(-(a * a + b * b) / 4.5);
          sum += weight;
          mx += weight * x[row + a][column + b];
          my += weight * y[row + a][column + b];
        }
      }
      mx /= sum;
      my /= sum;
      double vx = 0;
      double vy = 0;
      double vxy = 0;
      for (int a = -5; a <= 5; ++a) {
        for (int b = -5; b <= 5; ++b) {
          const double weight = std::exp(-(a * a + b * b) / 4.5) / sum;
          const double dx = x[row + a][column + b] - mx;
          const double dy = y[row + a][column + b] - my;
          vx += weight * dx * dx;
          vy += weight * dy * dy;
          vxy += weight * dx * dy;
        }
      }
      total +=
          (2 * mx * my + 1e-4) * (2 * vxy + 9e-4) / ((mx * mx + my * my + 1e-4) * (vx + vy + 9e-4));
      ++count;
    }
  }
  return total / count;
}

TEST(ImageMetrics, PsnrIsTheMeanOfPerImageValuesOnClampedPixels) {
  const Tensor truth = torch::full({2, 3, 4, 5}, 0.5);
  Tensor rendered = truth.clone();
  rendered[0] += 0.1;
  rendered[1] = 7.0;  // clamped to 1: an error of 0.5
  const Tensor values = psnr_per_image(rendered, truth);
  EXPECT_NEAR(values[0].item<double>(), 20.0, 1e-5);  // float32 inputs
  EXPECT_NEAR(values[1].item<double>(), -10 * std::log10(0.25), 1e-9);
  EXPECT_NEAR(psnr(rendered, truth), (20.0 - 10 * std::log10(0.25)) / 2, 1e-5);
}

TEST(ImageMetrics, PooledPsnrTakesOneMeanOverAllAndDoesNotClamp) {
  const Tensor truth = torch::full({2, 3, 4, 5}, 0.5, torch::kFloat64);
  Tensor rendered = truth.clone();
  rendered[0] += 0.1;
  rendered[1] += 2.0;
  EXPECT_NEAR(pooled_psnr(rendered, truth), -10 * std::log10((0.01 + 4.0) / 2), 1e-12);
}

TEST(ImageMetrics, EqualImagesHaveInfinitePsnr) {
  const Tensor image = torch::rand({2, 3, 4, 4});
  EXPECT_EQ(psnr(image, image), kInfinity);
  EXPECT_EQ(pooled_psnr(image, image), kInfinity);
  EXPECT_EQ(masked_psnr(image, image, torch::ones({2, 1, 4, 4})), kInfinity);
}

TEST(ImageMetrics, MaskedPsnrSeesOnlyTheObject) {
  const Tensor truth = torch::full({2, 3, 4, 4}, 0.5, torch::kFloat64);
  Tensor rendered = truth.clone();
  Tensor alpha = torch::zeros({2, 1, 4, 4});
  alpha[0][0][1][2] = 1.0;
  alpha[0][0][0][0] = 0.5;  // not above one half: outside
  rendered[0][0][0][0] = std::numeric_limits<double>::quiet_NaN();
  rendered[0].select(1, 1).select(1, 2) += 0.1;
  const Tensor values = masked_psnr_per_image(rendered, truth, alpha);
  EXPECT_NEAR(values[0].item<double>(), 20.0, 1e-9);
  EXPECT_TRUE(std::isnan(values[1].item<double>()));
  EXPECT_NEAR(masked_psnr(rendered, truth, alpha), 20.0, 1e-9);
  EXPECT_TRUE(std::isnan(masked_psnr(rendered, truth, torch::zeros({2, 1, 4, 4}))));
}

TEST(ImageMetrics, SsimFollowsItsDefinition) {
  torch::manual_seed(1);
  const Tensor truth = torch::rand({2, 3, 17, 14}, torch::kFloat64);
  const Tensor rendered = (truth + 0.3 * torch::rand_like(truth)).clamp(0, 1);
  const Tensor values = ssim_per_image(rendered, truth);
  for (int image = 0; image < 2; ++image) {
    double expected = 0;
    for (int channel = 0; channel < 3; ++channel) {
      expected += brute_force_ssim(rendered[image][channel], truth[image][channel]) / 3;
    }
    EXPECT_NEAR(values[image].item<double>(), expected, 1e-10);
  }
}

// Constants from scikit-image 0.26.0: structural_similarity(truth, rendered, channel_axis=0,
// gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0, win_size=11) and
// peak_signal_noise_ratio(truth, rendered, data_range=1.0) on wave_pair's formula in float64.
TEST(ImageMetrics, AgreesWithScikitImage) {
  struct Row {
    int64_t height;
    int64_t width;
    double ssim;
    double psnr;
  };
  for (const Row& row : {Row{11, 11, 0.9263175516217101, 23.6921803652598},
                         Row{24, 31, 0.9635706207874023, 23.705837164077984},
                         Row{64, 48, 0.9721076335607401, 23.709934181119863}}) {
    const ImagePair pair = wave_pair(row.height, row.width);
    EXPECT_NEAR(ssim(pair.rendered, pair.truth), row.ssim, 1e-10) << row.height;
    EXPECT_NEAR(psnr(pair.rendered, pair.truth), row.psnr, 1e-10) << row.height;
  }
}

// OpenCV pads at the border, so only its map's inside is comparable; it computes in float32 on a
// range of 255.
TEST(ImageMetrics, SsimAgreesWithOpenCvsQualityModule) {
  const ImagePair pair = wave_pair(40, 30);
  for (int channel = 0; channel < 3; ++channel) {
    const auto to_mat = [&](const Tensor& image) {
      const Tensor plane = (image[0][channel] * 255).to(torch::kFloat32).contiguous();
      return cv::Mat(40, 30, CV_32FC1, plane.data_ptr()).clone();
    };
    cv::Mat map;
    cv::quality::QualitySSIM::compute(to_mat(pair.truth), to_mat(pair.rendered), map);
    const double theirs = cv::mean(map(cv::Rect(5, 5, 20, 30)))[0];
    const auto grey = [&](const Tensor& image) {
      return image.narrow(1, channel, 1).expand({1, 3, 40, 30});
    };
    EXPECT_NEAR(ssim(grey(pair.rendered), grey(pair.truth)), theirs, 1e-4);
  }
}

TEST(ImageMetrics, SsimOfEqualImagesIsOne) {
  const Tensor image = torch::rand({1, 3, 11, 20});
  EXPECT_NEAR(ssim(image, image), 1.0, 1e-12);
}

TEST(ImageMetrics, RefusesWhatCannotBeCompared) {
  const Tensor image = torch::rand({1, 3, 10, 20});
  EXPECT_THROW(ssim(image, image), Error);
  EXPECT_THROW(psnr(image, torch::rand({1, 3, 20, 10})), Error);
  EXPECT_THROW(psnr(image, Tensor()), Error);
  EXPECT_THROW(psnr(image[0], image[0]), Error);
  EXPECT_THROW(pooled_psnr(torch::rand({0, 3, 4, 4}), torch::rand({0, 3, 4, 4})), Error);
  EXPECT_THROW(psnr(torch::ones({1, 3, 2, 2}, torch::kUInt8), torch::ones({1, 3, 2, 2})), Error);
  EXPECT_THROW(masked_psnr(image, image, torch::ones({1, 3, 10, 20})), Error);
}

TEST(ImageMetrics, JsonHasNoInfinityAndNoNan) {
  EXPECT_EQ(metric_json(25.5).dump(), "25.5");
  EXPECT_EQ(metric_json(kInfinity).dump(), "\"inf\"");
  EXPECT_EQ(metric_json(-kInfinity).dump(), "\"-inf\"");
  EXPECT_EQ(metric_json(std::nan("")).dump(), "null");
}

}  // namespace
}  // namespace parallax
