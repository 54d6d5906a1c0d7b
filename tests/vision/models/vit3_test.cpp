// ViT³ models: forms, sizes, precisions, files. The values themselves are checked by golden cases.
#include <gtest/gtest.h>

#include <functional>
#include <opencv2/imgproc.hpp>

#include "core/image/image.h"
#include "core/ops/common/dispatch.h"
#include "tests/support/classifier_fixture.h"
#include "tests/support/scratch_folder.h"
#include "vision/images/classifier_preprocess.h"

namespace parallax::testing {
namespace {

double largest_difference(const Tensor& a, const Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(Vit3, FormsAgreeForEveryVariantModelAndSize) {
  const torch::NoGradGuard no_grad;
  for (const Vit3Variant& variant : vit3_variants()) {
    const std::string name(variant.name);
    for (const Vit3Options& options : {small_vit3(7, name), small_hierarchical_vit3(7, name)}) {
      const auto model = random_classifier(options, 3);
      model->to(torch::kFloat64);
      // Trained at 32×32; larger and oblong grids need new rotary tables.
      for (const auto& [rows, cols] : {std::pair{32, 32}, std::pair{64, 96}}) {
        const Tensor x = torch::randn({2, 3, rows, cols}, torch::kFloat64);
        const Tensor parallel = model->forward(x, {.form = Form::kParallel});
        ASSERT_EQ(parallel.sizes(), (std::vector<int64_t>{2, 7}));
        {
          const KernelPathGuard reference(KernelPath::kReference);
          EXPECT_LE(largest_difference(parallel, model->forward(x, {})), 1e-9)
              << name << " " << rows;
        }
        for (const int64_t step : {1, 3}) {
          const Tensor recurrent =
              model->forward(x, {.form = Form::kRecurrent, .rows_per_step = step});
          // The same sums in a different order, in float64.
          EXPECT_LE(largest_difference(parallel, recurrent), 1e-9) << name << " " << rows;
        }
      }
    }
  }
}

TEST(Vit3, VariantsDiffer) {
  const torch::NoGradGuard no_grad;
  const Tensor x = torch::randn({1, 3, 32, 32});
  std::vector<Tensor> logits;
  for (const Vit3Variant& variant : vit3_variants()) {
    logits.push_back(
        random_classifier(small_vit3(7, std::string(variant.name)), 3)->forward(x, {}));
  }
  for (size_t i = 0; i < logits.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      EXPECT_GT(largest_difference(logits[i], logits[j]), 1e-4) << i << " " << j;
    }
  }
}

TEST(Vit3, ImagesOfABatchDoNotSeeEachOther) {
  const torch::NoGradGuard no_grad;
  for (const Vit3Options& options : {small_vit3(7), small_hierarchical_vit3(7)}) {
    const auto model = random_classifier(options, 4);
    model->to(torch::kFloat64);
    const Tensor x = torch::randn({3, 3, 32, 32}, torch::kFloat64);
    const Tensor together = model->forward(x, {});
    for (int64_t i = 0; i < 3; ++i) {
      EXPECT_LE(largest_difference(together[i], model->forward(x.narrow(0, i, 1), {})[0]), 1e-10);
    }
  }
}

// The rotary tables by their definition: pair j of the first quarter turns by row · 10000^(−j/q).
TEST(Vit3, RotaryTableFollowsItsDefinition) {
  const int64_t dim = 24;
  const Tensor table = rotary_table(5, 3, dim);
  const int64_t quarter = dim / 4;
  for (int64_t row = 0; row < 5; ++row) {
    for (int64_t col = 0; col < 3; ++col) {
      for (int64_t pair = 0; pair < dim / 2; ++pair) {
        const auto j = static_cast<double>(pair % quarter);
        const double speed = std::pow(10000.0, -j / static_cast<double>(quarter));
        const double angle = static_cast<double>(pair < quarter ? row : col) * speed;
        EXPECT_NEAR(table[row][col][pair][0].item<double>(), std::cos(angle), 1e-6);
        EXPECT_NEAR(table[row][col][pair][1].item<double>(), std::sin(angle), 1e-6);
      }
    }
  }
}

TEST(Vit3, Bfloat16StaysCloseToFloat32) {
  const torch::NoGradGuard no_grad;
  for (const Vit3Options& options : {small_vit3(7), small_hierarchical_vit3(7)}) {
    torch::manual_seed(5);
    const auto model = make_classifier(options);
    model->initialise();
    model->eval();
    const Tensor x = torch::randn({2, 3, 32, 32});
    const Tensor exact = model->forward(x, {});
    model->use_bfloat16();
    for (const Form form : {Form::kRecurrent, Form::kParallel}) {
      const Tensor rounded = model->forward(x.to(torch::kBFloat16), {.form = form});
      const Tensor error = (rounded.to(torch::kFloat32) - exact).norm() / exact.norm();
      // Eight bits of mantissa, 0.4 %, through about twenty layers of unit scale.
      EXPECT_LE(error.item<double>(), 0.05);
    }
  }
}

TEST(Vit3, GradientsReachEveryParameterInBothForms) {
  for (const Vit3Options& options : {small_vit3(7), small_hierarchical_vit3(7)}) {
    const auto model = random_classifier(options, 6);
    model->train();
    const Tensor x = torch::randn({2, 3, 32, 32});
    for (const Form form : {Form::kRecurrent, Form::kParallel}) {
      model->zero_grad();
      model->forward(x, {.form = form}).square().sum().backward();
      for (const auto& item : model->named_parameters()) {
        ASSERT_TRUE(item.value().grad().defined()) << item.key();
        EXPECT_TRUE(item.value().grad().isfinite().all().item<bool>()) << item.key();
      }
    }
  }
}

TEST(Vit3, PublishedSizesHaveThePublishedNumberOfParameters) {
  // In millions, rounded as in the authors' table.
  const std::pair<const char*, double> published[] = {{"vit3-t", 6},
                                                      {"vit3-s", 24},
                                                      {"vit3-b", 90},
                                                      {"h-vit3-t", 29},
                                                      {"h-vit3-s", 54},
                                                      {"h-vit3-b", 94}};
  for (const auto& [name, millions] : published) {
    const auto count = static_cast<double>(count_parameters(find_vit3_preset(name)));
    EXPECT_NEAR(count / 1e6, millions, 0.6) << name;
  }
  EXPECT_EQ(describe_architecture(find_vit3_preset("h-vit3-b")), "H-ViT³-B");
}

TEST(Vit3, FilesKeepWeightsOptionsAndLabels) {
  const torch::NoGradGuard no_grad;
  const ScratchFolder scratch;
  const auto path = scratch.path() / "model.safetensors";
  for (const Vit3Options& options : {small_vit3(5, "3"), small_hierarchical_vit3(5, "mse")}) {
    write_random_classifier(path, options, 8);
    const Classifier loaded = load_classifier(path.string());
    EXPECT_EQ(options_to_json(loaded.card.options), options_to_json(options));
    EXPECT_EQ(loaded.card.labels.short_name(0), "goldfish");
    EXPECT_EQ(loaded.card.labels.find("Tinca tinca"), 1);
    const Tensor x = torch::randn({1, 3, 32, 32});
    EXPECT_TRUE(
        torch::equal(loaded.module->forward(x, {}), random_classifier(options, 8)->forward(x, {})));
  }
}

TEST(Vit3, AModelIsNeverShownAsAnotherVariant) {
  const ScratchFolder scratch;
  const std::string path = (scratch.path() / "model.safetensors").string();
  write_random_classifier(path, small_vit3(5, "1"), 8);
  EXPECT_NO_THROW(load_classifier(path, "1"));
  EXPECT_THROW(load_classifier(path, "0"), UsageError);
  EXPECT_THROW(load_classifier(path, "2"), UsageError);  // ViT³ has no such row
  // Without a card the user's word is taken.
  Checkpoint bare = load_checkpoint(path);
  bare.metadata.clear();
  save_safetensors(path, bare);
  EXPECT_EQ(load_classifier(path, "6").card.options.variant, "6");
}

TEST(Vit3, ImpossibleConfigurationsAreErrors) {
  Vit3Options options = small_vit3(5);
  options.heads = {3};
  EXPECT_THROW(make_classifier(options), Error);
  options = small_vit3(5);
  options.dims = {16, 32};
  EXPECT_THROW(make_classifier(options), Error);
  options = small_vit3(5, "4");
  EXPECT_THROW(make_classifier(options), Error);
  options = small_hierarchical_vit3(5);
  options.dims[1] = 14;
  options.heads[1] = 1;
  EXPECT_THROW(make_classifier(options), Error);
  options = small_hierarchical_vit3(5);
  options.dims[1] = 12;  // heads of three channels have no pairs
  options.heads[1] = 4;
  EXPECT_THROW(make_classifier(options), Error);
  const auto model = random_classifier(small_vit3(5), 1);
  EXPECT_THROW(model->forward(torch::zeros({1, 3, 36, 32}), {}), Error);
  EXPECT_THROW(model->forward(torch::zeros({1, 1, 32, 32}), {}), Error);
}

TEST(Vit3, CheckpointsThatDoNotFitAreErrorsThatSayWhy) {
  const ScratchFolder scratch;
  const std::string path = (scratch.path() / "model.safetensors").string();
  write_random_classifier(path, small_vit3(5), 8);
  const Checkpoint whole = load_checkpoint(path);
  const auto error_after = [&](const std::function<void(Checkpoint&)>& change) -> std::string {
    Checkpoint checkpoint = whole;
    change(checkpoint);
    save_safetensors(path, checkpoint);
    try {
      load_classifier(path);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(error_after([](Checkpoint& c) { c.tensors.erase("norm.weight"); }).find("norm.weight"),
            std::string::npos);
  EXPECT_NE(error_after([](Checkpoint& c) {
              c.tensors["blocks.1.attn.w1"] = torch::zeros({1, 2, 4, 8});
            }).find("blocks.1.attn.w1"),
            std::string::npos);
  EXPECT_NE(error_after([](Checkpoint& c) {
              c.metadata["parallax"] = "{\"model\": \"lact_nvs\"}";
            }).find("not a ViT³"),
            std::string::npos);
  EXPECT_NE(error_after([](Checkpoint& c) {
              c.metadata["parallax"] = "{\"config\": {\"num_classes\": -1}}";
            }).find("num_classes"),
            std::string::npos);
}

// The cropped window equals the crop of the whole resized image, which golden cases check.
TEST(ClassifierView, WindowEqualsCropOfTheWholeImage) {
  cv::RNG random(1);
  for (const int channels : {1, 3, 4}) {
    cv::Mat image(37, 53, CV_8UC(channels));
    random.fill(image, cv::RNG::UNIFORM, 0, 256);
    for (const auto& [height, width] :
         {std::pair{80, 90}, std::pair{20, 31}, std::pair{37, 20}, std::pair{74, 53}}) {
      const cv::Mat whole = resize_image(image, height, width, ResampleFilter::kBicubic);
      const cv::Rect window(3, 7, width - 9, height - 12);
      const cv::Mat part =
          resize_image_window(image, height, width, ResampleFilter::kBicubic, window);
      ASSERT_EQ(part.size(), window.size());
      EXPECT_EQ(cv::norm(part, whole(window), cv::NORM_INF), 0) << height << " " << channels;
    }
  }
}

TEST(ClassifierView, ShapesAndTransparency) {
  cv::RNG random(2);
  cv::Mat image(300, 500, CV_8UC3);
  random.fill(image, cv::RNG::UNIFORM, 0, 256);
  // 256/224 of the crop, as published.
  const cv::Mat square = crop_for_classifier(image, {.height = 224, .width = 224});
  EXPECT_EQ(cv::norm(square, resize_and_centre_crop(image, 256, 224), cv::NORM_INF), 0);
  const cv::Mat small = crop_for_classifier(image, {.height = 64, .width = 64, .resize_side = 64});
  EXPECT_EQ(cv::norm(small, resize_and_centre_crop(image, 64, 64), cv::NORM_INF), 0);
  EXPECT_EQ(crop_for_classifier(image, {.height = 32, .width = 96}).size(), cv::Size(96, 32));
  cv::Mat transparent;
  cv::cvtColor(image, transparent, cv::COLOR_RGB2RGBA);
  transparent.forEach<cv::Vec4b>([](cv::Vec4b& pixel, const int*) { pixel[3] = 7; });
  const cv::Mat opaque = crop_for_classifier(transparent, {.height = 224, .width = 224});
  EXPECT_EQ(cv::norm(square, opaque, cv::NORM_INF), 0);
}

// Enlarged so that its width is 256, this image would be 5,120,000 pixels high.
TEST(ClassifierView, AThinImageNeedsNoMemoryToSpeakOf) {
  const cv::Mat thin(20000, 1, CV_8UC3, cv::Scalar(10, 20, 30));
  const cv::Mat crop = crop_for_classifier(thin, {.height = 224, .width = 224});
  EXPECT_EQ(crop.size(), cv::Size(224, 224));
  EXPECT_EQ(crop.at<cv::Vec3b>(100, 100), cv::Vec3b(10, 20, 30));
}

}  // namespace
}  // namespace parallax::testing
