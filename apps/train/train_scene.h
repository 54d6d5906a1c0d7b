// `parallax train nvs --scene`: adapts a model to one scene's input views.
#pragma once

#include "apps/train/nvs_training.h"

namespace parallax {

// Short, gentle, and stopped by the held-back views.
inline TrainOptions scene_defaults() {
  TrainOptions defaults;
  defaults.steps = 1500;
  defaults.warmup_steps = 20;
  defaults.ema = 0.995;
  defaults.evaluate_every = 100;
  defaults.patience = 8;
  defaults.max_minutes = 10;
  return defaults;
}

// Trains on the input views alone and reports the held-out views before and after. Returns the
// program's exit code.
int adapt_to_scene(TrainNvsCommand& command);

}  // namespace parallax
