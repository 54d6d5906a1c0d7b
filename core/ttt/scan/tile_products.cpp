// A mask and a product for decays of rows, a loop over a tile's updates for those of channels.
#include "core/ttt/scan/tile_products.h"

#include "core/ops/matmul/batched_matmul.h"
#include "core/ttt/scan/linear_recurrence.h"

namespace parallax {
namespace {

// Per update → per token, along one dimension.
Tensor each_token(const Tensor& x, int64_t chunk, int64_t dimension) {
  return chunk == 1 ? x : x.repeat_interleave(chunk, dimension);
}

// The updates' values as those see them that do not see their own: shifted by one.
Tensor before_own(const Tensor& x, double first) {
  const Tensor start = torch::full_like(x.slice(2, 0, 1), first);
  return torch::cat({start, x.slice(2, 0, x.size(2) - 1)}, 2);
}

// What decays leave of the state before the tile where each token reads it.
Tensor left_of_state(const Tensor& since_start, int64_t chunk, OwnUpdate own) {
  return each_token(own == OwnUpdate::kUnseen ? before_own(since_start, 1) : since_start, chunk, 2);
}

// 1 where a query (rows) sees a key.
Tensor visible(int64_t updates, OwnUpdate own, const torch::TensorOptions& options) {
  return torch::ones({updates, updates}, options).tril(own == OwnUpdate::kSeen ? 0 : -1);
}

// Decays of rows: `between` is [batch, tiles, n (query), n (key)], or [n, n] without decays.
Tensor masked_scores(const Tensor& queries,
                     const Tensor& keys,
                     const Tensor& between,
                     int64_t chunk) {
  const Tensor mask = each_token(each_token(between, chunk, -2), chunk, -1);
  return batched_product(queries, keys.transpose(2, 3)) * mask.to(queries.scalar_type());
}

// Follows the keys through the updates and reads them after each.
void follow_channels(const Tensor& queries,
                     const Tensor& keys,
                     const Tensor& decays,
                     int64_t chunk,
                     OwnUpdate own,
                     TileProducts& products) {
  const int64_t updates = decays.size(2);
  std::vector<Tensor> rows;
  Tensor held = keys.slice(2, 0, 0);
  for (int64_t i = 0; i < updates; ++i) {
    const Tensor before = held;
    const Tensor decayed = held * decays.slice(2, i, i + 1);
    held = torch::cat({decayed, keys.slice(2, i * chunk, (i + 1) * chunk)}, 2);
    const Tensor& read =
        own == OwnUpdate::kUnseen ? before : (own == OwnUpdate::kDecay ? decayed : held);
    const Tensor row = queries.slice(2, i * chunk, (i + 1) * chunk).matmul(read.transpose(2, 3));
    rows.push_back(torch::constant_pad_nd(row, {0, updates * chunk - read.size(2)}));
  }
  products.scores = torch::cat(rows, 2);
  products.held_keys = held;
}

}  // namespace

TileProducts tile_products(const Tensor& queries,
                           const Tensor& keys,
                           const Tensor& decays,
                           int64_t chunk,
                           OwnUpdate own) {
  TileProducts products;
  const int64_t updates = keys.size(2) / chunk;
  if (!decays.defined()) {
    products.scores = masked_scores(queries, keys, visible(updates, own, queries.options()), chunk);
    products.held_keys = keys;
    return products;
  }
  const auto dtype = keys.scalar_type();
  const Tensor since_start = decays.cumprod(2);
  products.of_state = left_of_state(since_start, chunk, own).to(dtype);
  products.at_end = since_start.slice(2, updates - 1).transpose(2, 3);
  if (decays.size(3) > 1) {
    follow_channels(queries, keys, decays.to(dtype), chunk, own, products);
    return products;
  }
  Tensor between = decay_between(decays.squeeze(3));
  products.held_keys =
      keys * each_token(between.select(2, updates - 1), chunk, 2).unsqueeze(-1).to(dtype);
  if (own == OwnUpdate::kUnseen) {
    between = before_own(between, 0);
  } else if (own == OwnUpdate::kDecay) {
    between = between.tril(-1);
  }
  // A single update that its own tokens do not see leaves nothing to multiply.
  products.scores = updates == 1 && own != OwnUpdate::kSeen
                        ? torch::zeros({keys.size(0), keys.size(1), chunk, chunk}, keys.options())
                        : masked_scores(queries, keys, between, chunk);
  return products;
}

}  // namespace parallax
