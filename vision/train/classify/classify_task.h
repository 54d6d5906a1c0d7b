// Trains ViT³ classifiers on image folders.
#pragma once

#include <map>
#include <mutex>

#include "vision/models/vit3/model_store.h"
#include "vision/train/classify/augment.h"
#include "vision/train/classify/image_set.h"
#include "vision/train/prepared_batches.h"
#include "vision/train/staged_value.h"
#include "vision/train/train_task.h"

namespace parallax {

// How a classifier is trained, apart from its images and their augmentation.
struct ClassifyTaskOptions {
  Form form = Form::kParallel;
  torch::Device device = torch::kCPU;
  torch::Dtype dtype = torch::kFloat32;         // bfloat16: mixed precision
  torch::Dtype export_dtype = torch::kFloat16;  // of exported models
  int64_t batch_size = 64;
  uint64_t seed = 1;
  double teacher_weight = 0;  // share of the teacher's probabilities in the targets
  std::string train_size;     // side of the training images in stages; empty: the image set's
  int64_t total_steps = 1;    // of the whole run; the stages are shares of it
};

// Training images and their target probabilities.
struct ClassifyBatch {
  Tensor images;   // [B, 3, side, side] normalised
  Tensor targets;  // [B, classes] probabilities
};

// A classifier and its images, for a Trainer.
class ClassifyTask : public TrainTask {
 public:
  // The module must be on the device already. `teacher` holds one row of probabilities per training
  // image ([N, classes]) or is undefined. `card` goes into exported models.
  ClassifyTask(std::shared_ptr<ImageClassifier> module,
               const ImageSet& training,
               const ImageSet& validation,
               ClassLabels labels,
               const AugmentOptions& augment,
               const ClassifyTaskOptions& options,
               Tensor teacher,
               nlohmann::json card);
  ~ClassifyTask() override;

  torch::nn::Module& module() override { return *module_; }
  bool is_hidden(const std::string& parameter) const override;
  void prepare(int64_t step, int64_t shard, int64_t num_shards) override;
  ShardLoss shard_loss(int64_t step, int64_t shard, int64_t num_shards) override;
  Evaluation evaluate() override;
  void export_model(const std::filesystem::path& path, const nlohmann::json& training) override;

  // Shard `shard` of `num_shards` of the step's batch, which depends only on seed and step. Every
  // epoch goes through all images once, in its own order.
  ClassifyBatch batch(int64_t step, int64_t shard, int64_t num_shards);

 private:
  int64_t image_at(int64_t position);  // in the endless sequence of epochs
  int side_at(int64_t step) const;
  Tensor target_of(int64_t image) const;

  std::shared_ptr<ImageClassifier> module_;
  const ImageSet& training_;
  const ImageSet& validation_;
  ClassLabels labels_;
  AugmentOptions augment_;
  ClassifyTaskOptions options_;
  StagedValue sizes_;
  Tensor teacher_;
  nlohmann::json card_;
  std::mutex order_mutex_;
  std::map<int64_t, std::vector<int64_t>> orders_;  // of the latest epochs
  PreparedBatches<ClassifyBatch> prepared_;
};

}  // namespace parallax
