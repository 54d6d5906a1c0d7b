// Bodies of the CUDA kernels for heads' rows: a packed projection split into heads, with what is
// done to their rows, and heads merged again; and both backward.
#pragma once

#include "core/ops/cuda/kernels.h"

namespace parallax::cuda {

using kernels::HeadMode;
using kernels::kMaxParts;
using kernels::MergeHeads;
using kernels::PartLayout;
using kernels::SplitHeads;

// One row of one head. Arguments of the elementwise kernels, for `rows` of them.
template <class Arguments>
struct HeadRows {
  Arguments k;
  std::int64_t rows = 0;    // heads' rows of all parts
  int lanes = 1;            // neighbouring threads that share a row: a power of two, at most 32
  std::int64_t blocks = 1;  // of the grid
  // Backward: each block's share of the weights' gradients, [blocks, parts, width]; null: not
  // wanted.
  float* weight_partials = nullptr;
};

// What a row is made of and from.
template <class S>
struct HeadRow {
  HeadMode mode = HeadMode::kCopy;
  int part = 0;
  const S* x = nullptr;
  S* y = nullptr;
  const float* weight = nullptr;
  const float* rotations = nullptr;
  const S* y_gradient = nullptr;  // null where there is none
  S* x_gradient = nullptr;
};

// `token`: its batch element, and its place there.
PARALLAX_DEVICE inline std::int64_t part_offset(const PartLayout& part,
                                                const Division& token,
                                                std::int64_t head) {
  return token.quotient * part.batch_stride + head * part.head_stride +
         token.remainder * part.width;
}

template <class S>
PARALLAX_DEVICE HeadRow<S> row_at(const SplitHeads<S>& k, std::int64_t index) {
  const PartLayout& layout = k.layout;
  const std::int64_t in_token = k.parts * layout.heads;
  const Division tokens = divide(index, in_token);
  const std::int64_t token = tokens.quotient;
  const std::int64_t slot = tokens.remainder;
  const Division heads = divide(slot, layout.heads);
  const int part = static_cast<int>(heads.quotient);
  const std::int64_t head = heads.remainder;
  const Division place = divide(token, layout.tokens);
  const std::int64_t offset = part_offset(layout, place, head);
  HeadRow<S> row{.mode = k.mode[part],
                 .part = part,
                 .x = k.packed + token * k.packed_stride + slot * layout.width,
                 .weight = k.weight[part]};
  if (k.rotations != nullptr) {
    row.rotations = k.rotations + (place.remainder * layout.heads + head) * layout.width;
  }
  if (k.part[part] != nullptr) {
    row.y = k.part[part] + offset;
  }
  if (k.part_gradient[part] != nullptr) {
    row.y_gradient = k.part_gradient[part] + offset;
  }
  if (k.packed_gradient != nullptr) {
    row.x_gradient = k.packed_gradient + (token * in_token + slot) * layout.width;
  }
  return row;
}

template <class S>
PARALLAX_DEVICE HeadRow<S> row_at(const MergeHeads<S>& k, std::int64_t index) {
  const PartLayout& layout = k.layout;
  const Division heads = divide(index, layout.heads);
  const std::int64_t offset =
      part_offset(layout, divide(heads.quotient, layout.tokens), heads.remainder);
  HeadRow<S> row{.mode = HeadMode::kRmsNorm, .x = k.parted + offset, .weight = k.weight};
  if (k.merged != nullptr) {
    row.y = k.merged + index * layout.width;
  }
  if (k.merged_gradient != nullptr) {
    row.y_gradient = k.merged_gradient + index * layout.width;
    row.x_gradient = k.parted_gradient + offset;
  }
  return row;
}

template <class S>
PARALLAX_DEVICE int parts_of(const SplitHeads<S>& k) {
  return k.parts;
}
template <class S>
PARALLAX_DEVICE int parts_of(const MergeHeads<S>& /*k*/) {
  return 1;
}

// Sums of each thread, and of weights' gradients a vector for each part.
template <class Arguments>
Grid head_grid(const HeadRows<Arguments>& rows, int vector, bool backward) {
  const std::int64_t sums =
      backward ? 2 + (rows.weight_partials == nullptr ? 0 : kMaxParts * vector) : 1;
  return {rows.blocks, kThreads, static_cast<std::size_t>(sums * kThreads) * sizeof(float)};
}

// Rotates pairs by their angles, with `direction` −1 back.
template <int vector, class S>
PARALLAX_DEVICE void rotate_pairs(const Vector<S, vector>& x,
                                  const float* rotations,
                                  float direction,
                                  Vector<S, vector>& y) {
  for (int i = 0; i + 1 < vector; i += 2) {
    const float cosine = rotations[i];
    const float sine = direction * rotations[i + 1];
    const float x0 = load(x.elements[i]);
    const float x1 = load(x.elements[i + 1]);
    store(cosine * x0 - sine * x1, y.elements[i]);
    store(sine * x0 + cosine * x1, y.elements[i + 1]);
  }
}

// Computes the block's rows.
template <int vector, class Block, class Arguments>
PARALLAX_DEVICE void head_rows(Block& block, const HeadRows<Arguments>& rows) {
  const auto& k = rows.k;
  const std::int64_t width = k.layout.width;
  const int lanes = rows.lanes;
  const std::int64_t at_once = block.threads() / lanes;
  float* const sums = block.template shared<float>(block.threads());
  for (std::int64_t first = block.index() * at_once; first < rows.rows;
       first += rows.blocks * at_once) {
    block.each([&](int thread) {
      float sum = 0;
      if (first + thread / lanes < rows.rows) {
        const auto row = row_at(k, first + thread / lanes);
        if (row.mode == HeadMode::kSiluUnit || row.mode == HeadMode::kRmsNorm) {
          for_columns<vector>(width, thread % lanes, lanes, [&](std::int64_t column) {
            const auto x = load_vector<vector>(row.x + column);
            for (int i = 0; i < vector; ++i) {
              const float value = load(x.elements[i]);
              const float counted = row.mode == HeadMode::kRmsNorm ? value : silu(value);
              sum += counted * counted;
            }
          });
        }
      }
      sums[thread] = sum;
    });
    block.each([&](int thread) {
      if (first + thread / lanes >= rows.rows) {
        return;
      }
      const auto row = row_at(k, first + thread / lanes);
      const float total = sum_of_lanes(sums, thread, lanes);
      const float unit = 1 / (square_root(total) + k.eps);
      const float root = 1 / square_root(total / static_cast<float>(width) + k.eps);
      for_columns<vector>(width, thread % lanes, lanes, [&](std::int64_t column) {
        const auto x = load_vector<vector>(row.x + column);
        auto y = x;
        for (int i = 0; i < vector; ++i) {
          const float value = load(x.elements[i]);
          if (row.mode == HeadMode::kSilu) {
            store(silu(value), y.elements[i]);
          } else if (row.mode == HeadMode::kSiluUnit) {
            store(silu(value) * unit, y.elements[i]);
          } else if (row.mode == HeadMode::kRmsNorm) {
            store(value * root * row.weight[column + i], y.elements[i]);
          }
        }
        if (row.mode == HeadMode::kRotate) {
          rotate_pairs<vector>(x, row.rotations + column, 1, y);
        }
        store_vector(y, row.y + column);
      });
    });
  }
}

// A row's sums and the gradients that follow from them.
struct RowSums {
  float squares = 0;  // of silu(x), or of x
  float dot = 0;      // of those with the gradient, times the weight where there is one
};

// The gradient of one element x, given that of y, by the row's mode.
template <class S>
PARALLAX_DEVICE float element_gradient(const HeadRow<S>& row,
                                       const RowSums& sums,
                                       float x,
                                       float y_gradient,
                                       float weight,
                                       std::int64_t width,
                                       float eps) {
  const float sigma = sigmoid(x);
  if (row.mode == HeadMode::kSilu) {
    return y_gradient * silu_slope(x, sigma);
  }
  if (row.mode == HeadMode::kSiluUnit) {  // as silu_unit_row_backward of core/ops/elementwise
    const float norm = square_root(sums.squares);
    const float scale = 1 / (norm + eps);
    const float along = norm > 0 ? sums.dot * scale * scale / norm : 0;
    return (y_gradient * scale - x * sigma * along) * silu_slope(x, sigma);
  }
  if (row.mode == HeadMode::kRmsNorm) {  // as rms_row_backward
    const auto count = static_cast<float>(width);
    const float scale = 1 / square_root(sums.squares / count + eps);
    const float along = scale * scale * scale * sums.dot / count;
    return scale * y_gradient * weight - x * along;
  }
  return y_gradient;
}

// A lane's share of a row's sums.
template <int vector, class S>
PARALLAX_DEVICE RowSums
sums_of_lane(const HeadRow<S>& row, std::int64_t width, int lane, int lanes) {
  RowSums sums;
  const bool is_rms = row.mode == HeadMode::kRmsNorm;
  if (row.y_gradient == nullptr || (!is_rms && row.mode != HeadMode::kSiluUnit)) {
    return sums;
  }
  for_columns<vector>(width, lane, lanes, [&](std::int64_t column) {
    const auto x = load_vector<vector>(row.x + column);
    const auto g = load_vector<vector>(row.y_gradient + column);
    for (int i = 0; i < vector; ++i) {
      const float value = load(x.elements[i]);
      const float gradient = load(g.elements[i]);
      const float counted = is_rms ? value : silu(value);
      sums.squares += counted * counted;
      sums.dot += counted * gradient * (is_rms ? row.weight[column + i] : 1.0F);
    }
  });
  return sums;
}

// Writes the gradients of one vector of a row; adds to those of the weights [vector], unless null.
template <int vector, class S>
PARALLAX_DEVICE void vector_gradient(const HeadRow<S>& row,
                                     const RowSums& sums,
                                     std::int64_t column,
                                     std::int64_t width,
                                     float eps,
                                     float* of_weights) {
  const auto x = load_vector<vector>(row.x + column);
  auto dx = x;
  if (row.y_gradient == nullptr) {
    for (int i = 0; i < vector; ++i) {
      store(0.0F, dx.elements[i]);
    }
    store_vector(dx, row.x_gradient + column);
    return;
  }
  const auto g = load_vector<vector>(row.y_gradient + column);
  const float root = 1 / square_root(sums.squares / static_cast<float>(width) + eps);
  for (int i = 0; i < vector; ++i) {
    const float weight = row.weight == nullptr ? 1.0F : row.weight[column + i];
    const float value = load(x.elements[i]);
    const float gradient = load(g.elements[i]);
    store(element_gradient(row, sums, value, gradient, weight, width, eps), dx.elements[i]);
    if (of_weights != nullptr && row.mode == HeadMode::kRmsNorm) {
      of_weights[i] += gradient * value * root;
    }
  }
  if (row.mode == HeadMode::kRotate) {
    rotate_pairs<vector>(g, row.rotations + column, -1, dx);
  }
  store_vector(dx, row.x_gradient + column);
}

// Adds up the threads' shares of the weights' gradients [threads, kMaxParts, vector]: of the
// threads with one lane, the first does.
template <int vector, class Block, class Arguments>
PARALLAX_DEVICE void add_up_weights(Block& block,
                                    const HeadRows<Arguments>& rows,
                                    const float* of_weights) {
  const std::int64_t width = rows.k.layout.width;
  const int parts = parts_of(rows.k);
  block.each([&](int thread) {
    if (thread >= rows.lanes || thread * vector >= width) {
      return;
    }
    for (int part = 0; part < parts; ++part) {
      for (int i = 0; i < vector; ++i) {
        float sum = 0;
        for (int other = thread; other < block.threads(); other += rows.lanes) {
          sum += of_weights[(other * kMaxParts + part) * vector + i];
        }
        rows.weight_partials[(block.index() * parts + part) * width + thread * vector + i] = sum;
      }
    }
  });
}

// Computes the gradients of the block's rows, and its share of the weights'. Where those are
// wanted, a lane has one vector of the row.
template <int vector, class Block, class Arguments>
PARALLAX_DEVICE void head_rows_backward(Block& block, const HeadRows<Arguments>& rows) {
  constexpr int kOfThread = kMaxParts * vector;
  const auto& k = rows.k;
  const std::int64_t width = k.layout.width;
  const int lanes = rows.lanes;
  const bool weighs = rows.weight_partials != nullptr;
  const std::int64_t at_once = block.threads() / lanes;
  float* const squares = block.template shared<float>(block.threads());
  float* const dots = block.template shared<float>(block.threads());
  float* const of_weights =
      weighs ? block.template shared<float>(block.threads() * kOfThread) : nullptr;
  if (weighs) {
    block.each([&](int thread) {
      for (int i = 0; i < kOfThread; ++i) {
        of_weights[thread * kOfThread + i] = 0;
      }
    });
  }
  for (std::int64_t first = block.index() * at_once; first < rows.rows;
       first += rows.blocks * at_once) {
    block.each([&](int thread) {
      RowSums sums;
      if (first + thread / lanes < rows.rows) {
        sums =
            sums_of_lane<vector>(row_at(k, first + thread / lanes), width, thread % lanes, lanes);
      }
      squares[thread] = sums.squares;
      dots[thread] = sums.dot;
    });
    block.each([&](int thread) {
      if (first + thread / lanes >= rows.rows) {
        return;
      }
      const auto row = row_at(k, first + thread / lanes);
      const RowSums sums{sum_of_lanes(squares, thread, lanes), sum_of_lanes(dots, thread, lanes)};
      float* const of_part = weighs ? of_weights + thread * kOfThread + row.part * vector : nullptr;
      for_columns<vector>(width, thread % lanes, lanes, [&](std::int64_t column) {
        vector_gradient<vector>(row, sums, column, width, k.eps, of_part);
      });
    });
  }
  if (weighs) {
    add_up_weights<vector>(block, rows, of_weights);
  }
}

}  // namespace parallax::cuda
