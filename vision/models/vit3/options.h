// What defines a ViT³ or H-ViT³ classifier: its configuration, as stored with its weights.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/options.h"

namespace parallax {

// The configuration of a classifier.
struct Vit3Options {
  bool hierarchical = false;
  std::vector<int> dims = {192};  // one entry per stage: one in ViT³, four in H-ViT³
  std::vector<int> depths = {12};
  std::vector<int> heads = {6};
  int patch_size = 16;   // H-ViT³'s stem always has stride 4
  int image_size = 224;  // of the training images; others can be classified
  double mlp_ratio = 4;
  bool qkv_bias = true;
  int num_classes = 1000;
  std::string variant = "0";
  double drop_path = 0;  // stochastic depth of the last block in training; earlier ones less

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("hierarchical", self.hierarchical, "H-ViT³: four stages and a convolutional stem");
    visitor("dims", self.dims, "token width per stage");
    visitor("depths", self.depths, "number of blocks per stage");
    visitor("heads", self.heads, "heads of the TTT layer per stage");
    visitor("patch_size", self.patch_size, "side of a square patch", OptionRange{1, 128});
    visitor("image_size", self.image_size, "side of the training images", OptionRange{1, 16384});
    visitor("mlp_ratio", self.mlp_ratio, "hidden width of the MLP / width", OptionRange{0.01, 64});
    visitor("qkv_bias", self.qkv_bias, "biases of the projection to q, k and v");
    visitor("num_classes", self.num_classes, "number of classes", OptionRange{1, 1e6});
    visitor("variant", self.variant, "row of the variant table");
    visitor("drop_path", self.drop_path, "stochastic depth in training", OptionRange{0, 0.99});
  }
};

// A published model size and its name.
struct Vit3Preset {
  std::string_view name;  // "vit3-t", "h-vit3-b", …
  Vit3Options options;
};

// The six published sizes.
const std::vector<Vit3Preset>& vit3_presets();

// Throws UsageError listing the names.
const Vit3Options& find_vit3_preset(std::string_view name);

// "ViT³-T", or "ViT³, 8 blocks x 160" if it is not one of the published sizes.
std::string describe_architecture(const Vit3Options& options);

// Throws Error naming `where` and the field unless the sizes fit together.
void check_vit3_options(const Vit3Options& options, const std::string& where);

// Every side of an input image must be a multiple of this.
int64_t size_multiple(const Vit3Options& options);

// The number of parameters, counted without building the model.
int64_t count_parameters(const Vit3Options& options);

}  // namespace parallax
