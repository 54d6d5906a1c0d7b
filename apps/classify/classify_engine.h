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

  // Also ranks the true class among these classes alone, as ImageNet-A and -R are evaluated on
  // their 200 of the model's 1,000. Fewer than two, or all of the model's: not.
  void set_classes_alone(const std::vector<int>& classes);

  // One row per image, in order; images that could not be loaded keep their error.
  std::vector<NewRow> classify(std::vector<LoadedImage>& images);

  // "parallel", or "vit3-t parallel" if there is more than one model.
  const std::vector<std::string>& run_labels() const { return labels_; }
  const std::vector<Classifier>& models() const { return models_; }

 private:
  std::vector<Classifier> models_;
  ClassifyEngineOptions options_;
  std::vector<std::string> labels_;
  Tensor classes_alone_;  // [count] int64; undefined: not asked for
};

// The classes that an image shows, and those that may be predicted.
struct TrueClasses {
  std::vector<int> right;  // any of these; empty: unknown
  Tensor alone;            // [count] int64: rank among these as well; undefined: not
};

// The most probable classes, the true class's ranks, and the largest difference from another run's
// probabilities.
RunResult summarise_run(const Tensor& probabilities,  // [classes] float32, on the CPU
                        const Tensor& reference,      // likewise, or undefined
                        const TrueClasses& classes,
                        int topk);

}  // namespace parallax
