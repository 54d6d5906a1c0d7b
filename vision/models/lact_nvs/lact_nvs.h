// The LaCT novel-view-synthesis model: reads posed photos into fast weights and renders any camera
// (SPEC §2).
#pragma once

#include "vision/models/lact_nvs/captured_render.h"
#include "vision/models/lact_nvs/lact_layer.h"
#include "vision/models/lact_nvs/rays.h"

namespace parallax {

// One transformer block: attention within views, the LaCT layer over all views, an MLP.
class LactBlock : public torch::nn::Module {
 public:
  explicit LactBlock(const LactNvsOptions& options);

  // The block's output, with what tests and later updates need.
  struct Result {
    Tensor output;      // [B, L, dim]
    Tensor ttt_output;  // [B, L, dim]: what the LaCT layer adds
    InnerState state;
  };

  Result forward(const Tensor& x, const LactPass& pass, const InnerState* start) const;

  // The LaCT layer's input, computed from x: [B, L, dim].
  Tensor layer_input(const Tensor& x, int64_t tokens_per_view) const;

  LactLayer& layer() { return *layer_; }
  const LactLayer& layer() const { return *layer_; }

 private:
  std::shared_ptr<LayerNorm> attention_norm_;
  std::shared_ptr<ViewAttention> attention_;
  std::shared_ptr<LayerNorm> layer_norm_;
  std::shared_ptr<LactLayer> layer_;
  std::shared_ptr<LayerNorm> mlp_norm_;
  std::shared_ptr<GeluMlp> mlp_;
};

// A scene as the model has read it: one inner state per block.
struct SceneState {
  std::vector<InnerState> blocks;
  int64_t views = 0;  // input views read
  // What LactNvs::render() records on a GPU, for all copies of this state.
  std::shared_ptr<CapturedRender> captured = std::make_shared<CapturedRender>();
};

// Intermediate results of a joint pass, for tests and inspection.
struct ForwardTrace {
  Tensor embedded;                  // [B, L, dim] after input_layernorm
  std::vector<Tensor> ttt_outputs;  // per block
  std::vector<Tensor> outputs;      // per block
};

// The model: embedding, blocks and decoder.
class LactNvs : public torch::nn::Module {
 public:
  explicit LactNvs(const LactNvsOptions& options);

  const LactNvsOptions& options() const { return options_; }
  const UpdateRule& rule() const;

  // Changes what the inner loop does without changing the weights: inner steps, ascent, precision
  // of Newton–Schulz. Used by probes; the weights were trained with the model's own rule.
  void set_rule(const UpdateRule& rule);

  // Mirrors every layer, see LactLayer::mirror().
  void mirror();

  // One joint pass: update on all input tokens, then apply to all. Used in training.
  Tensor forward(const Tensor& images,  // [B, V, 3, H, W] in [0, 1]
                 const CameraBatch& inputs,
                 const CameraBatch& targets,
                 Form form,
                 ForwardTrace* trace = nullptr) const;  // [B, Vt, 3, H, W]

  // The same with one update for each input view, as reconstruct_streamed() reads them.
  Tensor forward_streamed(const Tensor& images,  // [B, V, 3, H, W] in [0, 1]
                          const CameraBatch& inputs,
                          const CameraBatch& targets,
                          Form form) const;  // [B, Vt, 3, H, W]

  // Reads the input views into fast weights.
  SceneState reconstruct(const Tensor& images,  // [B, V, 3, H, W] in [0, 1]
                         const CameraBatch& inputs,
                         Form form) const;

  // Reads one view after the other, each as a range of its own, with the same result as calling
  // `extend` for each view. The parallel form exists only if the variant has one over several
  // ranges; otherwise throws UsageError naming the switch that prevents it.
  SceneState reconstruct_streamed(const Tensor& images,  // [B, V, 3, H, W] in [0, 1]
                                  const CameraBatch& inputs,
                                  Form form) const;

  // The inputs of one block's TTT layer when all input views are read at once.
  TttInputs layer_inputs(const Tensor& images,  // [B, V, 3, H, W] in [0, 1]
                         const CameraBatch& inputs,
                         int64_t block) const;
  // The same for every block, in one pass.
  std::vector<TttInputs> layer_inputs(const Tensor& images,  // [B, V, 3, H, W] in [0, 1]
                                      const CameraBatch& inputs) const;
  const LactLayer& layer(int64_t block) const { return blocks_.at(block)->layer(); }

  // Streamed reading: continues from `state` with further views. This differs from reading them all
  // at once, as later blocks see what earlier views wrote.
  SceneState extend(const SceneState& state, const Tensor& images, const CameraBatch& inputs) const;

  // Renders cameras from fast weights, `views_per_pass` at a time (0: all at once). Attention is
  // per view and targets never update, so the chunks do not influence each other. On a GPU, moving
  // the model's weights to other memory is not noticed by states that were rendered before.
  Tensor render(const SceneState& state,
                const CameraBatch& targets,
                int64_t views_per_pass = 0) const;  // [B, V, 3, H, W] in [0, 1]

  // Draws all weights as the published code does.
  void initialise();

  // Turns off the gradients of parameters that the variant never reads, so that every other one
  // takes part in each backward pass.
  void freeze_unused();

  // Runs the projections in bfloat16; fast weights, rates and norms' statistics keep float32.
  void use_bfloat16();

 private:
  Tensor embed(const Tensor& images, const CameraBatch& cameras) const;
  Tensor joint_pass(const Tensor& images,
                    const CameraBatch& inputs,
                    const CameraBatch& targets,
                    const LactPass& pass,
                    ForwardTrace* trace) const;
  SceneState read(const Tensor& images, const CameraBatch& inputs, Form form, bool streamed) const;
  std::vector<TttInputs> layer_inputs_until(const Tensor& images,
                                            const CameraBatch& inputs,
                                            int64_t last) const;  // of blocks 0 to `last`
  Tensor decode(const Tensor& tokens, const CameraBatch& cameras) const;
  Tensor render_at_once(const SceneState& state, const CameraBatch& targets) const;
  void require_patches(const CameraBatch& cameras) const;

  LactNvsOptions options_;
  std::shared_ptr<Linear> input_linear_;
  std::shared_ptr<LayerNorm> input_layernorm_;
  std::vector<std::shared_ptr<LactBlock>> blocks_;
  std::shared_ptr<LayerNorm> decoder_norm_;
  std::shared_ptr<Linear> decoder_linear_;
};

// Another rule for as long as this object lives.
class ScopedRule {
 public:
  ScopedRule(LactNvs& module, const UpdateRule& rule) : module_(module), own_(module.rule()) {
    module.set_rule(rule);
  }
  ~ScopedRule() { module_.set_rule(own_); }
  ScopedRule(const ScopedRule&) = delete;
  ScopedRule& operator=(const ScopedRule&) = delete;

 private:
  LactNvs& module_;
  UpdateRule own_;
};

// Approximate bytes of working memory for a pass over `tokens` tokens of one scene.
int64_t estimate_pass_bytes(const LactNvsOptions& options, int64_t tokens, int64_t tokens_per_view);

// Bytes of the weights in float32.
int64_t estimate_weight_bytes(const LactNvsOptions& options);

// How many views of H × W one rendering pass may take within `budget_bytes`, at least 1.
int64_t views_within_budget(const LactNvsOptions& options,
                            int64_t height,
                            int64_t width,
                            int64_t budget_bytes);

}  // namespace parallax
