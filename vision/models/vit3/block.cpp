// The layer's projections and inner nets, and the residual block.
#include "vision/models/vit3/block.h"

#include "core/base/error.h"
#include "core/ops/elementwise/fused.h"

namespace parallax {
namespace {

constexpr double kPlainNormEps = 1e-6;
constexpr double kHierarchicalNormEps = 1e-5;
constexpr double kRotaryBase = 10000;
constexpr double kFastWeightStd = 0.02;

}  // namespace

Tensor rotary_table(int64_t rows, int64_t cols, int64_t dim) {
  const int64_t quarter = dim / 4;
  // Computed in float32 throughout, like the published tables.
  const Tensor exponents = torch::arange(quarter, torch::kFloat32) / static_cast<double>(quarter);
  const Tensor speeds = 1 / torch::pow(kRotaryBase, exponents);
  const auto angles = [&](int64_t count) {
    return torch::arange(count, torch::kFloat32).unsqueeze(1) * speeds;
  };
  const Tensor by_row = angles(rows).unsqueeze(1).expand({rows, cols, quarter});
  const Tensor by_column = angles(cols).unsqueeze(0).expand({rows, cols, quarter});
  const Tensor all = torch::cat({by_row, by_column}, -1);
  return torch::stack({all.cos(), all.sin()}, -1);
}

Vit3Layer::Vit3Layer(int64_t dim, int64_t heads, bool qkv_bias, const Vit3Rule& rule)
    : heads_(heads), head_dim_(dim / heads), rule_(rule) {
  const std::vector<int64_t> square = {1, heads, head_dim_, head_dim_};
  w1_ = register_parameter("w1", torch::zeros(square));
  w2_ = register_parameter("w2", torch::zeros(square));
  w3_ = register_parameter("w3", torch::zeros({head_dim_, 1, 3, 3}));
  qkv_ = register_module("qkv", std::make_shared<Linear>(dim, 3 * (dim + head_dim_), qkv_bias));
  proj_ = register_module("proj", std::make_shared<Linear>(dim + head_dim_, dim));
}

void Vit3Layer::initialise() {
  const torch::NoGradGuard no_grad;
  for (Tensor* w : {&w1_, &w2_, &w3_}) {
    w->normal_(0, kFastWeightStd);
  }
}

void Vit3Layer::mirror() {
  const torch::NoGradGuard no_grad;
  w1_.neg_();
  proj_->weight().slice(1, 0, heads_ * head_dim_).neg_();
}

Vit3Projections Vit3Layer::split(const Tensor& packed,
                                 const TokenGrid& grid,
                                 const Tensor& rotations) const {
  const int64_t batch = packed.size(0);
  const int64_t tokens = packed.size(1);
  // A single split has a single backward; each narrow() would fill and add a whole tensor.
  const std::vector<Tensor> cut =
      packed.split_with_sizes({3 * heads_ * head_dim_, head_dim_, head_dim_, head_dim_}, -1);
  const auto grid_part = [&](size_t index) {
    return cut[index].view({batch, grid.rows, grid.cols, head_dim_});
  };
  const HeadMode turn = rotations.defined() ? HeadMode::kRotate : HeadMode::kCopy;
  HeadSplit split{.heads = heads_, .modes = {turn, turn, HeadMode::kCopy}, .heads_first = true};
  if (rotations.defined()) {
    split.rotations = rotations.flatten(0, 1);
  }
  std::vector<Tensor> parts = split_heads(cut[0], split);
  for (Tensor& part : parts) {
    part = part.view({heads_, batch, tokens, head_dim_});
  }
  Vit3Projections p{.q1 = parts[0], .k1 = parts[1], .v1 = parts[2]};
  p.q2 = grid_part(1);
  p.k2 = grid_part(2);
  p.v2 = grid_part(3);
  return p;
}

Tensor Vit3Layer::run_inner_nets(const Tensor& packed,
                                 const TokenGrid& grid,
                                 const Tensor& rotations,
                                 const Vit3Pass& pass,
                                 Vit3LayerTrace* trace) const {
  // The head dimension comes first: the products are batched over it.
  const GluWeights start = {w1_.transpose(0, 1), w2_.transpose(0, 1)};
  if (trace == nullptr && pass.form == Form::kParallel) {
    const Tensor all = train_and_apply_at_once(
        rule_, packed, rotations, start, w3_, {heads_, grid.rows, grid.cols});
    if (all.defined()) {
      return all;
    }
  }
  const Vit3Projections p = split(packed, grid, rotations);
  const int64_t rows_per_step = pass.form == Form::kRecurrent ? pass.rows_per_step : 0;
  const Tensor w3 = train_convolution(rule_, p.q2, p.k2, p.v2, w3_, rows_per_step);
  GluWeights glu;
  Tensor glu_output;
  const int64_t tokens_per_step = rows_per_step * grid.cols;
  if (trace == nullptr) {
    glu_output = train_and_apply_glu(rule_, p.q1, p.k1, p.v1, start, tokens_per_step);
  } else {
    glu = train_glu(rule_, p.q1, p.k1, p.v1, start, tokens_per_step);
    glu_output = side_by_side(apply_glu(rule_, p.q1, p.k1, glu));
  }
  const Tensor kernel_output = apply_convolution(rule_, p.q2, p.k2, w3).flatten(1, 2);
  if (trace != nullptr) {
    *trace = {p, start, glu, w3, glu_output, kernel_output};
  }
  return torch::cat({glu_output, kernel_output}, -1);
}

Tensor Vit3Layer::forward(const Tensor& x,
                          const TokenGrid& grid,
                          const Tensor& rotations,
                          const Vit3Pass& pass,
                          Vit3LayerTrace* trace,
                          const Tensor& addend) const {
  if (x.dim() != 3 || x.size(1) != grid.rows * grid.cols) {
    throw Error(ErrorParts{.what = "the tokens do not fill the grid",
                           .expected = c10::str("[B, ", grid.rows, "·", grid.cols, ", C]"),
                           .got = c10::str(x.sizes())});
  }
  const Tensor outputs = run_inner_nets(qkv_->forward(x), grid, rotations, pass, trace);
  return addend.defined() ? proj_->add_to(addend, outputs) : proj_->forward(outputs);
}

Vit3Mlp::Vit3Mlp(const Vit3BlockShape& shape)
    : fc1_(register_module("fc1", std::make_shared<Linear>(shape.dim, shape.mlp_hidden))),
      fc2_(register_module("fc2", std::make_shared<Linear>(shape.mlp_hidden, shape.dim))) {
  if (shape.hierarchical) {
    dwc_ = register_module(
        "dwc",
        std::make_shared<Convolution>(ConvolutionShape{.in = shape.mlp_hidden,
                                                       .out = shape.mlp_hidden,
                                                       .kernel = 3,
                                                       .groups = shape.mlp_hidden}));
  }
}

Tensor Vit3Mlp::forward(const Tensor& x, const TokenGrid& grid, const Tensor& addend) const {
  Tensor hidden = fc1_->forward(x, Activation::kGelu);
  if (dwc_) {
    hidden = torch::gelu(dwc_->add_to_tokens(hidden, grid.rows, grid.cols));
  }
  return addend.defined() ? fc2_->add_to(addend, hidden) : fc2_->forward(hidden);
}

Vit3Block::Vit3Block(const Vit3BlockShape& shape, const Vit3Rule& rule)
    : dim_(shape.dim), drop_path_(shape.drop_path) {
  const double eps = shape.hierarchical ? kHierarchicalNormEps : kPlainNormEps;
  cpe_ = register_module("cpe",
                         std::make_shared<Convolution>(ConvolutionShape{
                             .in = dim_, .out = dim_, .kernel = 3, .groups = dim_}));
  norm1_ = register_module("norm1", std::make_shared<LayerNorm>(dim_, eps));
  attn_ =
      register_module("attn", std::make_shared<Vit3Layer>(dim_, shape.heads, shape.qkv_bias, rule));
  norm2_ = register_module("norm2", std::make_shared<LayerNorm>(dim_, eps));
  mlp_ = register_module("mlp", std::make_shared<Vit3Mlp>(shape));
  if (shape.hierarchical) {
    const auto rope = register_module("rope", std::make_shared<torch::nn::Module>());
    rotations_ =
        rope->register_buffer("rotations", rotary_table(shape.grid.rows, shape.grid.cols, dim_));
  }
}

const Tensor& Vit3Block::rotations(const TokenGrid& grid) {
  const auto fits = [&](const Tensor& table) {
    return table.defined() && table.size(0) == grid.rows && table.size(1) == grid.cols;
  };
  if (!rotations_.defined() || fits(rotations_)) {
    return rotations_;
  }
  if (!fits(other_rotations_) || other_rotations_.device() != rotations_.device()) {
    other_rotations_ = rotary_table(grid.rows, grid.cols, dim_).to(rotations_.options());
  }
  return other_rotations_;
}

Tensor Vit3Block::forward(const Tensor& x, const TokenGrid& grid, const Vit3Pass& pass) {
  Vit3LayerTrace* trace = pass.layers != nullptr ? &pass.layers->emplace_back() : nullptr;
  auto [y, normed] = cpe_->add_to_tokens(x, grid.rows, grid.cols, *norm1_);
  const Tensor& turns = rotations(grid);
  if (is_training() && drop_path_ > 0) {
    y = y + drop_path(attn_->forward(normed, grid, turns, pass, trace), drop_path_, true);
    return y + drop_path(mlp_->forward(norm2_->forward(y), grid), drop_path_, true);
  }
  y = attn_->forward(normed, grid, turns, pass, trace, y);
  return mlp_->forward(norm2_->forward(y), grid, y);
}

}  // namespace parallax
