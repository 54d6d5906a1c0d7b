// The options of a training run that every model shares: length, optimiser, averaging, checkpoints.
#pragma once

#include <string>

#include "core/base/options.h"

namespace parallax {

// The options of a training run.
struct TrainOptions {
  int64_t steps = 2000;
  int64_t stop_after = 0;
  double max_minutes = 0;
  int64_t seed = 1;
  int accumulate = 1;

  std::string optimiser = "muon";
  double learning_rate = 2e-3;
  double muon_learning_rate = 5e-3;
  double weight_decay = 0;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double muon_momentum = 0.95;
  int64_t warmup_steps = 50;
  double final_rate = 0.02;
  double clip_norm = 1;
  double ema = 0.999;

  int64_t evaluate_every = 500;
  int patience = 0;
  int64_t log_every = 20;
  int64_t checkpoint_every = 250;
  int checkpoints_kept = 2;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("steps", self.steps, "optimiser steps of the whole run", OptionRange{1, 1e12});
    visitor("stop_after",
            self.stop_after,
            "pause (saved, resumable) when this step is done; 0: never",
            OptionRange{0, 1e12});
    visitor("max_minutes",
            self.max_minutes,
            "pause (saved, resumable) after this time; 0: never",
            OptionRange{0, 1e9});
    visitor("seed",
            self.seed,
            "random seed of data, initial weights and everything else random",
            OptionRange{0, 9e15});
    visitor("accumulate",
            self.accumulate,
            "micro-batches per step and rank, whose gradients are accumulated",
            OptionRange{1, 4096});
    visitor("optimiser", self.optimiser, "muon (hidden matrices; AdamW for the rest) or adamw");
    visitor("learning_rate",
            self.learning_rate,
            "AdamW's learning rate after the warm-up",
            OptionRange{1e-9, 10});
    visitor("muon_learning_rate",
            self.muon_learning_rate,
            "Muon's learning rate",
            OptionRange{1e-9, 10});
    visitor(
        "weight_decay", self.weight_decay, "weight decay, of matrices only", OptionRange{0, 10});
    visitor("beta1", self.beta1, "AdamW's decay of the gradients' mean", OptionRange{0, 0.99999});
    visitor("beta2",
            self.beta2,
            "AdamW's decay of the gradients' mean square",
            OptionRange{0, 0.999999});
    visitor("muon_momentum", self.muon_momentum, "Muon's momentum", OptionRange{0, 0.99999});
    visitor("warmup_steps", self.warmup_steps, "steps of linear warm-up", OptionRange{0, 1e12});
    visitor("final_rate",
            self.final_rate,
            "end of the cosine, as a share of the learning rate",
            OptionRange{0, 1});
    visitor("clip_norm", self.clip_norm, "largest gradient norm; 0: no limit", OptionRange{0, 1e9});
    visitor("ema", self.ema, "decay of the averaged weights; 0: no averaging", OptionRange{0, 1});
    visitor("evaluate_every",
            self.evaluate_every,
            "steps between evaluations; 0: only at the end",
            OptionRange{0, 1e12});
    visitor("patience",
            self.patience,
            "evaluations without a better score before the run stops early; 0: never",
            OptionRange{0, 1e6});
    visitor("log_every", self.log_every, "steps between lines of the log", OptionRange{1, 1e12});
    visitor("checkpoint_every",
            self.checkpoint_every,
            "steps between checkpoints",
            OptionRange{1, 1e12});
    visitor("checkpoints_kept",
            self.checkpoints_kept,
            "latest checkpoints to keep",
            OptionRange{1, 1000});
  }
};

// Whether the option affects the final weights; the others may differ when a run is resumed.
inline bool decides_result(const std::string& option) {
  return option != "stop_after" && option != "max_minutes" && option != "log_every" &&
         option != "checkpoint_every" && option != "checkpoints_kept";
}

// The factor on the learning rates at `step`: linear warm-up, then a cosine down to `final_rate`.
double learning_rate_factor(const TrainOptions& options, int64_t step);

}  // namespace parallax
