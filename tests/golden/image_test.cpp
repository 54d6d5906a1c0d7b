// Golden images: both official preprocessing pipelines, bit for bit.
#include <gtest/gtest.h>

#include "core/image/image.h"
#include "tests/golden/golden.h"
#include "vision/images/classifier_preprocess.h"
#include "vision/scene/resize_and_crop.h"

namespace parallax {
namespace {

Tensor as_tensor(const cv::Mat& image) {  // → [rows, cols, C] uint8
  return torch::from_blob(image.data, {image.rows, image.cols, image.channels()}, torch::kUInt8)
      .clone();
}

void expect_same_pixels(const cv::Mat& image, const Tensor& expected) {
  const Tensor got = as_tensor(image);
  ASSERT_EQ(got.sizes(), expected.sizes());
  const Tensor difference = (got.to(torch::kInt) - expected.to(torch::kInt)).abs();
  EXPECT_EQ(difference.max().item<int>(), 0)
      << difference.count_nonzero().item<int64_t>() << " of " << got.numel() << " bytes differ";
}

void check_nvs_run(const testing::GoldenCase& golden,
                   const nlohmann::json& run,
                   const cv::Mat& image) {
  const std::string id = run.at("id");
  const std::vector<double> in = run.at("fxfycxcy_in");
  const std::vector<int> target = run.at("target_h_w");
  const Camera camera{.height = image.rows,
                      .width = image.cols,
                      .fx = in[0],
                      .fy = in[1],
                      .cx = in[2],
                      .cy = in[3]};
  const PreprocessedView result = resize_and_crop(image, camera, target[0], target[1]);
  EXPECT_EQ(result.camera.height, target[0]);
  EXPECT_EQ(result.camera.width, target[1]);
  if (image.channels() == 4) {
    expect_same_pixels(result.image, golden.tensor(id + ".rgba_u8"));
  }
  expect_same_pixels(composite_on(result.image, {255, 255, 255}), golden.tensor(id + ".rgb_u8"));
  const Camera& got = result.camera;
  const Tensor intrinsics = torch::tensor({got.fx, got.fy, got.cx, got.cy}, torch::kFloat64);
  // The same few float64 operations: only their last bits may differ.
  EXPECT_TRUE(torch::allclose(intrinsics, golden.tensor(id + ".fxfycxcy"), 1e-14, 0));
}

void check_vit_run(const testing::GoldenCase& golden,
                   const nlohmann::json& run,
                   const cv::Mat& image) {
  const std::string id = run.at("id");
  const cv::Mat crop =
      resize_and_centre_crop(image, run.at("resize_shorter_side"), run.at("center_crop"));
  expect_same_pixels(crop, golden.tensor(id + ".crop_u8"));
  const Tensor difference = (normalised_image(crop) - golden.tensor(id + ".tensor")).abs();
  EXPECT_LE(difference.max().item<double>(),
            golden.json.at("tolerance").at("exact_atol").get<double>());
}

TEST(GoldenImage, PreprocessingEqualsBothOfficialPipelines) {
  for (const auto& folder : testing::golden_cases("image_preproc")) {
    const auto golden = testing::load_golden_case(folder);
    const cv::Mat image = read_image(folder / golden.json.at("image").get<std::string>());
    for (const auto& run : golden.json.at("runs")) {
      const std::string id = run.at("id");
      SCOPED_TRACE(golden.name() + " " + id);
      if (id.starts_with("nvs_")) {
        check_nvs_run(golden, run, image);
      } else {
        check_vit_run(golden, run, image);
      }
    }
  }
}

}  // namespace
}  // namespace parallax
