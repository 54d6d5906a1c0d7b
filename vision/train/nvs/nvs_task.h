// Trains LaCT-NVS: a joint pass over input and target views, with a loss on the rendered pixels.
#pragma once

#include "vision/models/lact_nvs/model_store.h"
#include "vision/train/nvs/nvs_batch.h"
#include "vision/train/prepared_batches.h"
#include "vision/train/train_task.h"

namespace parallax {

// How a LaCT-NVS model is trained, apart from its data.
struct NvsTaskOptions {
  Form form = Form::kParallel;
  bool streamed = false;  // input views are read one after the other, each an update of its own
  torch::Device device = torch::kCPU;
  torch::Dtype dtype = torch::kFloat32;         // bfloat16: mixed precision
  torch::Dtype export_dtype = torch::kFloat16;  // of exported models
  double ssim_weight = 0;                       // of 1 − SSIM in addition to the squared error
  double gradient_weight = 0;  // of the squared error of differences between neighbouring pixels
};

// A LaCT-NVS model and its views, for a Trainer.
class NvsTask : public TrainTask {
 public:
  // The module must be on the device already. `card` goes into exported models, with its
  // `total_steps` (of the model that training started from) increased by the run's.
  NvsTask(std::shared_ptr<LactNvs> module,
          const NvsSource& source,
          const NvsTaskOptions& options,
          nlohmann::json card);
  ~NvsTask() override;

  torch::nn::Module& module() override { return *module_; }
  bool is_hidden(const std::string& parameter) const override;
  void prepare(int64_t step, int64_t shard, int64_t num_shards) override;
  int64_t concurrent_shards(int64_t step) const override;
  ShardLoss shard_loss(int64_t step, int64_t shard, int64_t num_shards) override;
  Evaluation evaluate() override;
  void export_model(const std::filesystem::path& path, const nlohmann::json& training) override;

 private:
  Tensor loss_of(const Tensor& rendered, const Tensor& truth) const;

  std::shared_ptr<LactNvs> module_;
  const NvsSource& source_;
  NvsTaskOptions options_;
  nlohmann::json card_;
  std::vector<NvsBatch> held_out_;
  PreparedBatches<NvsBatch> prepared_;
};

}  // namespace parallax
