// Golden cases of kind camera_normalise: the reference pipeline's scene normalisation.
#include <gtest/gtest.h>

#include <numeric>

#include "tests/golden/golden.h"
#include "vision/scene/camera.h"

namespace parallax {
namespace {

cv::Matx44d to_matrix(const Tensor& pose) {  // [4, 4]
  const Tensor values = pose.to(torch::kFloat64).contiguous();
  return cv::Matx44d(values.data_ptr<double>());
}

double largest_difference(const std::vector<Camera>& cameras, const Tensor& expected) {
  double largest = 0;
  for (size_t i = 0; i < cameras.size(); ++i) {
    const cv::Matx44d difference = cameras[i].c2w - to_matrix(expected[static_cast<int64_t>(i)]);
    largest = std::max(largest, cv::norm(difference, cv::NORM_INF));
  }
  return largest;
}

TEST(GoldenCamera, NormalisationMatchesTheReference) {
  for (const auto& folder : testing::golden_cases("camera_normalise")) {
    const testing::GoldenCase golden = testing::load_golden_case(folder);
    SCOPED_TRACE(golden.name());
    const Tensor& poses = golden.tensor("c2w");
    std::vector<Camera> cameras(poses.size(0));
    for (int64_t i = 0; i < poses.size(0); ++i) {
      cameras[i].c2w = to_matrix(poses[i]);
    }
    std::vector<int> all(cameras.size());
    std::iota(all.begin(), all.end(), 0);
    const NormalisedPoses normalised = normalise_poses(cameras, all);
    const double tolerance = golden.json.at("tolerance").at("out").at("suggested_atol");
    EXPECT_LE(largest_difference(normalised.cameras, golden.tensor("ref.c2w")), tolerance);
    if (golden.tensors.contains("ref.c2w.f64")) {
      EXPECT_LE(largest_difference(normalised.cameras, golden.tensor("ref.c2w.f64")), 1e-9);
    }
  }
}

}  // namespace
}  // namespace parallax
