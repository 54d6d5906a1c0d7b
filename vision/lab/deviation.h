// How far the parallel form is from the recurrent one, over lengths, chunks, momenta, steps and
// precisions.
#pragma once

#include <functional>
#include <vector>

#include "vision/lab/lab_result.h"
#include "vision/lab/layer_tokens.h"

namespace parallax::lab {

// One comparison: the tokens of a layer, in chunks that each update and are then applied to.
struct DeviationCase {
  int64_t tokens = 4096;
  int64_t chunk = 64;
  double momentum = 0;  // of every chunk
  int inner_steps = 1;
};

// The differences of one case in one precision.
struct Deviation {
  Agreement forms;             // the parallel form from the recurrent one
  double recurrent_error = 0;  // of the recurrent form, relative to the same in float64
  double parallel_error = 0;   // of the parallel form, likewise
  bool diverges = false;       // the inner loop itself does, so that there is nothing to compare
};

// One head of a layer; longer sequences than it has tokens repeat them. Tokens are of the given
// dtype, weights and rates of at least float32. Throws UsageError where there is no parallel form.
Deviation measure_deviation(const LayerTokens& layer, const DeviationCase& c, torch::Dtype dtype);

// A layer of the given sizes with random weights, unit keys and queries, and rates around 0.01.
LayerTokens random_tokens(const UpdateRule& rule,
                          int64_t width,
                          int64_t hidden,
                          int64_t tokens,
                          uint64_t seed);

// All comparisons of the probe.
struct DeviationGrid {
  std::vector<DeviationCase> lengths, chunks, momenta, steps;
  std::vector<int64_t> published_chunks;  // numbers of chunks
  int64_t published_chunk = 16;           // their tokens
};
DeviationGrid deviation_grid(int64_t longest);

// Approximate matrix operations of the whole grid, and the most bytes that it needs at once.
double deviation_flops(const LayerTokens& layer, const DeviationGrid& grid);
int64_t deviation_bytes(const LayerTokens& layer, const DeviationGrid& grid);

// Runs the grid on the layer's tokens and on random ones of its sizes. `advance` is called after
// each comparison, deviation_comparisons() times.
ProbeResult probe_deviation(const LayerTokens& layer,
                            const std::string& rule_name,
                            const DeviationGrid& grid,
                            const std::function<void()>& advance);
int64_t deviation_comparisons(const DeviationGrid& grid);

}  // namespace parallax::lab
