// Muon: momentum whose direction is orthogonalised before it is added (Jordan et al., 2024), for
// the hidden matrices of a network.
#pragma once

#include <vector>

#include "core/base/torch.h"

namespace parallax {

// The settings of one Muon step.
struct MuonOptions {
  double learning_rate = 5e-3;
  double momentum = 0.95;
  double weight_decay = 0;
  int newton_schulz_steps = 5;
};

// Updates matrices along their orthogonalised momentum.
class Muon {
 public:
  // Parameters are [rows, cols] or [batch, rows, cols]; those of equal shape are updated together.
  explicit Muon(std::vector<Tensor> parameters);

  // One step from the parameters' gradients; a parameter without one is left unchanged. The step of
  // a matrix is scaled by √max(1, rows / cols).
  void step(const MuonOptions& options);

  // Everything a checkpoint must keep, in the parameters' order.
  const std::vector<Tensor>& momenta() const { return momenta_; }

 private:
  void step_group(const std::vector<size_t>& group, const MuonOptions& options);

  std::vector<Tensor> parameters_;
  std::vector<Tensor> momenta_;
  std::vector<std::vector<size_t>> groups_;  // of equal matrix shape
};

}  // namespace parallax
