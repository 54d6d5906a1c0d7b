// Grows a LaCT-NVS model to finer patches, so that nothing learnt with coarse ones is thrown away.
#pragma once

#include "core/io/checkpoint.h"

namespace parallax {

// Rewrites the weights of a model with patches of `from` × `from` pixels for one with patches of
// `to` × `to`: the new model makes of an image what the old one makes of the image enlarged by
// from / to, each pixel repeated, averaged back. Training adapts it from there. Throws UsageError
// unless `from` is a multiple of `to`.
void refine_patches(TensorMap& weights, int from, int to);

}  // namespace parallax
