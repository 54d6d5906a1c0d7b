// Sums and averages over the pixels that become one.
#include "vision/models/lact_nvs/finer_patches.h"

#include <fmt/format.h>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr const char* kInput = "input_linear.weight";            // [dim, patch² · channels]
constexpr const char* kOutput = "image_token_decoder.1.weight";  // [patch² · 3, dim]

}  // namespace

void refine_patches(TensorMap& weights, int from, int to) {
  if (to < 1 || from % to != 0) {
    throw UsageError(ErrorParts{.what = "the initial model's patches cannot be cut so",
                                .where = "--patch-size",
                                .expected = fmt::format("a divisor of {}", from),
                                .got = fmt::format("{}", to)});
  }
  const int64_t side = from / to;
  const auto input = weights.find(kInput);
  if (input != weights.end()) {
    const int64_t dim = input->second.size(0);
    input->second =
        input->second.reshape({dim, to, side, to, side, -1}).sum({2, 4}).reshape({dim, -1});
  }
  const auto output = weights.find(kOutput);
  if (output != weights.end()) {
    const int64_t dim = output->second.size(1);
    output->second =
        output->second.reshape({to, side, to, side, -1, dim}).mean({1, 3}).reshape({-1, dim});
  }
}

}  // namespace parallax
