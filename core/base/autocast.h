// Mixed precision: matrix products in bfloat16, everything numerically delicate in float32, as
// LibTorch's autocast decides per operation.
#pragma once

#include <ATen/autocast_mode.h>

#include "core/base/torch.h"

namespace parallax {

// Enables autocast for `device`'s type while it lives; does nothing when `dtype` is float32.
// Weights are cast once, and the copies kept until the guard ends. For one thread; guards do not
// nest.
class AutocastGuard {
 public:
  AutocastGuard(torch::Device device, torch::Dtype dtype)
      : device_(device.type()), active_(dtype != torch::kFloat32) {
    if (active_) {
      at::autocast::set_autocast_dtype(device_, dtype);
      at::autocast::set_autocast_enabled(device_, true);
      at::autocast::increment_nesting();
    }
  }
  ~AutocastGuard() {
    if (active_) {
      at::autocast::decrement_nesting();
      at::autocast::clear_cache();
      at::autocast::set_autocast_enabled(device_, false);
    }
  }
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  c10::DeviceType device_;
  bool active_;
};

}  // namespace parallax
