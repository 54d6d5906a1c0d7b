// Splitting and merging heads: autograd functions around the kernels, and the same operations in
// LibTorch.
#include "core/base/error.h"
#include "core/ops/common/parallel_for.h"
#include "core/ops/cuda/launch.h"
#include "core/ops/cuda/operators.h"
#include "core/ops/elementwise/fused.h"
#include "core/ops/elementwise/heads_reference.h"
#include "core/ops/elementwise/table.h"

namespace parallax {
namespace {

using fused::as_compute;
using fused::as_optional;
using fused::AutogradContext;
using fused::Compute;
using fused::compute_dtype;
using fused::data;
using fused::elementwise_kernels;
using fused::for_rows;
using fused::OptionalTensor;
using fused::refuse_second_derivative;
using fused::requires_graph;
using fused::variable_list;
using fused::with_storage;

kernels::PartLayout part_layout(const Tensor& rows,  // [B, L, parts·heads·D]
                                int64_t heads,
                                int64_t parts,
                                bool heads_first) {
  const int64_t width = rows.size(2) / (parts * heads);
  const int64_t head = rows.size(1) * width;
  return {.tokens = rows.size(1),
          .heads = heads,
          .width = width,
          .batch_stride = heads_first ? head : heads * head,
          .head_stride = heads_first ? rows.size(0) * head : head};
}

int64_t rows_of_tokens(const Tensor& rows) { return rows.size(0) * rows.size(1); }  // [B, L, …]

// Whether rows whose length is a multiple of a GPU's vector begin at one.
bool begin_with_vectors(const Tensor& packed, int64_t width) {
  return width % cuda::kVector != 0 ||
         (packed.stride(1) % cuda::kVector == 0 && cuda::begins_with_vector(packed));
}

// Memory for the shares of the weights' gradients, [blocks, parts, width] in float32; undefined
// where they are not wanted.
Tensor gpu_shares(bool wanted,
                  [[maybe_unused]] const Tensor& rows,
                  [[maybe_unused]] int64_t heads_in_row,
                  [[maybe_unused]] int64_t parts,
                  [[maybe_unused]] int64_t width) {
  if constexpr (cuda::kBuiltWithCuda) {
    if (wanted) {
      return torch::empty(
          {cuda::head_row_blocks(rows_of_tokens(rows) * heads_in_row, width), parts, width},
          rows.options().dtype(torch::kFloat32));
    }
  }
  return {};
}

// Whether the GPU's kernels take this problem.
bool has_gpu_split(const Tensor& packed,
                   const HeadSplit& split,
                   const std::vector<Tensor>& weights,
                   int64_t width) {
  if (!cuda::has_cuda_kernels(packed) || packed.numel() == 0) {
    return false;
  }
  const auto has = [&](HeadMode mode) {
    return std::find(split.modes.begin(), split.modes.end(), mode) != split.modes.end();
  };
  const bool needs_graph = requires_graph({packed, weights[0], weights[1], weights[2]});
  return (!has(HeadMode::kRotate) || width % cuda::kVector == 0) &&
         (!has(HeadMode::kRmsNorm) || !needs_graph || cuda::can_weigh_rows(width));
}

// Whether rows are dense and equally far apart throughout the batch.
bool rows_follow_on(const Tensor& packed) {
  return packed.stride(2) == 1 && packed.stride(1) >= packed.size(2) &&
         packed.stride(0) == packed.size(1) * packed.stride(1);
}

template <class S>
kernels::SplitHeads<S> split_arguments(const Tensor& packed,
                                       const HeadSplit& split,
                                       const variable_list& weights) {
  const auto parts = static_cast<int64_t>(split.modes.size());
  kernels::SplitHeads<S> arguments{
      .layout = part_layout(packed, split.heads, parts, split.heads_first),
      .parts = static_cast<int>(parts),
      .packed_stride = packed.stride(1),
      .eps = static_cast<Compute<S>>(split.eps),
      .rotations = data<Compute<S>>(split.rotations),
      .packed = data<S>(packed)};
  for (size_t i = 0; i < split.modes.size(); ++i) {
    arguments.mode[i] = split.modes[i];
    arguments.weight[i] = i < weights.size() ? data<Compute<S>>(weights[i]) : nullptr;
  }
  return arguments;
}

variable_list split_heads_forward(const Tensor& packed,
                                  const HeadSplit& split,
                                  const variable_list& weights) {  // in compute dtype
  const auto count = static_cast<int64_t>(split.modes.size());
  const int64_t width = packed.size(2) / (count * split.heads);
  variable_list parts;
  for (int64_t i = 0; i < count; ++i) {
    parts.push_back(
        torch::empty({packed.size(0) * split.heads, packed.size(1), width}, packed.options()));
  }
  with_storage(packed, [&](auto storage) {
    using S = decltype(storage);
    auto arguments = split_arguments<S>(packed, split, weights);
    for (size_t i = 0; i < parts.size(); ++i) {
      arguments.part[i] = data<S>(parts[i]);
    }
    if constexpr (cuda::kHasLaunches<S>) {
      if (packed.is_cuda()) {
        cuda::launch_on(packed, [&](auto stream) {
          cuda::launch_split_heads(arguments, rows_of_tokens(packed), stream);
        });
        return;
      }
    }
    for_rows(packed.size(0) * packed.size(1), packed.size(2), [&](int64_t begin, int64_t end) {
      elementwise_kernels<S>().split_heads(arguments, begin, end);
    });
  });
  return parts;
}

struct SplitHeadsFunction : torch::autograd::Function<SplitHeadsFunction> {
  static variable_list forward(AutogradContext* context,
                               const Tensor& packed,
                               const HeadSplit& split,
                               const OptionalTensor& weight0,
                               const OptionalTensor& weight1,
                               const OptionalTensor& weight2) {
    const variable_list weights = {
        as_compute(weight0, packed), as_compute(weight1, packed), as_compute(weight2, packed)};
    context->save_for_backward({packed, split.rotations, weights[0], weights[1], weights[2]});
    context->saved_data["heads"] = split.heads;
    context->saved_data["eps"] = split.eps;
    context->saved_data["heads_first"] = split.heads_first;
    std::vector<int64_t> modes;
    for (const HeadMode mode : split.modes) {
      modes.push_back(static_cast<int64_t>(mode));
    }
    context->saved_data["modes"] = modes;
    context->set_materialize_grads(false);
    return split_heads_forward(packed, split, weights);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    refuse_second_derivative();
    const variable_list saved = context->get_saved_variables();
    HeadSplit split{.heads = context->saved_data["heads"].toInt(),
                    .eps = context->saved_data["eps"].toDouble(),
                    .rotations = saved[1],
                    .heads_first = context->saved_data["heads_first"].toBool()};
    for (const int64_t mode : context->saved_data["modes"].toIntVector()) {
      split.modes.push_back(static_cast<HeadMode>(mode));
    }
    const Tensor& packed = saved[0];
    const variable_list weights(saved.begin() + 2, saved.end());
    const Tensor packed_gradient = torch::empty(packed.sizes(), packed.options());
    const auto parts = static_cast<int64_t>(split.modes.size());
    const int64_t width = packed.size(2) / (parts * split.heads);
    const bool weighs = std::any_of(
        weights.begin(), weights.end(), [](const Tensor& weight) { return weight.defined(); });
    // One share of each thread, or of each block of a GPU's.
    const Tensor weight_gradients =
        packed.is_cuda() ? gpu_shares(weighs, packed, parts * split.heads, parts, width)
                         : torch::zeros({at::get_num_threads(), kernels::kMaxParts, width},
                                        packed.options().dtype(compute_dtype(packed)));
    variable_list dense;
    for (const Tensor& gradient : gradients) {
      dense.push_back(gradient.defined() ? cuda::dense_vectors(gradient) : Tensor());
    }
    with_storage(packed, [&](auto storage) {
      using S = decltype(storage);
      auto arguments = split_arguments<S>(packed, split, weights);
      arguments.packed_gradient = data<S>(packed_gradient);
      for (size_t i = 0; i < dense.size(); ++i) {
        arguments.part_gradient[i] = data<S>(dense[i]);
      }
      if constexpr (cuda::kHasLaunches<S>) {
        if (packed.is_cuda()) {
          cuda::launch_on(packed, [&](auto stream) {
            cuda::launch_split_heads_backward(
                arguments, rows_of_tokens(packed), data<float>(weight_gradients), stream);
          });
          return;
        }
      }
      for_rows(packed.size(0) * packed.size(1), packed.size(2), [&](int64_t begin, int64_t end) {
        std::vector<Compute<S>> scratch(static_cast<size_t>(2 * width));
        auto* partial =
            data<Compute<S>>(weight_gradients) + at::get_thread_num() * kernels::kMaxParts * width;
        elementwise_kernels<S>().split_heads_backward(
            arguments, begin, end, scratch.data(), partial);
      });
    });
    variable_list result = {packed_gradient, Tensor(), Tensor(), Tensor(), Tensor()};
    const Tensor sums = weight_gradients.defined() ? weight_gradients.sum(0) : Tensor();
    for (size_t i = 0; i < weights.size(); ++i) {
      if (weights[i].defined()) {
        result[2 + i] = sums[static_cast<int64_t>(i)];
      }
    }
    return result;
  }
};

Tensor merge_heads_forward(const Tensor& parted, int64_t heads, const Tensor& weight, double eps) {
  const Tensor merged = torch::empty(
      {parted.size(0) / heads, parted.size(1), heads * parted.size(2)}, parted.options());
  with_storage(parted, [&](auto storage) {
    using S = decltype(storage);
    const kernels::MergeHeads<S> arguments{.layout = part_layout(merged, heads, 1, false),
                                           .eps = static_cast<Compute<S>>(eps),
                                           .weight = data<Compute<S>>(weight),
                                           .parted = data<S>(parted),
                                           .merged = data<S>(merged)};
    if constexpr (cuda::kHasLaunches<S>) {
      if (parted.is_cuda()) {
        cuda::launch_on(parted, [&](auto stream) {
          cuda::launch_merge_heads(arguments, rows_of_tokens(merged), stream);
        });
        return;
      }
    }
    for_rows(merged.size(0) * merged.size(1), merged.size(2), [&](int64_t begin, int64_t end) {
      elementwise_kernels<S>().merge_heads(arguments, begin, end);
    });
  });
  return merged;
}

struct MergeHeadsFunction : torch::autograd::Function<MergeHeadsFunction> {
  static Tensor forward(AutogradContext* context,
                        const Tensor& parted,
                        int64_t heads,
                        const Tensor& weight,
                        double eps) {
    const Tensor scale = as_compute(weight, parted);
    context->save_for_backward({parted, scale});
    context->saved_data["heads"] = heads;
    context->saved_data["eps"] = eps;
    return merge_heads_forward(parted, heads, scale, eps);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    refuse_second_derivative();
    const variable_list saved = context->get_saved_variables();
    const int64_t heads = context->saved_data["heads"].toInt();
    const double eps = context->saved_data["eps"].toDouble();
    const Tensor& parted = saved[0];
    const Tensor& weight = saved[1];
    const Tensor gradient = cuda::dense_vectors(gradients[0]);
    const Tensor parted_gradient = torch::empty_like(parted);
    const int64_t width = parted.size(2);
    const Tensor weight_gradients =
        parted.is_cuda() ? gpu_shares(true, gradient, heads, 1, width).squeeze(1)
                         : torch::zeros({at::get_num_threads(), width}, weight.options());
    with_storage(parted, [&](auto storage) {
      using S = decltype(storage);
      const kernels::MergeHeads<S> arguments{.layout = part_layout(gradient, heads, 1, false),
                                             .eps = static_cast<Compute<S>>(eps),
                                             .weight = data<Compute<S>>(weight),
                                             .parted = data<S>(parted),
                                             .merged_gradient = data<S>(gradient),
                                             .parted_gradient = data<S>(parted_gradient)};
      if constexpr (cuda::kHasLaunches<S>) {
        if (parted.is_cuda()) {
          cuda::launch_on(parted, [&](auto stream) {
            cuda::launch_merge_heads_backward(
                arguments, rows_of_tokens(gradient), data<float>(weight_gradients), stream);
          });
          return;
        }
      }
      for_rows(gradient.size(0) * gradient.size(1), gradient.size(2), [&](int64_t b, int64_t e) {
        elementwise_kernels<S>().merge_heads_backward(
            arguments, b, e, data<Compute<S>>(weight_gradients) + at::get_thread_num() * width);
      });
    });
    return {parted_gradient, Tensor(), weight_gradients.sum(0), Tensor()};
  }
};

// Throws Error unless there are the rotations or weights that a part's mode needs, and they fit.
void check_mode(const HeadSplit& split,
                size_t part,
                int64_t width,
                int64_t tokens,
                const std::vector<Tensor>& weights) {
  if (split.modes[part] == HeadMode::kRotate &&
      (width % 2 != 0 || !split.rotations.defined() ||
       split.rotations.numel() != tokens * split.heads * width)) {
    throw Error(ErrorParts{
        .what = "the rotations do not fit the heads",
        .expected = c10::str("[", tokens, ", ", split.heads, " heads · ", width, " / 2, 2]"),
        .got = split.rotations.defined() ? c10::str(split.rotations.sizes()) : "none"});
  }
  if (split.modes[part] == HeadMode::kRmsNorm &&
      (part >= weights.size() || weights[part].numel() != width)) {
    throw Error(ErrorParts{.what = "the scales of a normalised part do not fit the heads",
                           .expected = c10::str("[", width, "]")});
  }
}

}  // namespace

std::vector<Tensor> split_heads(const Tensor& packed,
                                const HeadSplit& split,
                                const std::vector<Tensor>& weights) {
  const auto parts = static_cast<int64_t>(split.modes.size());
  if (packed.dim() != 3 || parts < 1 || parts > kernels::kMaxParts ||
      packed.size(2) % (parts * split.heads) != 0) {
    throw Error(ErrorParts{
        .what = "the packed projection does not fit its heads",
        .expected = c10::str("[B, L, a multiple of ", parts, " parts · ", split.heads, " heads]"),
        .got = c10::str(packed.sizes())});
  }
  const int64_t width = packed.size(2) / (parts * split.heads);
  for (size_t i = 0; i < split.modes.size(); ++i) {
    check_mode(split, i, width, packed.size(1), weights);
  }
  variable_list of_part(kernels::kMaxParts);
  std::copy_n(weights.begin(), std::min(weights.size(), of_part.size()), of_part.begin());
  if (!has_fused_kernels(packed) && !has_gpu_split(packed, split, of_part, width)) {
    return split_heads_reference(packed, split, of_part);
  }
  // contiguous() would keep odd strides of dimensions of size 1.
  const Tensor dense =
      rows_follow_on(packed) && (packed.is_cpu() || begin_with_vectors(packed, width))
          ? packed
          : packed.clone(torch::MemoryFormat::Contiguous);
  HeadSplit in_compute = split;
  in_compute.rotations = as_compute(split.rotations, packed);
  if (requires_graph({packed, of_part[0], of_part[1], of_part[2]})) {
    return SplitHeadsFunction::apply(dense,
                                     in_compute,
                                     as_optional(of_part[0]),
                                     as_optional(of_part[1]),
                                     as_optional(of_part[2]));
  }
  for (Tensor& weight : of_part) {
    weight = as_compute(weight, dense);
  }
  return split_heads_forward(dense, in_compute, of_part);
}

Tensor merge_heads(const Tensor& parted, int64_t heads, const Tensor& weight, double eps) {
  const bool on_gpu = cuda::has_cuda_kernels(parted) && parted.numel() > 0 &&
                      (cuda::can_weigh_rows(parted.size(2)) || !requires_graph({parted, weight}));
  if (!has_fused_kernels(parted) && !on_gpu) {
    return merge_heads_reference(parted, heads, weight, eps);
  }
  const Tensor dense = cuda::dense_vectors(parted);
  return requires_graph({parted, weight})
             ? MergeHeadsFunction::apply(dense, heads, weight, eps)
             : merge_heads_forward(dense, heads, as_compute(weight, dense), eps);
}

}  // namespace parallax
