// Loss, evaluation and export of LaCT-NVS.
#include "vision/train/nvs/nvs_task.h"

#include <cmath>

#include "core/base/autocast.h"
#include "vision/metrics/image_metrics.h"

namespace parallax {
namespace {

Tensor merge_views(const Tensor& images) { return images.flatten(0, 1); }  // [B, V, …] → [B·V, …]

// Mean squared error between the differences of neighbouring pixels.
Tensor gradient_error(const Tensor& a, const Tensor& b) {  // [N, C, H, W] each
  const Tensor error = a - b;
  const Tensor rows = error.slice(2, 1) - error.slice(2, 0, -1);
  const Tensor columns = error.slice(3, 1) - error.slice(3, 0, -1);
  return rows.square().mean() + columns.square().mean();
}

}  // namespace

NvsTask::NvsTask(std::shared_ptr<LactNvs> module,
                 const NvsSource& source,
                 const NvsTaskOptions& options,
                 nlohmann::json card)
    : module_(std::move(module)), source_(source), options_(options), card_(std::move(card)) {
  module_->train();
  module_->freeze_unused();
}

NvsTask::~NvsTask() = default;  // waits for batches in preparation

bool NvsTask::is_hidden(const std::string& parameter) const {
  return parameter.starts_with("blocks.");
}

void NvsTask::prepare(int64_t step, int64_t shard, int64_t num_shards) {
  prepared_.prepare(step, shard, [this, step, shard, num_shards] {
    NvsBatch batch = source_.batch(step, shard, num_shards);
    return options_.device.is_cuda() ? batch.pinned() : batch;
  });
}

int64_t NvsTask::concurrent_shards(int64_t step) const {
  return options_.device.is_cpu() ? source_.batch_size(step) : 1;
}

Tensor NvsTask::loss_of(const Tensor& rendered, const Tensor& truth) const {
  Tensor loss = (rendered - truth).square().mean();
  if (options_.gradient_weight > 0) {
    loss =
        loss + options_.gradient_weight * gradient_error(merge_views(rendered), merge_views(truth));
  }
  if (options_.ssim_weight > 0) {
    loss = loss + options_.ssim_weight *
                      (1 - structural_similarity(merge_views(rendered), merge_views(truth)).mean());
  }
  return loss;
}

ShardLoss NvsTask::shard_loss(int64_t step, int64_t shard, int64_t num_shards) {
  const NvsBatch batch =
      prepared_.take(step, shard, [&] { return source_.batch(step, shard, num_shards); })
          .to(options_.device);
  Tensor rendered;
  {
    const AutocastGuard autocast(options_.device, options_.dtype);
    rendered =
        options_.streamed
            ? module_->forward_streamed(batch.images, batch.inputs, batch.targets, options_.form)
            : module_->forward(batch.images, batch.inputs, batch.targets, options_.form);
  }
  rendered = rendered.to(torch::kFloat32);
  const Tensor loss = loss_of(rendered, batch.truth);
  const torch::NoGradGuard no_grad;
  const Tensor psnr = psnr_per_image(merge_views(rendered), merge_views(batch.truth)).mean();
  const Tensor views = torch::tensor(static_cast<double>(batch.inputs.views()));
  return {loss, {{"psnr", psnr}, {"input_views", views}}};
}

TrainTask::Evaluation NvsTask::evaluate() {
  const torch::NoGradGuard no_grad;
  if (held_out_.empty()) {
    held_out_ = source_.held_out();
  }
  module_->eval();
  std::vector<Tensor> rendered;
  std::vector<Tensor> truth;
  std::vector<Tensor> alpha;
  for (const NvsBatch& held_out : held_out_) {
    const NvsBatch batch = held_out.to(options_.device);
    const SceneState state =
        options_.streamed ? module_->reconstruct_streamed(batch.images, batch.inputs, options_.form)
                          : module_->reconstruct(batch.images, batch.inputs, options_.form);
    rendered.push_back(merge_views(module_->render(state, batch.targets)).to(torch::kCPU));
    truth.push_back(merge_views(held_out.truth));
    if (held_out.alpha.defined()) {
      alpha.push_back(merge_views(held_out.alpha));
    }
  }
  module_->train();
  const Tensor images = torch::cat(rendered);
  const Tensor expected = torch::cat(truth);
  Evaluation evaluation{.score = psnr(images, expected)};
  evaluation.metrics.push_back({"held_out_psnr", evaluation.score});
  if (alpha.size() == truth.size()) {
    const double masked = masked_psnr(images, expected, torch::cat(alpha));
    if (!std::isnan(masked)) {
      evaluation.metrics.push_back({"held_out_masked_psnr", masked});
    }
  }
  return evaluation;
}

void NvsTask::export_model(const std::filesystem::path& path, const nlohmann::json& training) {
  nlohmann::json card = card_;
  card["training"] = training;
  card["total_steps"] =
      card_.value("total_steps", int64_t{0}) + training.value("steps", int64_t{0});
  save_nvs_model(path, *module_, card, options_.export_dtype);
}

}  // namespace parallax
