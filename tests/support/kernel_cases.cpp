// Compares kernels with the reference.
#include "tests/support/kernel_cases.h"

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
Outcome run_with_gradients(const Operator& run, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> leaves;
  std::vector<Tensor> defined;
  for (const Tensor& input : inputs) {
    leaves.push_back(input.defined() ? input.clone().requires_grad_(true) : Tensor());
    if (input.defined()) {
      defined.push_back(leaves.back());
    }
  }
  Outcome outcome{.outputs = run(leaves)};
  torch::manual_seed(5);
  Tensor functional = torch::zeros({}, torch::kFloat64);
  for (const Tensor& output : outcome.outputs) {
    // In the order of the shape, whatever the output's memory layout; the same in every precision.
    const Tensor factors = torch::randn(output.sizes()).to(torch::kBFloat16);
    functional = functional + (output * factors.to(output.scalar_type())).sum();
  }
  functional.backward();
  for (const Tensor& leaf : defined) {
    // An unused input has a gradient of zeros, or none.
    outcome.gradients.push_back(leaf.grad().defined() ? leaf.grad() : torch::zeros_like(leaf));
  }
  return outcome;
}

Outcome run_on_path(const OperatorCase& c, KernelPath path) {
  const KernelPathGuard guard(path);
  return run_with_gradients(c.run, c.inputs);
}

void expect_close(const std::vector<Tensor>& got,
                  const std::vector<Tensor>& expected,
                  double tolerance,
                  const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (size_t i = 0; i < got.size(); ++i) {
    EXPECT_LT(relative_difference(got[i], expected[i]), tolerance) << what << " " << i;
  }
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
    const Outcome expected = run_on_path(c, KernelPath::kReference);
    for (const KernelPath path : fused_paths()) {
      const Outcome got = run_on_path(c, path);
      const std::string name = c10::str(c.name, ", ", kernel_path_name(path));
      expect_close(got.outputs, expected.outputs, 1e-13, name + ", output");
      expect_close(got.gradients, expected.gradients, 1e-11, name + ", gradient");
    }
  }
}

void expect_low_precisions_close(const std::vector<OperatorCase>& cases,
                                 const PrecisionTolerances& tolerances) {
  for (const OperatorCase& c : cases) {
    for (const KernelPath path : fused_paths()) {
      const KernelPathGuard guard(path);
      // Both sides use the rounded inputs, so only the arithmetic is measured.
      for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
        const bool low = dtype == torch::kBFloat16;
        const std::vector<Tensor> inputs = converted(c.inputs, dtype);
        const Outcome got = run_with_gradients(c.run, inputs);
        const Outcome expected = run_with_gradients(c.run, converted(inputs, torch::kFloat64));
        const std::string name = c10::str(c.name, ", ", kernel_path_name(path), ", ", dtype);
        expect_close(got.outputs,
                     expected.outputs,
                     low ? tolerances.bfloat16 : tolerances.float32,
                     name + ", output");
        expect_close(got.gradients,
                     expected.gradients,
                     low ? tolerances.bfloat16_gradients : tolerances.float32,
                     name + ", gradient");
      }
    }
  }
}

}  // namespace parallax::testing
