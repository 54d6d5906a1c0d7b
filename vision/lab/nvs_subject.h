// A model on scenes that were made ready for it, and the quality of its views under other rules.
#pragma once

#include <vector>

#include "vision/eval/evaluate.h"

namespace parallax::lab {

// What the probes of a novel-view-synthesis model run on.
struct NvsSubject {
  const NvsModel* model = nullptr;
  std::vector<PreparedScene> scenes;  // with held-out views
};

// Every held-out view's quality, scene after scene, and the pictures of the first scene.
struct ViewQuality {
  std::vector<double> psnr;  // dB
  Tensor images;             // [V, 3, H, W]
};

// Reads and renders every scene with another rule; the weights stay.
ViewQuality quality_under(const NvsSubject& subject, const UpdateRule& rule);

// The model with mirrored weights (LactLayer::mirror()), a copy.
NvsModel mirrored(const NvsModel& model);

}  // namespace parallax::lab
