// The probes of ViT³ classifiers: those of the NVS models that make sense where an image is one
// update range.
#pragma once

#include <functional>

#include "vision/lab/classifier_subject.h"
#include "vision/lab/lab_result.h"

namespace parallax::lab {

// How far a layer's output is from its linear attention (docs/dev/spec.md §3), relative to its
// norm: the gated net as o = silu(q W2) ⊙ q (W1 + Σ kᵀ v̂), the convolution as a sum over shifts.
struct Vit3Equivalence {
  double glu = 0;
  double convolution = 0;
};
Vit3Equivalence measure_equivalence(const Vit3Rule& rule,
                                    const Vit3LayerTrace& layer,
                                    const Tensor& w3,  // [d, 1, 3, 3], before training
                                    torch::Dtype dtype);

ProbeResult probe_classifier_equivalence(const ClassifierSubject& subject);

// Both forms' logits, and the gated net's outputs in three precisions.
ProbeResult probe_classifier_deviation(const ClassifierSubject& subject);

// As in rule_changes.h; `advance` is called after each pass over the images.
ProbeResult probe_classifier_steps(const ClassifierSubject& subject,
                                   const std::function<void()>& advance);
ProbeResult probe_classifier_ascent(const ClassifierSubject& subject,
                                    const std::function<void()>& advance);
ProbeResult probe_classifier_query(const ClassifierSubject& subject,
                                   const std::function<void()>& advance);

}  // namespace parallax::lab
