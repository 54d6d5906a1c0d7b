// Autograd functions around the kernels, and the same operations in LibTorch.
#include "core/ops/depthwise/depthwise.h"

#include "core/base/error.h"
#include "core/ops/common/autograd_support.h"
#include "core/ops/common/parallel_for.h"
#include "core/ops/cuda/launch.h"
#include "core/ops/cuda/operators.h"
#include "core/ops/depthwise/kernels.h"

namespace parallax {
namespace {

using fused::as_compute;
using fused::as_optional;
using fused::AutogradContext;
using fused::Compute;
using fused::compute_dtype;
using fused::data;
using fused::OptionalTensor;
using fused::requires_graph;
using fused::variable_list;
using fused::with_storage;

template <class S>
const kernels::DepthwiseKernels<S>& depthwise_kernels() {
  return fused::table_of<S>(fused::select_table(
      kernels::kDepthwisePortable, kernels::kDepthwiseAvx2, kernels::kDepthwiseAvx512));
}

// The tensor itself if its channels and rows are contiguous, as the kernels need them, and on a GPU
// begin with whole vectors where channels are made of them; else a dense copy.
Tensor walkable(const Tensor& picture) {
  const bool aligned =
      picture.is_cpu() || picture.size(3) % cuda::kVector != 0 ||
      (picture.stride(2) % cuda::kVector == 0 && picture.stride(0) % cuda::kVector == 0 &&
       cuda::begins_with_vector(picture));
  const bool fits = picture.stride(3) == 1 && picture.stride(2) >= picture.size(3) &&
                    picture.stride(1) == picture.size(2) * picture.stride(2) && aligned;
  // contiguous() would keep odd strides of dimensions of size 1.
  return fits ? picture : picture.clone(torch::MemoryFormat::Contiguous);
}

template <class S>
kernels::Depthwise<S> depthwise_arguments(const Tensor& from, int64_t to_rows, int64_t offset) {
  return {.images = from.size(0),
          .from_rows = from.size(1),
          .to_rows = to_rows,
          .cols = from.size(2),
          .channels = from.size(3),
          .offset = offset,
          .from = data<S>(from),
          .from_stride = from.stride(2),
          .from_image_stride = from.stride(0)};
}

Tensor convolve(const Tensor& picture,
                const Tensor& weight,
                const Tensor& bias,
                int64_t to_rows,
                int64_t offset) {
  const Tensor from = walkable(picture);
  const Tensor taps = as_compute(weight, from);
  const Tensor shift = as_compute(bias, from);
  const Tensor to =
      torch::empty({from.size(0), to_rows, from.size(2), from.size(3)}, from.options());
  with_storage(from, [&](auto storage) {
    using S = decltype(storage);
    auto arguments = depthwise_arguments<S>(from, to_rows, offset);
    arguments.weight = data<Compute<S>>(taps);
    arguments.weight_image_stride = taps.size(0) == 1 ? 0 : taps.stride(0);
    arguments.bias = data<Compute<S>>(shift);
    arguments.to = data<S>(to);
    if constexpr (cuda::kHasLaunches<S>) {
      if (from.is_cuda()) {
        cuda::launch_on(
            from, [&](auto stream) { cuda::launch_depthwise_convolution(arguments, stream); });
        return;
      }
    }
    fused::for_rows(from.size(0) * to_rows,
                    kDepthwiseTaps * from.size(2) * from.size(3),
                    [&](int64_t begin, int64_t end) {
                      depthwise_kernels<S>().convolve(arguments, begin, end);
                    });
  });
  return to;
}

Tensor correlate(const Tensor& picture, const Tensor& other, int64_t offset) {
  const Tensor from = walkable(picture);
  const Tensor values = walkable(other);
  const Tensor sums = torch::empty({from.size(0), kDepthwiseTaps, from.size(3)},
                                   from.options().dtype(compute_dtype(from)));
  with_storage(from, [&](auto storage) {
    using S = decltype(storage);
    auto arguments = depthwise_arguments<S>(from, values.size(1), offset);
    arguments.values = data<S>(values);
    arguments.values_stride = values.stride(2);
    arguments.values_image_stride = values.stride(0);
    arguments.sums = data<Compute<S>>(sums);
    if constexpr (cuda::kHasLaunches<S>) {
      if (from.is_cuda()) {
        cuda::launch_on(
            from, [&](auto stream) { cuda::launch_depthwise_correlation(arguments, stream); });
        return;
      }
    }
    fused::for_rows(from.size(0),
                    kDepthwiseTaps * values.size(1) * values.size(2) * values.size(3),
                    [&](int64_t begin, int64_t end) {
                      depthwise_kernels<S>().correlate(arguments, begin, end);
                    });
  });
  return sums;
}

struct ConvolutionFunction : torch::autograd::Function<ConvolutionFunction> {
  static Tensor forward(AutogradContext* context,
                        const Tensor& from,
                        const Tensor& weight,
                        const OptionalTensor& bias,
                        int64_t to_rows,
                        int64_t offset) {
    context->save_for_backward({from, weight});
    context->saved_data["offset"] = offset;
    if (bias) {
      context->saved_data["bias_dtype"] = static_cast<int64_t>(bias->scalar_type());
    }
    return convolve(from, weight, bias.value_or(Tensor()), to_rows, offset);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor& from = saved[0];
    const Tensor& weight = saved[1];
    const int64_t offset = context->saved_data["offset"].toInt();
    const Tensor& gradient = gradients[0];
    variable_list result(5);
    if (context->needs_input_grad(0)) {
      result[0] = depthwise_convolution(gradient, weight.flip(1), Tensor(), from.size(1), -offset);
    }
    if (context->needs_input_grad(1)) {
      Tensor sums = depthwise_correlation(from, gradient, offset);
      sums = weight.size(0) == 1 ? sums.sum(0, true) : sums;
      result[1] = sums.to(weight.scalar_type());
    }
    const auto bias_dtype = context->saved_data.find("bias_dtype");
    if (bias_dtype != context->saved_data.end()) {
      result[2] = gradient.sum({0, 1, 2}, false, compute_dtype(gradient))
                      .to(static_cast<torch::Dtype>(bias_dtype->second.toInt()));
    }
    return result;
  }
};

struct CorrelationFunction : torch::autograd::Function<CorrelationFunction> {
  static Tensor forward(AutogradContext* context,
                        const Tensor& from,
                        const Tensor& values,
                        int64_t offset) {
    context->save_for_backward({from, values});
    context->saved_data["offset"] = offset;
    return correlate(from, values, offset);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const Tensor& from = saved[0];
    const Tensor& values = saved[1];
    const int64_t offset = context->saved_data["offset"].toInt();
    const Tensor& weight = gradients[0];
    return {depthwise_convolution(values, weight.flip(1), Tensor(), from.size(1), -offset),
            depthwise_convolution(from, weight, Tensor(), values.size(1), offset),
            Tensor()};
  }
};

// `from` cropped or padded with zeros to the rows that `to_rows` rows of the result need, with one
// more column on each side.
Tensor padded(const Tensor& from, int64_t to_rows, int64_t offset) {
  const int64_t above = 1 - offset;
  return torch::constant_pad_nd(from, {0, 0, 1, 1, above, offset + to_rows + 1 - from.size(1)});
}

Tensor convolve_reference(const Tensor& from,
                          const Tensor& weight,
                          const Tensor& bias,
                          int64_t to_rows,
                          int64_t offset) {
  const int64_t channels = from.size(3);
  const Tensor planes = padded(from, to_rows, offset).permute({0, 3, 1, 2});
  const bool shared = weight.size(0) == 1;
  // With one kernel per image, every channel of every image is a group of its own.
  const Tensor input = shared ? planes : planes.reshape({1, -1, planes.size(2), planes.size(3)});
  const Tensor kernels = weight.transpose(1, 2).reshape({-1, 1, 3, 3}).to(from.scalar_type());
  const Tensor output =
      at::conv2d(input, kernels, Tensor(), 1, at::IntArrayRef(0), 1, kernels.size(0))
          .view({from.size(0), channels, to_rows, from.size(2)})
          .permute({0, 2, 3, 1});
  return bias.defined() ? output + bias.to(from.scalar_type()) : output;
}

Tensor correlate_reference(const Tensor& from, const Tensor& values, int64_t offset) {
  const Tensor all = padded(from, values.size(1), offset);
  std::vector<Tensor> sums;
  for (int64_t tap = 0; tap < kDepthwiseTaps; ++tap) {
    const Tensor window = all.narrow(1, tap / 3, values.size(1)).narrow(2, tap % 3, values.size(2));
    sums.push_back((window * values).sum({1, 2}, false, compute_dtype(from)));
  }
  return torch::stack(sums, 1);
}

std::string described(const Tensor& tensor) {
  return c10::str(tensor.sizes(), " ", tensor.scalar_type(), " on ", tensor.device());
}

void check_images(const Tensor& from, const char* name, const Tensor& tensor, bool fits) {
  if (from.dim() != 4 || tensor.device() != from.device() || !fits) {
    throw Error(ErrorParts{.what = c10::str(name, " do not fit the pictures [B, rows, cols, C]"),
                           .expected = "what goes with " + described(from),
                           .got = described(tensor)});
  }
}

bool is_one_pass(const Tensor& from) { return cuda::has_kernels(from) && from.numel() > 0; }

}  // namespace

Tensor depthwise_convolution(const Tensor& from,
                             const Tensor& weight,
                             const Tensor& bias,
                             int64_t to_rows,
                             int64_t offset) {
  check_images(from,
               "the kernels of a depthwise convolution",
               weight,
               from.dim() == 4 && weight.dim() == 3 && weight.size(1) == kDepthwiseTaps &&
                   weight.size(2) == from.size(3) &&
                   (weight.size(0) == 1 || weight.size(0) == from.size(0)));
  if (bias.defined()) {
    check_images(from,
                 "the biases of a depthwise convolution",
                 bias,
                 bias.dim() == 1 && bias.size(0) == from.size(3));
  }
  if (!is_one_pass(from)) {
    return convolve_reference(from, weight, bias, to_rows, offset);
  }
  return requires_graph({from, weight, bias})
             ? ConvolutionFunction::apply(from, weight, as_optional(bias), to_rows, offset)
             : convolve(from, weight, bias, to_rows, offset);
}

Tensor depthwise_correlation(const Tensor& from, const Tensor& values, int64_t offset) {
  check_images(from,
               "the values of a depthwise correlation",
               values,
               from.dim() == 4 && values.dim() == 4 && values.size(0) == from.size(0) &&
                   values.size(2) == from.size(2) && values.size(3) == from.size(3) &&
                   values.scalar_type() == from.scalar_type());
  if (!is_one_pass(from) || values.numel() == 0) {
    return correlate_reference(from, values, offset);
  }
  return requires_graph({from, values}) ? CorrelationFunction::apply(from, values, offset)
                                        : correlate(from, values, offset);
}

}  // namespace parallax
