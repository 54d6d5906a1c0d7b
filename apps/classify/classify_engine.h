// Runs batches of loaded images through one or more classifiers, in one or both forms.
#pragma once

#include <string>
#include <vector>

#include "apps/classify/classify_results.h"
#include "vision/images/image_loader.h"
#include "vision/models/vit3/model_store.h"

namespace parallax {

// How the classifiers are run.
struct ClassifyEngineOptions {
  std::vector<Form> forms = {Form::kParallel};
  torch::Device device = torch::kCPU;
  torch::Dtype dtype = torch::kFloat32;
  int topk = 5;
};

// Classifies loaded images with every model in every form.
class ClassifyEngine {
 public:
  // Moves the models to the device. Throws UsageError if they have different classes.
  ClassifyEngine(std::vector<Classifier> models, const ClassifyEngineOptions& options);

  // One row per image, in order; images that could not be loaded keep their error.
  std::vector<NewRow> classify(std::vector<LoadedImage>& images);

  // "parallel", or "vit3-t parallel" if there is more than one model.
  const std::vector<std::string>& run_labels() const { return labels_; }
  const std::vector<Classifier>& models() const { return models_; }

 private:
  std::vector<Classifier> models_;
  ClassifyEngineOptions options_;
  std::vector<std::string> labels_;
};

// The most probable classes, the true class's rank, and the largest difference from another run's
// probabilities.
RunResult summarise_run(const Tensor& probabilities,  // [classes] float32, on the CPU
                        const Tensor& reference,      // likewise, or undefined
                        std::optional<int> truth,
                        int topk);

}  // namespace parallax
