// Runs the models of `classify`.
#include "apps/classify/classify_engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/base/operator_threads.h"

namespace parallax {

namespace {

// A softmax of NaN would name some class.
constexpr const char* kNoNumbers =
    "the model's output is NaN: its weights or --dtype are not fit for this image";

// How many of the classes are more probable than the most probable right one.
int rank_of(const Tensor& probabilities, double right) {
  return static_cast<int>((probabilities > right).sum().item<int64_t>());
}

}  // namespace

RunResult summarise_run(const Tensor& probabilities,
                        const Tensor& reference,
                        const TrueClasses& classes,
                        int topk) {
  const int64_t count = std::min<int64_t>(topk, probabilities.size(0));
  const auto [values, indices] = probabilities.topk(count);
  RunResult run;
  for (int64_t i = 0; i < count; ++i) {
    run.top.push_back({static_cast<int>(indices[i].item<int64_t>()), values[i].item<float>()});
  }
  if (!classes.right.empty()) {
    double right = 0;
    for (const int index : classes.right) {
      right = std::max(right, probabilities[index].item<double>());
    }
    run.truth_rank = rank_of(probabilities, right);
    if (classes.alone.defined()) {
      run.rank_alone = rank_of(probabilities.index_select(0, classes.alone), right);
      run.classes_alone = static_cast<int>(classes.alone.size(0));
    }
  }
  if (reference.defined()) {
    run.difference = (probabilities - reference).abs().max().item<float>();
  }
  return run;
}

ClassifyEngine::ClassifyEngine(std::vector<Classifier> models, const ClassifyEngineOptions& options)
    : models_(std::move(models)), options_(options) {
  const bool several = models_.size() > 1;
  for (Classifier& model : models_) {
    const int classes = model.card.options.num_classes;
    if (classes != models_.front().card.options.num_classes) {
      throw UsageError(ErrorParts{
          .what = "these models cannot be compared: they know different numbers of classes",
          .where = model.name,
          .expected = std::to_string(models_.front().card.options.num_classes),
          .got = std::to_string(classes)});
    }
    if (options.dtype == torch::kBFloat16) {
      model.module->use_bfloat16();
    }
    model.module->to(options.device);
    for (const Form form : options.forms) {
      std::string label = several ? model.name + " " : "";
      label += form_name(form);
      while (std::find(labels_.begin(), labels_.end(), label) != labels_.end()) {
        label += "'";  // two files of one name
      }
      labels_.push_back(std::move(label));
    }
  }
}

void ClassifyEngine::set_classes_alone(const std::vector<int>& classes) {
  const auto all = static_cast<size_t>(models_.front().card.options.num_classes);
  classes_alone_ = classes.size() < 2 || classes.size() >= all
                       ? Tensor()
                       : torch::tensor(classes, torch::kInt64);
}

std::vector<NewRow> ClassifyEngine::classify(std::vector<LoadedImage>& images) {
  adapt_operator_threads();
  const torch::InferenceMode inference;
  std::vector<NewRow> rows;
  std::vector<Tensor> pixels;
  std::vector<size_t> places;
  for (LoadedImage& image : images) {
    rows.push_back({.image = {.path = escape_invalid_utf8(image.file.path.string()),
                              .error = image.file.error,
                              .rows = image.rows,
                              .cols = image.cols,
                              .truth = image.file.truth,
                              .also_right = image.file.also_right},
                    .thumbnail = std::move(image.thumbnail)});
    if (image.pixels.defined()) {
      places.push_back(rows.size() - 1);
      pixels.push_back(image.pixels);
    }
  }
  if (pixels.empty()) {
    return rows;
  }
  const Tensor batch = torch::stack(pixels).to(options_.device, options_.dtype);
  Tensor first;
  for (const Classifier& model : models_) {
    for (const Form form : options_.forms) {
      const Tensor logits = model.module->forward(batch, {.form = form});
      const Tensor probabilities =
          logits.to(torch::kFloat32).softmax(1).to(torch::kCPU);  // [B, classes]
      const bool is_first = !first.defined();
      if (is_first) {
        first = probabilities;
      }
      const Tensor is_finite = probabilities.isfinite().all(1);
      for (size_t i = 0; i < places.size(); ++i) {
        const auto index = static_cast<int64_t>(i);
        ClassifiedImage& image = rows[places[i]].image;
        if (!is_finite[index].item<bool>()) {
          image.error = kNoNumbers;
          continue;
        }
        TrueClasses classes{.right = image.also_right, .alone = classes_alone_};
        if (image.truth) {
          classes.right.push_back(*image.truth);
        }
        image.runs.push_back(summarise_run(
            probabilities[index], is_first ? Tensor() : first[index], classes, options_.topk));
      }
    }
  }
  for (NewRow& row : rows) {
    if (!row.image.error.empty()) {
      row.image.runs.clear();
      row.thumbnail.clear();
    }
  }
  return rows;
}

}  // namespace parallax
