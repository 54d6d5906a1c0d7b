// Random weights and images from fixed seeds.
#include "tests/support/classifier_fixture.h"

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "core/image/image.h"

namespace parallax::testing {

Vit3Options small_vit3(int classes, const std::string& variant) {
  return {.dims = {16},
          .depths = {2},
          .heads = {2},
          .patch_size = 8,
          .image_size = 32,
          .num_classes = classes,
          .variant = variant};
}

Vit3Options small_hierarchical_vit3(int classes, const std::string& variant) {
  return {.hierarchical = true,
          .dims = {8, 12, 16, 24},
          .depths = {1, 1, 2, 1},
          .heads = {1, 2, 2, 2},
          .patch_size = 4,
          .image_size = 32,
          .num_classes = classes,
          .variant = variant};
}

std::shared_ptr<ImageClassifier> random_classifier(const Vit3Options& options, int seed) {
  torch::manual_seed(static_cast<uint64_t>(seed));
  const auto model = make_classifier(options);
  model->initialise();
  const torch::NoGradGuard no_grad;
  for (auto& item : model->named_parameters()) {
    const bool is_norm = item.key().find("norm") != std::string::npos;
    item.value().add_(torch::randn_like(item.value()), is_norm ? 0.1 : 0.3);
  }
  for (auto& item : model->named_buffers()) {
    if (item.key().ends_with("running_mean")) {
      item.value().normal_(0, 0.3);
    } else if (item.key().ends_with("running_var")) {
      item.value().uniform_(0.5, 2);
    }
  }
  model->eval();
  return model;
}

void write_random_classifier(const std::filesystem::path& path,
                             const Vit3Options& options,
                             int seed) {
  std::vector<ClassLabel> labels = {{"n01443537", "goldfish, Carassius auratus"},
                                    {"n01440764", "tench, Tinca tinca"}};
  labels.resize(static_cast<size_t>(options.num_classes));
  for (size_t i = 2; i < labels.size(); ++i) {
    labels[i].name = "thing " + std::to_string(i);
  }
  save_classifier(
      path, *random_classifier(options, seed), ClassLabels(labels), {}, torch::kFloat32);
}

void write_random_image(const std::filesystem::path& path, int rows, int cols, int seed) {
  cv::RNG random(static_cast<uint64_t>(seed) + 1);
  cv::Mat image(rows, cols, CV_8UC3);
  random.fill(image, cv::RNG::UNIFORM, 0, 256);
  cv::GaussianBlur(image, image, {5, 5}, 0);
  write_image(path, image);
}

}  // namespace parallax::testing
