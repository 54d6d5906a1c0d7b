// Linear layers whose weights are repacked once into the layout that oneDNN's products read best,
// for passes without gradients on the CPU; in all other cases LibTorch's own.
#pragma once

#include <mutex>

#include "core/base/torch.h"

namespace parallax {

// The function applied to a layer's outputs.
enum class Activation { kNone, kGelu };

// Belongs to one weight, keeps its packed copy and renews that when the weight has changed. May be
// used from several threads.
class PackedLinear {
 public:
  // activation(x Wᵀ + b), float32 or bfloat16 as x and the weight are.
  Tensor operator()(const Tensor& x,                                   // [..., in]
                    const Tensor& weight,                              // [out, in]
                    const Tensor& bias,                                // [out] or undefined
                    Activation activation = Activation::kNone) const;  // → [..., out]

 private:
  Tensor packed(const Tensor& weight, int64_t rows) const;

  mutable std::mutex mutex_;
  mutable Tensor packed_;
  mutable Tensor packed_from_;  // kept, so that no other weight can take its address
  mutable int64_t packed_version_ = -1;
};

}  // namespace parallax
