// Peaks, shares and the words around them.
#include "apps/report/peak.h"

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "apps/report/system_info.h"
#include "apps/report/timing.h"
#include "core/base/device.h"

namespace parallax {
namespace {

constexpr int64_t kProductSide = 1024;
constexpr int64_t kProductSideOnGpu = 8192;  // enough for all of its processors

double gigaflops(double operations_per_second) { return operations_per_second * 1e-9; }

std::string whole_percent(double share) { return fmt::format("{:.0f} %", 100 * share); }

std::string percent_of_instructions(double share) {
  if (std::isnan(share)) {
    return "-";
  }
  return whole_percent(share) + (share <= 1 ? "" : " (!)");
}

std::string why_above(const Speed& speed) {
  return speed.has_matrix_tiles
             ? fmt::format("LibTorch may have used matrix tiles (AMX), which are faster than {}",
                           speed.instructions)
             : std::string("the machine was busy: peak not credible");
}

// Of speeds by the same instructions.
std::string describe_peak(const std::vector<Speed>& speeds) {
  const Speed& any = speeds.front();
  std::vector<double> products;
  products.reserve(speeds.size());
  for (const Speed& speed : speeds) {
    products.push_back(speed.of_libtorch);
  }
  const double product = median(products);
  if (std::isnan(any.of_instructions)) {
    return fmt::format("of LibTorch: of its {0}x{0} product in the same rounds, {1:.0f} GFLOP/s\n",
                       any.product_side,
                       gigaflops(product));
  }
  std::string text = fmt::format(
      "of instructions: of {:.1f} GFLOP/s, the fastest bursts of {}\n"
      "of LibTorch: of its {}x{} product in the same rounds, {:.1f} GFLOP/s in the middle, {} of "
      "instructions\n",
      gigaflops(any.of_instructions),
      any.instructions,
      any.product_side,
      any.product_side,
      gigaflops(product),
      percent_of_instructions(product / any.of_instructions));
  if (!std::all_of(speeds.begin(), speeds.end(), [](const Speed& s) { return s.is_credible(); })) {
    text += fmt::format("(!) above 100 % of instructions: {}\n", why_above(any));
  }
  return text;
}

}  // namespace

PeakMeasurement::PeakMeasurement(torch::Dtype dtype, torch::Device device) {
  const int64_t side = device.is_cuda() ? kProductSideOnGpu : kProductSide;
  a_ = torch::randn({side, side}).to(device, dtype);
  b_ = torch::randn({side, side}).to(device, dtype);
  if (!device.is_cuda()) {
    instructions_.emplace(dtype);
  }
}

std::function<void()> PeakMeasurement::burst_case() {
  return [this] {
    if (instructions_) {
      instructions_->run_burst();
    }
  };
}

std::function<void()> PeakMeasurement::product_case() const {
  return [this] {
    const torch::InferenceMode inference;
    a_.matmul(b_);
    wait_for(a_.device());
  };
}

Speed PeakMeasurement::speed(double operations_per_second, double product_seconds) const {
  const auto side = static_cast<double>(a_.size(0));
  return {
      .of_work = operations_per_second,
      .of_instructions = instructions_ ? instructions_->operations_per_second() : NAN,
      .of_libtorch = 2 * side * side * side / product_seconds,
      .instructions = instructions_ ? instructions_->instructions() : "",
      .has_matrix_tiles = a_.scalar_type() == torch::kBFloat16 && has_processor_flag("amx_bf16"),
      .product_side = a_.size(0)};
}

std::vector<std::string> speed_headings() { return {"GFLOP/s", "of instructions", "of LibTorch"}; }

std::vector<std::string> speed_cells(const Speed* speed) {
  if (speed == nullptr) {
    return {"-", "-", "-"};
  }
  return {fmt::format("{:.1f}", gigaflops(speed->of_work)),
          percent_of_instructions(speed->share_of_instructions()),
          whole_percent(speed->share_of_libtorch())};
}

std::string describe_peaks(const std::vector<Speed>& speeds) {
  std::map<std::string, std::vector<Speed>> by_instructions;
  for (const Speed& speed : speeds) {
    by_instructions[speed.instructions].push_back(speed);
  }
  std::string text;
  for (const auto& [name, some] : by_instructions) {
    text += describe_peak(some);
  }
  return text;
}

nlohmann::json speed_json(const Speed& speed) {
  return {{"operations_per_second", speed.of_work},
          {"instructions", speed.instructions},
          {"instruction_peak_operations_per_second", speed.of_instructions},
          {"libtorch_product_operations_per_second", speed.of_libtorch},
          {"share_of_instruction_peak", speed.share_of_instructions()},
          {"share_of_libtorch_product", speed.share_of_libtorch()},
          {"peak_is_credible", speed.is_credible()}};
}

}  // namespace parallax
