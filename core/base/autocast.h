// Mixed precision: matrix products in bfloat16, everything delicate in float32, as LibTorch's
// autocast decides operation by operation.
#pragma once

#include <ATen/autocast_mode.h>

#include "core/base/torch.h"

namespace parallax {

// While it lives, autocast is on for `device`'s type; with `dtype` float32 it does nothing. Weights
// cast once are kept until the guard ends. For one thread; guards do not nest.
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
