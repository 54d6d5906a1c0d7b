// Training LaCT-NVS: a joint pass over input and target views, judged by the rendered pixels.
#pragma once

#include "vision/models/lact_nvs/model_store.h"
#include "vision/train/nvs/nvs_batch.h"
#include "vision/train/prepared_batches.h"
#include "vision/train/train_task.h"

namespace parallax {

struct NvsTaskOptions {
  Form form = Form::kParallel;
  torch::Device device = torch::kCPU;
  torch::Dtype dtype = torch::kFloat32;         // bfloat16: mixed precision
  torch::Dtype export_dtype = torch::kFloat16;  // of the model for users
  double ssim_weight = 0;                       // of 1 − SSIM beside the squared error
  double gradient_weight = 0;  // of the squared error between neighbouring pixels' differences
};

class NvsTask : public TrainTask {
 public:
  // The module is on the device already. `card` goes into exported models, its `total_steps` (of
  // the model that this one began with) increased by the run's.
  NvsTask(std::shared_ptr<LactNvs> module,
          const NvsSource& source,
          const NvsTaskOptions& options,
          nlohmann::json card);
  ~NvsTask() override;

  torch::nn::Module& module() override { return *module_; }
  bool is_hidden(const std::string& parameter) const override;
  void prepare(int64_t step, int64_t shard, int64_t num_shards) override;
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
