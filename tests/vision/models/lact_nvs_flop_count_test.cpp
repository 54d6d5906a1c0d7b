// Operation counts of LaCT-NVS against the sizes of the products that LibTorch is asked for while
// the model runs forward and backward.
#include <ATen/record_function.h>
#include <gtest/gtest.h>

#include <mutex>

#include "core/ops/common/dispatch.h"
#include "vision/models/lact_nvs/flop_count.h"
#include "vision/models/lact_nvs/lact_nvs.h"
#include "vision/synth/scene_generator.h"

namespace parallax::testing {
namespace {

// Sums of what LibTorch's products do while one lives.
class ProductCounter {
 public:
  ProductCounter()
      : handle_(at::addGlobalCallback(at::RecordFunctionCallback(count).needsInputs(true))) {
    total = 0;
  }
  ~ProductCounter() { at::removeCallback(handle_); }
  ProductCounter(const ProductCounter&) = delete;
  ProductCounter& operator=(const ProductCounter&) = delete;

  static double operations() { return total; }

 private:
  // [..., rows, inner] × [..., inner, cols]
  static double of_product(const Tensor& a, const Tensor& b) {
    return 2.0 * static_cast<double>(a.numel()) * static_cast<double>(b.size(-1));
  }

  // Q Kᵀ of every head; the product with V is as large where V is as wide as K.
  static double of_scores(const Tensor& q, const Tensor& k) {
    return 2.0 * static_cast<double>(q.numel()) * static_cast<double>(k.size(-2));
  }

  static std::unique_ptr<at::ObserverContext> count(const at::RecordFunction& function) {
    const std::string name = function.name();
    const auto input = [&](size_t i) { return function.inputs()[i].toTensor(); };
    const std::lock_guard lock(mutex);
    if (name == "aten::mm" || name == "aten::bmm") {
      total += of_product(input(0), input(1));
    } else if (name == "aten::addmm" || name == "aten::baddbmm") {
      total += of_product(input(1), input(2));
    } else if (name == "aten::_scaled_dot_product_flash_attention_for_cpu") {
      total += 2 * of_scores(input(0), input(1));
    } else if (name == "aten::_scaled_dot_product_flash_attention_for_cpu_backward") {
      total += 4 * of_scores(input(1), input(2));
    }
    return nullptr;
  }

  static inline std::mutex mutex;
  static inline double total = 0;
  at::CallbackHandle handle_;
};

CameraBatch cameras(int64_t batch, int64_t views) {
  std::vector<Camera> path;
  for (int64_t i = 0; i < views; ++i) {
    path.push_back(orbit_camera(30.0 * static_cast<double>(i), 20, 2.7, 50, 32, 48));
  }
  const CameraBatch one = to_camera_batch(path);
  return {one.fxfycxcy.expand({batch, -1, -1}), one.c2w.expand({batch, -1, -1, -1}), 32, 48};
}

// Two scenes of three views and two targets.
struct JointPass {
  explicit JointPass(const std::string& variant) {
    options.dim = 48;
    options.layers = 2;
    options.attention_head_dim = 16;
    options.ttt_head_dim = 24;
    const auto map = find_variant(variant).switches.feature_map;
    options.inter_multi = map == FeatureMap::kIdentity ? 1 : 2;
    options.mlp_inter_multi = 3;
    options.variant = variant;
    options.muon_update_steps = 0;  // their symmetric products count by halves; LibTorch's do not
    torch::manual_seed(3);
    model = std::make_shared<LactNvs>(options);
    model->initialise();
    model->freeze_unused();
  }

  Tensor forward() const {
    return model->forward(
        torch::rand({2, 3, 3, 32, 48}), cameras(2, 3), cameras(2, 2), Form::kRecurrent);
  }

  // What LibTorch is asked for and does not count: turning each pixel's ray into the world, and
  // rates that nothing reads.
  double uncounted() const {
    const double turns = 2.0 * 5 * 32 * 48 * product(1, 3, 3);
    const bool reads_rates = find_variant(options.variant).switches.per_token_rate;
    return turns + (reads_rates ? 0 : options.layers * product(2.0 * 5 * 24, options.dim, 3 * 2));
  }

  static double product(double rows, double inner, double cols) { return 2 * rows * inner * cols; }

  const NewtonSchulzOptions newton_schulz{.steps = 0};
  const JointPassShape shape{.batch = 2,
                             .input_views = 3,
                             .target_views = 2,
                             .tokens_per_view = 24};
  LactNvsOptions options;
  std::shared_ptr<LactNvs> model;
};

class LactNvsOperations : public ::testing::TestWithParam<std::string> {};

TEST_P(LactNvsOperations, ForwardIsWhatLibTorchIsAskedFor) {
  const KernelPathGuard reference(KernelPath::kReference);
  const JointPass pass(GetParam());
  const torch::NoGradGuard no_grad;
  const ProductCounter counter;
  pass.forward();
  EXPECT_EQ(counter.operations() - pass.uncounted(),
            forward_flops(pass.options, pass.newton_schulz, pass.shape));
}

TEST_P(LactNvsOperations, TrainingIsWhatLibTorchIsAskedFor) {
  const KernelPathGuard reference(KernelPath::kReference);
  const JointPass pass(GetParam());
  const ProductCounter counter;
  pass.forward().sum().backward();
  EXPECT_EQ(counter.operations() - pass.uncounted(),
            training_flops(pass.options, pass.newton_schulz, pass.shape));
}

// The chain and the rows of later work; single ablations do as the baseline.
std::vector<std::string> counted_rows() {
  std::vector<std::string> names;
  for (const Variant& variant : kVariants) {
    if (variant.kind != RowKind::kAblation) {
      names.emplace_back(variant.name);
    }
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Variants, LactNvsOperations, ::testing::ValuesIn(counted_rows()));

// Per head and scene, forward and backward, in square fast weights: two symmetric products by
// halves and a whole one a step.
TEST(LactNvsOperations, NewtonSchulzIsTheLayers) {
  const JointPass pass("5");
  const double without = training_flops(pass.options, {.steps = 0}, pass.shape);
  const double with = training_flops(pass.options, {.steps = 5}, pass.shape);
  const double cube = 24.0 * 24 * 24;
  EXPECT_EQ(with - without, 3 * 2 * 2 * 2 * 5 * (cube + cube + 2 * cube));
}

}  // namespace
}  // namespace parallax::testing
