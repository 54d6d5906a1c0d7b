// Sets of vectors in the plane: principal components and t-SNE.
#pragma once

#include <vector>

#include "core/base/torch.h"

namespace parallax::lab {

// At most `count` rows, evenly spread.
Tensor thinned(const Tensor& rows, int64_t count);  // [N, D] → [≤ count, D]

// The rows in the plane of their first two principal directions; directions' signs are fixed.
Tensor principal_plane(const Tensor& rows);  // [N, D] → [N, 2] float64

// The gradient descent of t-SNE.
struct TsneOptions {
  double perplexity = 20;  // at most a third of the rows
  int steps = 400;
};

// t-distributed stochastic neighbour embedding (van der Maaten and Hinton, JMLR 9, 2008), exact,
// from the principal plane on, so that the same rows give the same plane.
Tensor tsne(const Tensor& rows, const TsneOptions& options);  // [N, D] → [N, 2] float64

}  // namespace parallax::lab
