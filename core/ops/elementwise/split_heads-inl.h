// Splitting a packed projection into heads and merging them again; included only by kernels-inl.h,
// whose row functions it uses.

// The offset of a token's head in a part.
inline std::int64_t part_offset(const PartLayout& part, std::int64_t token, std::int64_t head) {
  return token / part.tokens * part.batch_stride + head * part.head_stride +
         token % part.tokens * part.width;
}

// Rotates pairs (x0, x1) by their angles: cos x0 − sin x1, sin x0 + cos x1; with `direction` −1
// back.
template <class S, class C>
void rotate_row(const S* x, const C* rotations, S* y, std::int64_t width, C direction) {
#pragma omp simd
  for (std::int64_t j = 0; j < width / 2; ++j) {
    const C cosine = rotations[2 * j];
    const C sine = direction * rotations[2 * j + 1];
    const C x0 = load(x[2 * j]);
    const C x1 = load(x[2 * j + 1]);
    store(cosine * x0 - sine * x1, y[2 * j]);
    store(sine * x0 + cosine * x1, y[2 * j + 1]);
  }
}

template <class S>
const Compute<S>* rotations_of(const SplitHeads<S>& a, std::int64_t token, std::int64_t head) {
  const PartLayout& part = a.layout;
  return a.rotations + (token % part.tokens * part.heads + head) * part.width;
}

template <class S>
void split_heads(const SplitHeads<S>& a, std::int64_t begin, std::int64_t end) {
  using C = Compute<S>;
  const std::int64_t width = a.layout.width;
  for (std::int64_t token = begin; token < end; ++token) {
    const S* x = a.packed + token * a.packed_stride;
    for (int part = 0; part < a.parts; ++part) {
      for (std::int64_t head = 0; head < a.layout.heads; ++head, x += width) {
        S* y = a.part[part] + part_offset(a.layout, token, head);
        switch (a.mode[part]) {
          case HeadMode::kCopy:
            for (std::int64_t j = 0; j < width; ++j) {
              y[j] = x[j];
            }
            break;
          case HeadMode::kSilu:
            silu_row<S, C>(x, y, width);
            break;
          case HeadMode::kSiluUnit:
            silu_unit_row<S, C>(x, y, width, a.eps);
            break;
          case HeadMode::kRmsNorm:
            rms_row<S, C>(x, a.weight[part], y, width, a.eps);
            break;
          case HeadMode::kRotate:
            rotate_row<S, C>(x, rotations_of(a, token, head), y, width, 1);
            break;
        }
      }
    }
  }
}

template <class S>
void split_head_row_backward(const SplitHeads<S>& a,
                             int part,
                             std::int64_t token,
                             std::int64_t head,
                             const S* x,
                             S* dx,
                             Compute<S>* scratch,
                             Compute<S>* weight_gradient) {
  using C = Compute<S>;
  const std::int64_t width = a.layout.width;
  const S* dy = a.part_gradient[part] + part_offset(a.layout, token, head);
  switch (a.mode[part]) {
    case HeadMode::kCopy:
      for (std::int64_t j = 0; j < width; ++j) {
        dx[j] = dy[j];
      }
      break;
    case HeadMode::kSilu:
#pragma omp simd
      for (std::int64_t j = 0; j < width; ++j) {
        const C input = load(x[j]);
        store(static_cast<C>(load(dy[j])) * silu_slope(input, sigmoid(input)), dx[j]);
      }
      break;
    case HeadMode::kSiluUnit:
      silu_unit_row_backward<S, C>(x, dy, dx, width, a.eps, scratch);
      break;
    case HeadMode::kRmsNorm:
      rms_row_backward<S, C>(
          x, a.weight[part], dy, dx, width, a.eps, weight_gradient + part * width);
      break;
    case HeadMode::kRotate:
      rotate_row<S, C>(dy, rotations_of(a, token, head), dx, width, -1);
      break;
  }
}

template <class S>
void split_heads_backward(const SplitHeads<S>& a,
                          std::int64_t begin,
                          std::int64_t end,
                          Compute<S>* scratch,
                          Compute<S>* weight_gradient) {
  const std::int64_t width = a.layout.width;
  for (std::int64_t token = begin; token < end; ++token) {
    const S* x = a.packed + token * a.packed_stride;
    S* dx = a.packed_gradient + token * a.parts * a.layout.heads * width;
    for (int part = 0; part < a.parts; ++part) {
      for (std::int64_t head = 0; head < a.layout.heads; ++head, x += width, dx += width) {
        if (a.part_gradient[part] == nullptr) {
          for (std::int64_t j = 0; j < width; ++j) {
            dx[j] = S{};
          }
          continue;
        }
        split_head_row_backward(a, part, token, head, x, dx, scratch, weight_gradient);
      }
    }
  }
}

template <class S>
void merge_heads(const MergeHeads<S>& a, std::int64_t begin, std::int64_t end) {
  for (std::int64_t token = begin; token < end; ++token) {
    S* y = a.merged + token * a.layout.heads * a.layout.width;
    for (std::int64_t head = 0; head < a.layout.heads; ++head, y += a.layout.width) {
      const S* x = a.parted + part_offset(a.layout, token, head);
      rms_row<S, Compute<S>>(x, a.weight, y, a.layout.width, a.eps);
    }
  }
}

template <class S>
void merge_heads_backward(const MergeHeads<S>& a,
                          std::int64_t begin,
                          std::int64_t end,
                          Compute<S>* weight_gradient) {
  for (std::int64_t token = begin; token < end; ++token) {
    const S* dy = a.merged_gradient + token * a.layout.heads * a.layout.width;
    for (std::int64_t head = 0; head < a.layout.heads; ++head, dy += a.layout.width) {
      const std::int64_t offset = part_offset(a.layout, token, head);
      rms_row_backward<S, Compute<S>>(a.parted + offset,
                                      a.weight,
                                      dy,
                                      a.parted_gradient + offset,
                                      a.layout.width,
                                      a.eps,
                                      weight_gradient);
    }
  }
}
