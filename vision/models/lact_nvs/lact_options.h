// What defines a LaCT-NVS model: its configuration, as stored with its weights.
#pragma once

#include <string>

#include "core/base/options.h"

namespace parallax {

// The configuration of a model.
struct LactNvsOptions {
  int patch_size = 8;
  int dim = 768;
  int layers = 24;
  int attention_head_dim = 64;
  bool use_qk_norm = true;
  int ttt_head_dim = 768;
  double inter_multi = 2;
  double base_lr = 0.01;
  int muon_update_steps = 5;
  double mlp_inter_multi = 4;
  std::string variant = "0";

  int num_ttt_heads() const { return dim / ttt_head_dim; }
  int ttt_hidden_dim() const { return static_cast<int>(ttt_head_dim * inter_multi); }
  int mlp_hidden_dim() const { return static_cast<int>(dim * mlp_inter_multi); }

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("patch_size", self.patch_size, "side of a square patch in pixels", OptionRange{1, 128});
    visitor("dim", self.dim, "width of a token", OptionRange{1, 65536});
    visitor("layers", self.layers, "number of blocks", OptionRange{1, 1024});
    visitor("attention_head_dim",
            self.attention_head_dim,
            "head width of attention",
            OptionRange{1, 65536});
    visitor(
        "use_qk_norm", self.use_qk_norm, "RMSNorm on attention's queries and keys", OptionRange{});
    visitor(
        "ttt_head_dim", self.ttt_head_dim, "head width D of the TTT layer", OptionRange{1, 65536});
    visitor("inter_multi", self.inter_multi, "Dh / D of the inner net", OptionRange{0.01, 64});
    visitor("base_lr", self.base_lr, "learning rate where lr_fc gives 0", OptionRange{1e-9, 1e3});
    visitor("muon_update_steps",
            self.muon_update_steps,
            "Newton-Schulz iterations",
            OptionRange{0, 100});
    visitor("mlp_inter_multi",
            self.mlp_inter_multi,
            "hidden width of the MLP / dim",
            OptionRange{0.01, 64});
    visitor("variant", self.variant, "row of the variant table", OptionRange{});
  }
};

// Throws Error naming `where` and the field unless the sizes fit together.
void check_lact_options(const LactNvsOptions& options, const std::string& where);

}  // namespace parallax
