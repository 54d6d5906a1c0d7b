// Stems, stages and heads around the blocks.
#include "vision/models/vit3/vit3.h"

#include <fmt/format.h>

#include <numeric>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr double kFinalNormEps = 1e-6;
constexpr double kDenseStd = 0.02;
constexpr int64_t kMergeRatio = 4;  // widening inside a down-sampling step

void note(ClassifierTrace* trace, const std::string& name, const Tensor& value) {
  if (trace != nullptr) {
    trace->emplace_back(name, value);
  }
}

Vit3BlockShape block_shape(const Vit3Options& options, size_t stage) {
  const int dim = options.dims[stage];
  return {.dim = dim,
          .heads = options.heads[stage],
          .mlp_hidden = static_cast<int64_t>(dim * options.mlp_ratio),
          .qkv_bias = options.qkv_bias,
          .hierarchical = options.hierarchical};
}

}  // namespace

ImageClassifier::ImageClassifier(const Vit3Options& options) : options_(options) {
  check_vit3_options(options, "model configuration");
  head_ =
      register_module("head", std::make_shared<Linear>(options.dims.back(), options.num_classes));
}

Tensor ImageClassifier::forward(const Tensor& images,
                                const Vit3Pass& pass,
                                ClassifierTrace* trace) {
  const int64_t multiple = size_multiple(options_);
  if (images.dim() != 4 || images.size(1) != 3 || images.size(2) < multiple ||
      images.size(3) < multiple || images.size(2) % multiple != 0 ||
      images.size(3) % multiple != 0) {
    throw Error(ErrorParts{
        .what = "these images do not fit the classifier",
        .expected = fmt::format("[B, 3, rows, cols] with sides that are multiples of {}", multiple),
        .got = c10::str(images.sizes())});
  }
  TokenGrid grid;
  const Tensor tokens = embed(images, grid);
  note(trace, "patch_embed", tokens);
  const Tensor pooled = pool(run_blocks(tokens, grid, pass, trace));
  note(trace, "pooled", pooled);
  return head_->forward(pooled);
}

void ImageClassifier::initialise() {
  const torch::NoGradGuard no_grad;
  for (const auto& module : modules()) {
    if (auto* layer = module->as<Vit3Layer>()) {
      layer->initialise();
    } else if (auto* convolution = module->as<Convolution>()) {
      convolution->initialise();
    } else if (module->as<Linear>() != nullptr) {
      for (auto& item : module->named_parameters(false)) {
        item.key() == "weight" ? item.value().normal_(0, kDenseStd) : item.value().zero_();
      }
    }
  }
}

void ImageClassifier::set_rule(const Vit3Rule& rule) {
  for (const auto& module : modules()) {
    if (auto* layer = module->as<Vit3Layer>()) {
      layer->set_rule(rule);
    }
  }
}

void ImageClassifier::mirror() {
  for (const auto& module : modules()) {
    if (auto* layer = module->as<Vit3Layer>()) {
      layer->mirror();
    }
  }
}

void ImageClassifier::use_bfloat16() {
  const torch::NoGradGuard no_grad;
  for (auto& item : named_parameters()) {
    const std::string& name = item.key();
    if (!name.ends_with(".w1") && !name.ends_with(".w2") && !name.ends_with(".w3")) {
      item.value().set_data(item.value().to(torch::kBFloat16));
    }
  }
  // LibTorch's batch norm requires its statistics in the dtype of its weights, or float32 for both.
  for (const auto& module : modules()) {
    if (module->as<BatchNorm>() != nullptr) {
      for (auto& item : module->named_parameters(false)) {
        item.value().set_data(item.value().to(torch::kFloat32));
      }
    }
  }
}

double ImageClassifier::drop_path_of(int index) const {
  const int blocks = std::accumulate(options_.depths.begin(), options_.depths.end(), 0);
  return blocks > 1 ? options_.drop_path * index / (blocks - 1) : 0;
}

Vit3::Vit3(const Vit3Options& options) : ImageClassifier(options) {
  const int64_t dim = options.dims.front();
  const auto embedding = register_module("patch_embed", std::make_shared<torch::nn::Module>());
  patches_ = embedding->register_module(
      "proj",
      std::make_shared<Convolution>(ConvolutionShape{.in = 3,
                                                     .out = dim,
                                                     .kernel = options.patch_size,
                                                     .stride = options.patch_size,
                                                     .pad = false}));
  const auto blocks = register_module("blocks", std::make_shared<torch::nn::Module>());
  const Vit3Rule& rule = find_vit3_variant(options.variant).rule;
  for (int i = 0; i < options.depths.front(); ++i) {
    Vit3BlockShape shape = block_shape(options, 0);
    shape.drop_path = drop_path_of(i);
    blocks_.push_back(
        blocks->register_module(std::to_string(i), std::make_shared<Vit3Block>(shape, rule)));
  }
  norm_ = register_module("norm", std::make_shared<LayerNorm>(dim, kFinalNormEps));
}

Tensor Vit3::embed(const Tensor& images, TokenGrid& grid) {
  const int64_t side = options().patch_size;
  grid = {images.size(2) / side, images.size(3) / side};
  return patches_->forward_to_tokens(images);
}

Tensor Vit3::run_blocks(const Tensor& tokens,
                        TokenGrid grid,
                        const Vit3Pass& pass,
                        ClassifierTrace* trace) {
  Tensor x = tokens;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    x = blocks_[i]->forward(x, grid, pass);
    note(trace, fmt::format("blocks.{}", i), x);
  }
  return x;
}

Tensor Vit3::pool(const Tensor& tokens) { return norm_->forward(tokens).mean(1); }

HierarchicalVit3::HierarchicalVit3(const Vit3Options& options) : ImageClassifier(options) {
  build_stem(options.dims.front());
  const auto layers = register_module("layers", std::make_shared<torch::nn::Module>());
  int first_block = 0;
  for (size_t i = 0; i < options.dims.size(); ++i) {
    stages_.push_back(build_stage(*layers, i, first_block));
    first_block += options.depths[i];
  }
  norm_ = register_module("norm", std::make_shared<BatchNorm>(options.dims.back()));
}

void HierarchicalVit3::build_stem(int64_t dim) {
  const auto embedding = register_module("patch_embed", std::make_shared<torch::nn::Module>());
  const auto steps = embedding->register_module("conv", std::make_shared<torch::nn::Module>());
  const int64_t half = dim / 2;
  const ConvolutionShape shapes[] = {
      {.in = 3, .out = half, .kernel = 3, .stride = 2, .bias = false},
      {.in = half, .out = half, .kernel = 3, .bias = false},
      {.in = half, .out = half, .kernel = 3, .bias = false},
      {.in = half, .out = 4 * dim, .kernel = 3, .stride = 2, .bias = false},
      {.in = 4 * dim, .out = dim, .kernel = 1, .bias = false},
  };
  for (const ConvolutionShape& shape : shapes) {
    const bool with_relu = stem_.size() + 1 < std::size(shapes);
    stem_.push_back(steps->register_module(
        std::to_string(stem_.size()), std::make_shared<ConvolutionStep>(shape, true, with_relu)));
  }
}

HierarchicalVit3::Stage HierarchicalVit3::build_stage(torch::nn::Module& layers,
                                                      size_t index,
                                                      int first_block) {
  const Vit3Options& o = options();
  const auto layer =
      layers.register_module(std::to_string(index), std::make_shared<torch::nn::Module>());
  const auto blocks = layer->register_module("blocks", std::make_shared<torch::nn::Module>());
  const Vit3Rule& rule = find_vit3_variant(o.variant).rule;
  const int64_t side = std::max<int64_t>(1, o.image_size / o.patch_size >> index);
  Stage stage;
  for (int i = 0; i < o.depths[index]; ++i) {
    Vit3BlockShape shape = block_shape(o, index);
    shape.grid = {side, side};
    shape.drop_path = drop_path_of(first_block + i);
    stage.blocks.push_back(
        blocks->register_module(std::to_string(i), std::make_shared<Vit3Block>(shape, rule)));
  }
  if (index + 1 == o.dims.size()) {
    return stage;
  }
  const auto module = layer->register_module("downsample", std::make_shared<torch::nn::Module>())
                          ->register_module("conv", std::make_shared<torch::nn::Module>());
  const int64_t out = o.dims[index + 1];
  const int64_t wide = kMergeRatio * out;
  const auto add = [&](const ConvolutionShape& shape, bool last) {
    stage.downsample.push_back(
        module->register_module(std::to_string(stage.downsample.size()),
                                std::make_shared<ConvolutionStep>(shape, last, !last)));
  };
  add({.in = o.dims[index], .out = wide}, false);
  add({.in = wide, .out = wide, .kernel = 3, .stride = 2, .groups = wide}, false);
  add({.in = wide, .out = out}, true);
  return stage;
}

Tensor HierarchicalVit3::embed(const Tensor& images, TokenGrid& grid) {
  // Channels last from the start, so that tokens and grids are views of each other.
  Tensor x = images.contiguous(torch::MemoryFormat::ChannelsLast);
  for (const auto& step : stem_) {
    x = step->forward(x);
  }
  grid = {x.size(2), x.size(3)};
  return as_tokens(x).contiguous();
}

Tensor HierarchicalVit3::run_blocks(const Tensor& tokens,
                                    TokenGrid grid,
                                    const Vit3Pass& pass,
                                    ClassifierTrace* trace) {
  Tensor x = tokens;
  for (size_t i = 0; i < stages_.size(); ++i) {
    for (size_t j = 0; j < stages_[i].blocks.size(); ++j) {
      x = stages_[i].blocks[j]->forward(x, grid, pass);
      note(trace, fmt::format("layers.{}.blocks.{}", i, j), x);
    }
    if (!stages_[i].downsample.empty()) {
      Tensor picture = as_grid(x, grid.rows, grid.cols);
      for (const auto& step : stages_[i].downsample) {
        picture = step->forward(picture);
      }
      grid = {picture.size(2), picture.size(3)};
      x = as_tokens(picture).contiguous();
      note(trace, fmt::format("layers.{}.downsample", i), x);
    }
  }
  return x;
}

Tensor HierarchicalVit3::pool(const Tensor& tokens) {
  return norm_->forward(tokens.transpose(1, 2)).mean(-1);
}

std::shared_ptr<ImageClassifier> make_classifier(const Vit3Options& options) {
  if (options.hierarchical) {
    return std::make_shared<HierarchicalVit3>(options);
  }
  return std::make_shared<Vit3>(options);
}

}  // namespace parallax
