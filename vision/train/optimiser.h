// The slow weights' optimiser: Muon for hidden matrices and AdamW for the rest, or AdamW alone.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/torch.h"
#include "core/io/checkpoint.h"
#include "vision/train/train_options.h"

namespace parallax {

// Updates a module's parameters from their gradients.
class Optimiser {
 public:
  // Takes all parameters of `module` that require a gradient. `is_hidden` tells by name which
  // matrices are between other layers and so suited to Muon. Throws UsageError for an unknown
  // optimiser.
  Optimiser(torch::nn::Module& module,
            const TrainOptions& options,
            const std::function<bool(const std::string&)>& is_hidden);
  ~Optimiser();
  Optimiser(const Optimiser&) = delete;
  Optimiser& operator=(const Optimiser&) = delete;

  const std::vector<Tensor>& parameters() const;

  void zero_gradients();

  // Clips the gradients to the options' norm and returns the norm they had. If it is not finite,
  // nothing is changed.
  double clip_gradients();

  // One step with the learning rates of `step` (from 0).
  void step(int64_t step);

  // Everything that a resumed run needs, by parameter name, sharing memory; load() takes it back.
  TensorMap state() const;
  // Throws Error naming what is missing or mis-shaped.
  void load(const TensorMap& state);

 private:
  struct Shards;
  TrainOptions options_;
  std::unique_ptr<Shards> parts_;
};

}  // namespace parallax
