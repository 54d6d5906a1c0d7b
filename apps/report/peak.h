// How near to what the machine can do measured work came: peaks measured beside it, shares of them,
// and what to say where a share cannot be believed.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/base/torch.h"
#include "core/ops/peak/peak.h"

namespace parallax {

// Speed of some work and, beside it, of the machine; in operations a second.
struct Speed {
  double of_work = 0;
  double of_instructions = 0;  // the fastest bursts of nothing but multiply-adds; NaN on a GPU
  double of_libtorch = 0;      // LibTorch's matrix product: the median of rounds
  std::string instructions;    // "AVX-512 float32 multiply-adds"
  // The processor has matrix tiles (AMX), which LibTorch uses and the bursts do not.
  bool has_matrix_tiles = false;
  int64_t product_side = 0;  // of LibTorch's product

  double share_of_instructions() const { return of_work / of_instructions; }
  double share_of_libtorch() const { return of_work / of_libtorch; }
  // Nothing is faster than the instructions it is made of: if it seems so, the peak is too low.
  bool is_credible() const {
    return !(of_work > of_instructions) && !(of_libtorch > of_instructions);
  }
};

// Measures both peaks in turn with other work.
class PeakMeasurement {
 public:
  explicit PeakMeasurement(torch::Dtype dtype, torch::Device device = torch::kCPU);

  // To be timed in rounds beside the work. They refer to this object.
  std::function<void()> burst_case();
  std::function<void()> product_case() const;

  // Of work, from the median time of the product in the same rounds. Bursts count from the first
  // on, so that this is best asked after all rounds.
  Speed speed(double operations_per_second, double product_seconds) const;

 private:
  std::optional<InstructionPeak> instructions_;  // of a CPU
  Tensor a_;
  Tensor b_;
};

// The headings of a table's columns for a speed, and its cells: "93 %", and "131 % (!)" where that
// cannot be; "-" for null.
std::vector<std::string> speed_headings();
std::vector<std::string> speed_cells(const Speed* speed);

// Lines below a table of speeds: what the shares are of, and a warning if not all are credible.
std::string describe_peaks(const std::vector<Speed>& speeds);

nlohmann::json speed_json(const Speed& speed);

}  // namespace parallax
