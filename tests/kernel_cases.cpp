// Comparing kernels with the reference.
#include "tests/kernel_cases.h"

#include <gtest/gtest.h>

namespace parallax::testing {
namespace {

std::vector<Tensor> converted(const std::vector<Tensor>& inputs, torch::Dtype dtype) {
  std::vector<Tensor> result;
  for (const Tensor& input : inputs) {
    result.push_back(input.defined() ? input.to(dtype) : Tensor());
  }
  return result;
}

struct Outcome {
  std::vector<Tensor> outputs;
  std::vector<Tensor> gradients;  // of the defined inputs
};

// Outputs and the gradients of a random functional of them.
Outcome run_with_gradients(const OperatorCase& c, KernelPath path) {
  const KernelPathGuard guard(path);
  std::vector<Tensor> leaves;
  std::vector<Tensor> defined;
  for (const Tensor& input : c.inputs) {
    leaves.push_back(input.defined() ? input.clone().requires_grad_(true) : Tensor());
    if (input.defined()) {
      defined.push_back(leaves.back());
    }
  }
  Outcome outcome{.outputs = c.run(leaves)};
  torch::manual_seed(5);
  Tensor functional = torch::zeros({}, torch::kFloat64);
  for (const Tensor& output : outcome.outputs) {
    // In the order of the shape, whatever the memory of the output.
    functional = functional + (output * torch::randn(output.sizes(), output.options())).sum();
  }
  functional.backward();
  for (const Tensor& leaf : defined) {
    // An input that takes no part has a gradient of zeros, or none.
    outcome.gradients.push_back(leaf.grad().defined() ? leaf.grad() : torch::zeros_like(leaf));
  }
  return outcome;
}

}  // namespace

Tensor normal(at::IntArrayRef shape) { return torch::randn(shape, torch::kFloat64); }

double relative_difference(const Tensor& got, const Tensor& expected) {
  EXPECT_EQ(got.sizes(), expected.sizes());
  const double scale = expected.abs().max().item<double>();
  return (got.to(torch::kFloat64) - expected).abs().max().item<double>() / std::max(scale, 1e-30);
}

std::vector<KernelPath> fused_paths() {
  std::vector<KernelPath> paths = available_kernel_paths();
  paths.erase(paths.begin());
  return paths;
}

void expect_equal_to_reference(const std::vector<OperatorCase>& cases) {
  for (const OperatorCase& c : cases) {
    const Outcome expected = run_with_gradients(c, KernelPath::kReference);
    for (const KernelPath path : fused_paths()) {
      const Outcome got = run_with_gradients(c, path);
      ASSERT_EQ(got.outputs.size(), expected.outputs.size());
      for (size_t i = 0; i < got.outputs.size(); ++i) {
        EXPECT_LT(relative_difference(got.outputs[i], expected.outputs[i]), 1e-13)
            << c.name << ", output " << i << ", " << kernel_path_name(path);
      }
      ASSERT_EQ(got.gradients.size(), expected.gradients.size());
      for (size_t i = 0; i < got.gradients.size(); ++i) {
        EXPECT_LT(relative_difference(got.gradients[i], expected.gradients[i]), 1e-11)
            << c.name << ", gradient " << i << ", " << kernel_path_name(path);
      }
    }
  }
}

void expect_low_precisions_close(const std::vector<OperatorCase>& cases,
                                 const PrecisionTolerances& tolerances) {
  const torch::NoGradGuard no_grad;
  for (const OperatorCase& c : cases) {
    for (const KernelPath path : fused_paths()) {
      const KernelPathGuard guard(path);
      // Rounded inputs are the problem's own; what is measured is the arithmetic.
      for (const auto& [dtype, tolerance] : {std::pair{torch::kFloat32, tolerances.float32},
                                             std::pair{torch::kBFloat16, tolerances.bfloat16}}) {
        const std::vector<Tensor> inputs = converted(c.inputs, dtype);
        const std::vector<Tensor> got = c.run(inputs);
        const std::vector<Tensor> expected = c.run(converted(inputs, torch::kFloat64));
        for (size_t i = 0; i < got.size(); ++i) {
          EXPECT_LT(relative_difference(got[i], expected[i]), tolerance)
              << c.name << ", output " << i << ", " << kernel_path_name(path) << ", " << dtype;
        }
      }
    }
  }
}

}  // namespace parallax::testing
