// The classifiers: ViT³ (plain) and H-ViT³ (hierarchical), with the published parameter names.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "vision/models/vit3/block.h"
#include "vision/models/vit3/options.h"

namespace parallax {

// Intermediate results, named after the published modules, for tests: "patch_embed", "blocks.0",
// "layers.1.downsample", "pooled".
using ClassifierTrace = std::vector<std::pair<std::string, Tensor>>;

// What both classifiers share: embedding, blocks, pooling and a linear head.
class ImageClassifier : public torch::nn::Module {
 public:
  // Takes images normalised as in vision/images/classifier_preprocess.h. Throws Error unless both
  // sides are multiples of size_multiple().
  Tensor forward(const Tensor& images,  // [B, 3, rows, cols] → [B, num_classes] logits
                 const Vit3Pass& pass,
                 ClassifierTrace* trace = nullptr);

  const Vit3Options& options() const { return options_; }

  // The rule of every layer.
  Vit3Rule rule() const { return find_vit3_variant(options_.variant).rule; }

  // Changes what every layer's inner loop does without changing the weights. Used by probes; the
  // weights were trained with the model's own rule.
  void set_rule(const Vit3Rule& rule);

  // Mirrors every layer, see Vit3Layer::mirror().
  void mirror();

  // Draws all weights as the published code does.
  void initialise();

  // Converts everything to bfloat16 except fast weights, running statistics and rotations, whose
  // products are small.
  void use_bfloat16();

 protected:
  explicit ImageClassifier(const Vit3Options& options);

  virtual Tensor embed(const Tensor& images, TokenGrid& grid) = 0;  // → [B, N, C]
  virtual Tensor run_blocks(const Tensor& tokens,                   // [B, N, C] → [B, N', C']
                            TokenGrid grid,
                            const Vit3Pass& pass,
                            ClassifierTrace* trace) = 0;
  virtual Tensor pool(const Tensor& tokens) = 0;  // [B, N, C] → [B, C]

  // Stochastic depth of block `index`, counted over all stages.
  double drop_path_of(int index) const;

 private:
  Vit3Options options_;
  std::shared_ptr<Linear> head_;
};

// The plain model: patches, then blocks of one width.
class Vit3 : public ImageClassifier {
 public:
  explicit Vit3(const Vit3Options& options);

 protected:
  Tensor embed(const Tensor& images, TokenGrid& grid) override;
  Tensor run_blocks(const Tensor& tokens,
                    TokenGrid grid,
                    const Vit3Pass& pass,
                    ClassifierTrace* trace) override;
  Tensor pool(const Tensor& tokens) override;

 private:
  std::shared_ptr<Convolution> patches_;
  std::vector<std::shared_ptr<Vit3Block>> blocks_;
  std::shared_ptr<LayerNorm> norm_;
};

// The hierarchical model: a convolutional stem, then four stages.
class HierarchicalVit3 : public ImageClassifier {
 public:
  explicit HierarchicalVit3(const Vit3Options& options);

 protected:
  Tensor embed(const Tensor& images, TokenGrid& grid) override;
  Tensor run_blocks(const Tensor& tokens,
                    TokenGrid grid,
                    const Vit3Pass& pass,
                    ClassifierTrace* trace) override;
  Tensor pool(const Tensor& tokens) override;

 private:
  // Convolution steps in sequence.
  using Steps = std::vector<std::shared_ptr<ConvolutionStep>>;
  // The blocks of one width and the steps to the next.
  struct Stage {
    std::vector<std::shared_ptr<Vit3Block>> blocks;
    Steps downsample;  // empty after the last stage
  };

  void build_stem(int64_t dim);
  Stage build_stage(torch::nn::Module& layers, size_t index, int first_block);

  Steps stem_;
  std::vector<Stage> stages_;
  std::shared_ptr<BatchNorm> norm_;
};

// Builds a classifier of either kind, with weights not yet drawn. Throws Error if the options do
// not fit together.
std::shared_ptr<ImageClassifier> make_classifier(const Vit3Options& options);

}  // namespace parallax
