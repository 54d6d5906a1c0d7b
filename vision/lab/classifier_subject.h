// A classifier on images whose classes are known, and its accuracy under other rules.
#pragma once

#include <vector>

#include "vision/lab/keys_queries.h"
#include "vision/models/vit3/model_store.h"

namespace parallax::lab {

// What the probes of a classifier run on.
struct ClassifierSubject {
  const Classifier* model = nullptr;
  Tensor images;                        // [N, 3, H, W], normalised
  std::vector<std::vector<int>> right;  // the classes that each image shows, at least one
};

// For each image 1 where the most probable class is right, else 0; `logits`, if given, become
// [N, classes].
std::vector<double> correct_under(const ClassifierSubject& subject,
                                  const Vit3Rule& rule,
                                  Form form,
                                  Tensor* logits = nullptr);

// Intermediate results of every layer for the first `images` images.
std::vector<Vit3LayerTrace> layer_traces(const ClassifierSubject& subject,
                                         const Vit3Rule& rule,
                                         int64_t images);

// The first head of every layer: tokens of all images, one after the other.
std::vector<TokenSets> token_sets(const std::vector<Vit3LayerTrace>& layers);

// The model with every layer mirrored (Vit3Layer::mirror()), a copy.
Classifier mirrored(const Classifier& model);

}  // namespace parallax::lab
