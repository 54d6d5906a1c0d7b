// Batches, loss and evaluation of classifiers.
#include "vision/train/classify/classify_task.h"

#include <numeric>
#include <opencv2/imgproc.hpp>

#include "core/base/autocast.h"
#include "vision/images/classifier_preprocess.h"
#include "vision/metrics/accuracy.h"

namespace parallax {
namespace {

constexpr int64_t kEvaluationBatch = 100;
constexpr size_t kOrdersKept = 2;
constexpr uint64_t kOrderStream = 1;
constexpr uint64_t kMixStream = 2;

}  // namespace

ClassifyTask::ClassifyTask(std::shared_ptr<ImageClassifier> module,
                           const ImageSet& training,
                           const ImageSet& validation,
                           ClassLabels labels,
                           const AugmentOptions& augment,
                           const ClassifyTaskOptions& options,
                           Tensor teacher,
                           nlohmann::json card)
    : module_(std::move(module)),
      training_(training),
      validation_(validation),
      labels_(std::move(labels)),
      augment_(augment),
      options_(options),
      sizes_(options.train_size.empty() ? std::to_string(training.side) : options.train_size,
             "--train-size"),
      teacher_(std::move(teacher)),
      card_(std::move(card)) {
  module_->train();
  // Without a gate W2 is unused, but every trained parameter must take part in each step.
  const VariantSwitches& switches = find_vit3_variant(module_->options().variant).rule.switches;
  for (auto& item : module_->named_parameters()) {
    if (switches.feature_map == FeatureMap::kIdentity && item.key().ends_with("attn.w2")) {
      item.value().set_requires_grad(false);
    }
  }
}

ClassifyTask::~ClassifyTask() = default;  // waits for batches in preparation

bool ClassifyTask::is_hidden(const std::string& parameter) const {
  return parameter.find("blocks.") != std::string::npos;
}

int64_t ClassifyTask::image_at(int64_t position) {
  const int64_t count = training_.size();
  const int64_t epoch = position / count;
  const std::lock_guard lock(order_mutex_);
  auto it = orders_.find(epoch);
  if (it == orders_.end()) {
    std::vector<int64_t> order(static_cast<size_t>(count));
    std::iota(order.begin(), order.end(), 0);
    Random random = Random(options_.seed).fork(kOrderStream).fork(static_cast<uint64_t>(epoch));
    for (int64_t i = count - 1; i > 0; --i) {
      std::swap(order[static_cast<size_t>(i)], order[random.next() % static_cast<uint64_t>(i + 1)]);
    }
    it = orders_.emplace(epoch, std::move(order)).first;
    while (orders_.size() > kOrdersKept) {
      orders_.erase(orders_.begin()->first == epoch ? std::next(orders_.begin()) : orders_.begin());
    }
  }
  return it->second[static_cast<size_t>(position % count)];
}

int ClassifyTask::side_at(int64_t step) const {
  const double progress =
      static_cast<double>(step) / static_cast<double>(std::max<int64_t>(1, options_.total_steps));
  return parse_count(sizes_.at(std::min(progress, 1.0)), "--train-size", 1);
}

Tensor ClassifyTask::target_of(int64_t image) const {
  const int64_t classes = labels_.size();
  const double smoothing = augment_.label_smoothing;
  Tensor target = torch::full({classes}, smoothing / static_cast<double>(classes));
  target[training_.classes[static_cast<size_t>(image)]] += 1 - smoothing;
  if (teacher_.defined()) {
    target.lerp_(teacher_[image].to(torch::kFloat32), options_.teacher_weight);
  }
  return target;
}

ClassifyBatch ClassifyTask::batch(int64_t step, int64_t shard, int64_t num_shards) {
  const ShardRange range = shard_of_batch(options_.batch_size, shard, num_shards);
  const int side = side_at(step);
  std::vector<Tensor> images;
  std::vector<Tensor> targets;
  for (int64_t i = range.first; i < range.first + range.count; ++i) {
    const int64_t position = step * options_.batch_size + i;
    Random random = Random(options_.seed).fork(static_cast<uint64_t>(position) + 16);
    const int64_t image = image_at(position);
    cv::Mat varied = augment_image(training_.pixels(image), augment_, random);
    if (varied.rows != side) {
      cv::resize(varied, varied, cv::Size(side, side), 0, 0, cv::INTER_AREA);
    }
    Tensor pixels = normalised_image(varied);
    erase_part(pixels, augment_, random);
    images.push_back(pixels);
    targets.push_back(target_of(image));
  }
  ClassifyBatch batch{torch::stack(images), torch::stack(targets)};
  Random random =
      Random(options_.seed).fork(kMixStream).fork(static_cast<uint64_t>(step * num_shards + shard));
  mix_images(batch.images, batch.targets, augment_, random);
  return batch;
}

void ClassifyTask::prepare(int64_t step, int64_t shard, int64_t num_shards) {
  prepared_.prepare(
      step, shard, [this, step, shard, num_shards] { return batch(step, shard, num_shards); });
}

ShardLoss ClassifyTask::shard_loss(int64_t step, int64_t shard, int64_t num_shards) {
  ClassifyBatch batch =
      prepared_.take(step, shard, [&] { return this->batch(step, shard, num_shards); });
  const Tensor targets = batch.targets.to(options_.device);
  Tensor logits;
  {
    const AutocastGuard autocast(options_.device, options_.dtype);
    logits = module_->forward(batch.images.to(options_.device), {.form = options_.form});
  }
  const Tensor loss = -(targets * logits.to(torch::kFloat32).log_softmax(1)).sum(1).mean();
  const torch::NoGradGuard no_grad;
  const Tensor right = logits.argmax(1).eq(targets.argmax(1)).to(torch::kFloat32).mean();
  return {loss, {{"right", right}}};
}

TrainTask::Evaluation ClassifyTask::evaluate() {
  const torch::NoGradGuard no_grad;
  module_->eval();
  Accuracy accuracy;
  double loss = 0;
  for (int64_t begin = 0; begin < validation_.size(); begin += kEvaluationBatch) {
    const int64_t end = std::min(begin + kEvaluationBatch, validation_.size());
    std::vector<Tensor> images;
    for (int64_t i = begin; i < end; ++i) {
      images.push_back(normalised_image(validation_.pixels(i)));
    }
    const Tensor batch = torch::stack(images).to(options_.device);
    const Tensor logs = module_->forward(batch, {.form = options_.form})
                            .to(torch::kCPU, torch::kFloat32)
                            .log_softmax(1);
    for (int64_t i = begin; i < end; ++i) {
      const Tensor row = logs[i - begin];
      const int truth = validation_.classes[static_cast<size_t>(i)];
      accuracy.add(truth,
                   static_cast<int>(row.argmax().item<int64_t>()),
                   static_cast<int>((row > row[truth]).sum().item<int64_t>()));
      loss -= row[truth].item<double>();
    }
  }
  module_->train();
  return {.score = 100 * accuracy.top1(),
          .metrics = {{"validation_top1", accuracy.top1()},
                      {"validation_top5", accuracy.top5()},
                      {"validation_loss", loss / static_cast<double>(validation_.size())}}};
}

void ClassifyTask::export_model(const std::filesystem::path& path, const nlohmann::json& training) {
  nlohmann::json card = card_;
  card["training"] = training;
  card["resize_side"] = module_->options().image_size;
  save_classifier(path, *module_, labels_, card, options_.export_dtype);
}

}  // namespace parallax
