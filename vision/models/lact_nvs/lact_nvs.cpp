// The model's passes: joint (training), reconstruct, extend, render.
#include "vision/models/lact_nvs/lact_nvs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr int64_t kSubLayers = 3;

void require_divisible(int value, int by, const char* what, const std::string& where) {
  if (by <= 0 || value % by != 0) {
    throw Error(ErrorParts{.what = fmt::format("{} does not divide dim", what),
                           .where = where,
                           .got = fmt::format("dim {}, {} {}", value, what, by)});
  }
}

}  // namespace

void check_lact_options(const LactNvsOptions& options, const std::string& where) {
  check_option_ranges(options, where);
  require_divisible(options.dim, options.attention_head_dim, "attention_head_dim", where);
  require_divisible(options.dim, options.ttt_head_dim, "ttt_head_dim", where);
  const VariantSwitches* switches = nullptr;
  try {
    switches = &find_variant(options.variant).switches;
  } catch (const UsageError& error) {
    throw Error(ErrorParts{.what = error.what(), .where = where + ", field 'variant'"});
  }
  if (switches->feature_map == FeatureMap::kIdentity &&
      options.ttt_hidden_dim() != options.ttt_head_dim) {
    throw Error(
        ErrorParts{.what = fmt::format("variant {} has one square fast weight", options.variant),
                   .where = where + ", field 'inter_multi'",
                   .expected = "1",
                   .got = fmt::format("{}", options.inter_multi)});
  }
}

LactBlock::LactBlock(const LactNvsOptions& options) {
  // The published names are module_list.<i>.ln and module_list.<i>.f.
  const auto modules = register_module("module_list", std::make_shared<torch::nn::Module>());
  const auto sub_layer = [&](const char* index, auto& norm, auto& function) {
    using Function = typename std::decay_t<decltype(function)>::element_type;
    const auto module = modules->register_module(index, std::make_shared<torch::nn::Module>());
    norm = module->register_module("ln",
                                   std::make_shared<LayerNorm>(options.dim, kLayerNormEps, false));
    function = module->register_module("f", std::make_shared<Function>(options));
  };
  sub_layer("0", attention_norm_, attention_);
  sub_layer("1", layer_norm_, layer_);
  sub_layer("2", mlp_norm_, mlp_);
}

Tensor LactBlock::layer_input(const Tensor& x, int64_t tokens_per_view) const {
  return layer_norm_->forward(x +
                              attention_->forward(attention_norm_->forward(x), tokens_per_view));
}

LactBlock::Result LactBlock::forward(const Tensor& x,
                                     const LactPass& pass,
                                     const InnerState* start) const {
  const Tensor attended =
      x + attention_->forward(attention_norm_->forward(x), pass.tokens_per_view);
  LactLayerResult layer = layer_->forward(layer_norm_->forward(attended), pass, start);
  const Tensor bound = attended + layer.output;
  return {bound + mlp_->forward(mlp_norm_->forward(bound)), layer.output, std::move(layer.state)};
}

LactNvs::LactNvs(const LactNvsOptions& options) : options_(options) {
  check_lact_options(options, "model configuration");
  const int64_t patch_area = static_cast<int64_t>(options.patch_size) * options.patch_size;
  input_linear_ = register_module(
      "input_linear", std::make_shared<Linear>(kInputChannels * patch_area, options.dim, false));
  input_layernorm_ = register_module(
      "input_layernorm", std::make_shared<LayerNorm>(options.dim, kLayerNormEps, false));
  const auto blocks = register_module("blocks", std::make_shared<torch::nn::Module>());
  for (int i = 0; i < options.layers; ++i) {
    blocks_.push_back(
        blocks->register_module(std::to_string(i), std::make_shared<LactBlock>(options)));
  }
  const auto decoder =
      register_module("image_token_decoder", std::make_shared<torch::nn::Module>());
  decoder_norm_ =
      decoder->register_module("0", std::make_shared<LayerNorm>(options.dim, kLayerNormEps, false));
  decoder_linear_ =
      decoder->register_module("1", std::make_shared<Linear>(options.dim, 3 * patch_area, false));
}

const UpdateRule& LactNvs::rule() const { return blocks_.front()->layer().rule(); }

void LactNvs::set_rule(const UpdateRule& rule) {
  for (const auto& block : blocks_) {
    block->layer().rule() = rule;
  }
}

void LactNvs::mirror() {
  for (const auto& block : blocks_) {
    block->layer().mirror();
  }
}

void LactNvs::initialise() {
  const torch::NoGradGuard no_grad;
  const double residual_std = 0.02 / std::sqrt(static_cast<double>(kSubLayers * options_.layers));
  for (auto& item : named_parameters()) {
    const std::string& name = item.key();
    const bool is_norm = name.find("norm") != std::string::npos ||
                         name.find(".ln.") != std::string::npos ||
                         name == "image_token_decoder.0.weight";
    if (name.ends_with("c_proj.weight")) {
      item.value().normal_(0, residual_std);
    } else if (name.ends_with(".bias")) {
      item.value().zero_();
    } else if (!is_norm && name.ends_with(".weight")) {
      item.value().normal_(0, 0.02);
    }
  }
  for (const auto& block : blocks_) {
    block->layer().initialise();
  }
}

void LactNvs::freeze_unused() {
  for (const auto& block : blocks_) {
    block->layer().freeze_unused();
  }
}

void LactNvs::use_bfloat16() {
  const torch::NoGradGuard no_grad;
  for (auto& item : named_parameters()) {
    const std::string& name = item.key();
    const bool keeps_float32 = name.ends_with(".w0") || name.ends_with(".w1") ||
                               name.ends_with(".w2") || name.find(".lr_fc.") != std::string::npos ||
                               name.find(".decay_fc.") != std::string::npos;
    if (!keeps_float32) {
      item.value().set_data(item.value().to(torch::kBFloat16));
    }
  }
}

void LactNvs::require_patches(const CameraBatch& cameras) const {
  const int64_t patch = options_.patch_size;
  if (cameras.height < patch || cameras.width < patch || cameras.height % patch != 0 ||
      cameras.width % patch != 0) {
    throw Error(ErrorParts{.what = "the image size does not fit the model's patches",
                           .expected = fmt::format("multiples of {}", patch),
                           .got = fmt::format("{}x{}", cameras.width, cameras.height)});
  }
}

Tensor LactNvs::embed(const Tensor& images, const CameraBatch& cameras) const {
  require_patches(cameras);
  Tensor tokens;
  {
    const torch::NoGradGuard no_grad;  // rays and pixels are data
    // Mixed precision is for the network only: rays need full precision.
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const Rays rays = compute_rays(cameras);
    const Tensor colours = images.defined() ? images.to(rays.origin.scalar_type()) * 2.0 - 1.0
                                            : torch::zeros_like(rays.direction);
    const Tensor channels = torch::cat({rays.origin, rays.direction, rays.moment, colours}, 2);
    tokens = patchify(channels, options_.patch_size).to(input_linear_->weight().scalar_type());
  }
  return input_layernorm_->forward(input_linear_->forward(tokens));
}

Tensor LactNvs::decode(const Tensor& tokens, const CameraBatch& cameras) const {
  const Tensor patches = decoder_linear_->forward(decoder_norm_->forward(tokens)).sigmoid();
  const Tensor wide =
      patches.scalar_type() == torch::kBFloat16 ? patches.to(torch::kFloat32) : patches;
  return unpatchify(wide, cameras.views(), cameras.height, cameras.width, options_.patch_size);
}

namespace {

int64_t tokens_per_view(const CameraBatch& cameras, int64_t patch) {
  return (cameras.height / patch) * (cameras.width / patch);
}

void require_images(const Tensor& images, const CameraBatch& cameras) {
  const std::vector<int64_t> expected = {
      cameras.batch(), cameras.views(), 3, cameras.height, cameras.width};
  if (!images.defined() || images.sizes() != expected) {
    throw Error(ErrorParts{
        .what = "the input images do not fit their cameras",
        .expected =
            fmt::format("{} views of {}x{}", cameras.views(), cameras.width, cameras.height)});
  }
}

}  // namespace

Tensor LactNvs::forward(const Tensor& images,
                        const CameraBatch& inputs,
                        const CameraBatch& targets,
                        Form form,
                        ForwardTrace* trace) const {
  const int64_t per_view = tokens_per_view(inputs, options_.patch_size);
  const int64_t tokens = (inputs.views() + targets.views()) * per_view;
  return joint_pass(images,
                    inputs,
                    targets,
                    {.schedule = update_then_apply_all(inputs.views() * per_view, tokens),
                     .form = form,
                     .tokens_per_view = per_view},
                    trace);
}

Tensor LactNvs::forward_streamed(const Tensor& images,
                                 const CameraBatch& inputs,
                                 const CameraBatch& targets,
                                 Form form) const {
  const int64_t per_view = tokens_per_view(inputs, options_.patch_size);
  const int64_t input_tokens = inputs.views() * per_view;
  LactPass pass{.schedule = update_then_apply_chunks(input_tokens, per_view),
                .form = form,
                .tokens_per_view = per_view};
  pass.schedule.push_back({input_tokens, input_tokens + targets.views() * per_view, false, true});
  return joint_pass(images, inputs, targets, pass, nullptr);
}

Tensor LactNvs::joint_pass(const Tensor& images,
                           const CameraBatch& inputs,
                           const CameraBatch& targets,
                           const LactPass& pass,
                           ForwardTrace* trace) const {
  require_images(images, inputs);
  Tensor x = torch::cat({embed(images, inputs), embed({}, targets)}, 1);
  if (trace != nullptr) {
    trace->embedded = x;
  }
  for (const auto& block : blocks_) {
    LactBlock::Result result = block->forward(x, pass, nullptr);
    x = result.output;
    if (trace != nullptr) {
      trace->ttt_outputs.push_back(result.ttt_output);
      trace->outputs.push_back(x);
    }
  }
  return decode(x.slice(1, inputs.views() * pass.tokens_per_view), targets);
}

SceneState LactNvs::read(const Tensor& images,
                         const CameraBatch& inputs,
                         Form form,
                         bool streamed) const {
  require_images(images, inputs);
  Tensor x = embed(images, inputs);
  const int64_t per_view = tokens_per_view(inputs, options_.patch_size);
  const LactPass pass{
      .schedule = update_then_apply_chunks(x.size(1), streamed ? per_view : x.size(1)),
      .form = form,
      .tokens_per_view = per_view};
  SceneState state{.views = inputs.views()};
  for (const auto& block : blocks_) {
    if (block == blocks_.back()) {  // its output is not used
      state.blocks.push_back(block->layer().read(block->layer_input(x, per_view), pass));
      break;
    }
    LactBlock::Result result = block->forward(x, pass, nullptr);
    x = std::move(result.output);
    state.blocks.push_back(std::move(result.state));
  }
  return state;
}

SceneState LactNvs::reconstruct(const Tensor& images, const CameraBatch& inputs, Form form) const {
  return read(images, inputs, form, false);
}

SceneState LactNvs::reconstruct_streamed(const Tensor& images,
                                         const CameraBatch& inputs,
                                         Form form) const {
  return read(images, inputs, form, true);
}

TttInputs LactNvs::layer_inputs(const Tensor& images,
                                const CameraBatch& inputs,
                                int64_t block) const {
  return layer_inputs_until(images, inputs, block).back();
}

std::vector<TttInputs> LactNvs::layer_inputs(const Tensor& images,
                                             const CameraBatch& inputs) const {
  return layer_inputs_until(images, inputs, static_cast<int64_t>(blocks_.size()) - 1);
}

std::vector<TttInputs> LactNvs::layer_inputs_until(const Tensor& images,
                                                   const CameraBatch& inputs,
                                                   int64_t last) const {
  require_images(images, inputs);
  Tensor x = embed(images, inputs);
  const int64_t per_view = tokens_per_view(inputs, options_.patch_size);
  const LactPass pass{.schedule = {{0, x.size(1), true, true}},
                      .form = Form::kParallel,
                      .tokens_per_view = per_view};
  std::vector<TttInputs> all;
  for (int64_t i = 0; i <= last; ++i) {
    all.push_back(layer(i).project(blocks_.at(i)->layer_input(x, per_view)));
    if (i < last) {
      x = blocks_.at(i)->forward(x, pass, nullptr).output;
    }
  }
  return all;
}

SceneState LactNvs::extend(const SceneState& state,
                           const Tensor& images,
                           const CameraBatch& inputs) const {
  require_images(images, inputs);
  Tensor x = embed(images, inputs);
  const LactPass pass{.schedule = {{0, x.size(1), true, true}},
                      .form = Form::kRecurrent,
                      .tokens_per_view = tokens_per_view(inputs, options_.patch_size)};
  SceneState longer{.views = state.views + inputs.views()};
  for (size_t i = 0; i < blocks_.size(); ++i) {
    LactBlock::Result result = blocks_[i]->forward(x, pass, &state.blocks.at(i));
    x = std::move(result.output);
    longer.blocks.push_back(std::move(result.state));
  }
  return longer;
}

Tensor LactNvs::render_at_once(const SceneState& state, const CameraBatch& targets) const {
  Tensor x = embed({}, targets);
  const LactPass pass{.schedule = {{0, x.size(1), false, true}},
                      .tokens_per_view = tokens_per_view(targets, options_.patch_size)};
  for (size_t i = 0; i < blocks_.size(); ++i) {
    x = blocks_[i]->forward(x, pass, &state.blocks[i]).output;
  }
  return decode(x, targets);
}

Tensor LactNvs::render(const SceneState& state,
                       const CameraBatch& targets,
                       int64_t views_per_pass) const {
  if (state.blocks.size() != blocks_.size()) {
    throw Error("the scene's fast weights belong to another model");
  }
  const int64_t step = views_per_pass > 0 ? views_per_pass : targets.views();
  std::vector<Tensor> images;
  for (int64_t start = 0; start < targets.views(); start += step) {
    const CameraBatch chunk = targets.slice(start, std::min(start + step, targets.views()));
    images.push_back(state.captured->run(
        chunk, [&](const CameraBatch& cameras) { return render_at_once(state, cameras); }));
  }
  return images.size() == 1 ? images.front() : torch::cat(images, 1);
}

int64_t estimate_pass_bytes(const LactNvsOptions& options,
                            int64_t tokens,
                            int64_t tokens_per_view) {
  // Tensors alive at the peak: residual, normed input, qkv in two layouts, and the hidden layers of
  // the inner net or the MLP; attention scores are never all in memory.
  const int64_t per_token = 8LL * options.dim + 2LL * options.mlp_hidden_dim() +
                            6LL * options.num_ttt_heads() * options.ttt_hidden_dim() +
                            kInputChannels * options.patch_size * options.patch_size * 2LL;
  return (tokens + tokens_per_view) * per_token * static_cast<int64_t>(sizeof(float));
}

int64_t estimate_weight_bytes(const LactNvsOptions& options) {
  const int64_t dim = options.dim;
  const int64_t patch = static_cast<int64_t>(options.patch_size) * options.patch_size;
  const int64_t block = 8 * dim * dim + 2 * dim * options.mlp_hidden_dim() +
                        3LL * dim * options.ttt_hidden_dim() + 3LL * dim * options.num_ttt_heads();
  return (options.layers * block + (kInputChannels + 3) * patch * dim) *
         static_cast<int64_t>(sizeof(float));
}

int64_t views_within_budget(const LactNvsOptions& options,
                            int64_t height,
                            int64_t width,
                            int64_t budget_bytes) {
  const int64_t tokens = (height / options.patch_size) * (width / options.patch_size);
  return std::max<int64_t>(
      1, budget_bytes / std::max<int64_t>(1, estimate_pass_bytes(options, tokens, 0)));
}

}  // namespace parallax
