// The backward pass of the gated linear unit's kernels; included only by kernels-inl.h, whose
// functions it uses.

// Turns `gradient`, that of the trained weights, into that of the raw step times sign · scale,
// ready for the products with the keys: with u = g s and s = 1 / (n + 1), dg = s du − g ⟨du, g⟩ s²
// / n.
template <class S, class C>
void step_gradient(const GluNet<S>& net, const C* g, C* gradient, C* line) {
  const std::int64_t width = net.width;
  C* scales = line;
  C* norms = line + width;
  C* along = line + 2 * width;
  column_scales(net.normalised, g, width, scales, norms);
  fill(along, width, C{0});
  if (net.normalised) {
    for (std::int64_t i = 0; i < width; ++i) {
#pragma omp simd
      for (std::int64_t j = 0; j < width; ++j) {
        along[j] += gradient[i * width + j] * g[i * width + j];
      }
    }
    for (std::int64_t j = 0; j < width; ++j) {
      along[j] = norms[j] > 0 ? along[j] * scales[j] * scales[j] / norms[j] : C{0};
    }
  }
  const C factor = net.sign * net.scale;
  for (std::int64_t i = 0; i < width; ++i) {
#pragma omp simd
    for (std::int64_t j = 0; j < width; ++j) {
      const std::int64_t at = i * width + j;
      gradient[at] = factor * (scales[j] * gradient[at] - along[j] * g[at]);
    }
  }
}

// Writes the gradients of the queries and adds those of the trained weights to w1_gradient and
// w2_gradient.
template <class S, class C>
void glu_apply_backward(const GluTask<S>& task,
                        Buffers<C> buffers,
                        C* w1_gradient,
                        C* w2_gradient) {
  const GluNet<S>& net = task.net;
  const std::int64_t width = task.width;
  const std::int64_t block = kBlockTokens * width;
  C* q_copy = buffers.take(block);
  C* linear = buffers.take(block);
  C* gate = buffers.take(block);
  C* dq = buffers.take(block);
  C* w1 = buffers.take(task.square);
  C* w2 = buffers.take(task.square);
  C* w1_turned = buffers.take(task.square);
  C* w2_turned = buffers.take(task.square);
  C* line = buffers.take(2 * width);
  trained_weights(net, task.w1, task.g1, w1, line);
  trained_weights(net, task.w2, task.g2, w2, line);
  transpose(w1, w1_turned, width);
  transpose(w2, w2_turned, width);
  for_blocks(net.tokens, 0, [&](std::int64_t t, std::int64_t rows) {
    const std::int64_t offset = task.tokens_offset + t * width;
    const C* q = as_elements(net.q + offset, q_copy, rows * width);
    if (net.gated) {
      multiply_rows(q, w1, rows, width, linear, false);
      multiply_rows(q, w2, rows, width, gate, false);
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      const S* gradient = net.out_gradient + task.out_offset(t + i);
      C* x = linear + i * width;
      C* y = gate + i * width;
      if (!net.gated) {
        for (std::int64_t j = 0; j < width; ++j) {
          x[j] = load(gradient[j]);
        }
        continue;
      }
#pragma omp simd
      for (std::int64_t j = 0; j < width; ++j) {
        const C of_out = load(gradient[j]);
        const C sigma = sigmoid(y[j]);
        const C activated = y[j] * sigma;
        y[j] = of_out * x[j] * silu_slope(y[j], sigma);
        x[j] = of_out * activated;
      }
    }
    add_outer(q, linear, rows, width, w1_gradient);
    multiply_rows(linear, w1_turned, rows, width, dq, false);
    if (net.gated) {
      add_outer(q, gate, rows, width, w2_gradient);
      multiply_rows(gate, w2_turned, rows, width, dq, true);
    }
    for (std::int64_t i = 0; i < rows * width; ++i) {
      store(dq[i], net.q_gradient[offset + i]);
    }
  });
}

// Gradients of a, m and v from those of dm and da, in place: a and m become their own gradients,
// dm_gradient becomes that of v.
template <class C>
void glu_factors_backward(bool gated,
                          bool trains_gate,
                          const C* v,
                          C* a,
                          C* m,
                          C* dm_gradient,
                          const C* da_gradient,
                          std::int64_t count) {
  if (!gated) {
#pragma omp simd
    for (std::int64_t i = 0; i < count; ++i) {
      const C gradient = dm_gradient[i];
      dm_gradient[i] = gradient * m[i];
      m[i] = gradient * v[i];
    }
    return;
  }
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) {
    const C gate = a[i];
    const C sigma = sigmoid(gate);
    const C slope = silu_slope(gate, sigma);
    const C curvature = silu_curvature(gate, sigma);
    const C of_dm = dm_gradient[i];
    const C of_da = trains_gate ? da_gradient[i] : C{0};
    const C value = trains_gate ? m[i] : C{0};
    dm_gradient[i] = of_dm * gate * sigma + of_da * value * slope;
    a[i] = v[i] * (of_dm * slope + of_da * value * curvature);
    m[i] = of_da * v[i] * slope;
  }
}

// Gradients of keys, values and initial weights from those of the steps, g1_gradient and
// g2_gradient.
template <class S, class C>
void glu_train_backward(const GluTask<S>& task,
                        Buffers<C> buffers,
                        const C* g1_gradient,
                        const C* g2_gradient,
                        C* w1_gradient,
                        C* w2_gradient) {
  const GluNet<S>& net = task.net;
  const std::int64_t width = task.width;
  TrainedBlock<S> block(task, buffers);
  C* dm_gradient = buffers.take(kBlockTokens * width);
  C* da_gradient = buffers.take(kBlockTokens * width);
  C* dk = buffers.take(kBlockTokens * width);
  C* turned[4];
  const C* squares[] = {g1_gradient, g2_gradient, task.w1, task.w2};
  for (int i = 0; i < 4; ++i) {
    turned[i] = buffers.take(task.square);
    transpose(squares[i], turned[i], width);
  }
  for_blocks(net.tokens, 0, [&](std::int64_t t, std::int64_t rows) {
    const std::int64_t offset = task.tokens_offset + t * width;
    const std::int64_t count = rows * width;
    block.read(t, rows);
    multiply_rows(block.dm, turned[0], rows, width, dk, false);
    multiply_rows(block.k, g1_gradient, rows, width, dm_gradient, false);
    if (net.trains_gate) {
      multiply_rows(block.da, turned[1], rows, width, dk, true);
      multiply_rows(block.k, g2_gradient, rows, width, da_gradient, false);
    }
    glu_factors_backward(
        net.gated, net.trains_gate, block.v, block.a, block.m, dm_gradient, da_gradient, count);
    if (task.uses_linear) {
      add_outer(block.k, block.m, rows, width, w1_gradient);
      multiply_rows(block.m, turned[2], rows, width, dk, true);
    }
    if (net.gated) {
      add_outer(block.k, block.a, rows, width, w2_gradient);
      multiply_rows(block.a, turned[3], rows, width, dk, true);
    }
    for (std::int64_t i = 0; i < count; ++i) {
      store(dk[i], net.k_gradient[offset + i]);
      store(dm_gradient[i], net.v_gradient[offset + i]);
    }
  });
}

template <class S>
void glu_backward(const GluNet<S>& net, std::int64_t begin, std::int64_t end, Compute<S>* scratch) {
  using C = Compute<S>;
  for (std::int64_t pair = begin; pair < end; ++pair) {
    const GluTask<S> task{net, pair};
    Buffers<C> buffers{scratch};
    C* line = buffers.take(3 * net.width);
    C* g1_gradient = buffers.take(task.square);
    C* g2_gradient = buffers.take(task.square);
    C* w1_gradient = net.w1_gradient + pair * task.square;
    C* w2_gradient = net.w2_gradient + pair * task.square;
    fill(w1_gradient, task.square, C{0});
    fill(w2_gradient, task.square, C{0});
    glu_apply_backward(task, buffers, w1_gradient, w2_gradient);
    for (std::int64_t i = 0; i < task.square; ++i) {
      g1_gradient[i] = w1_gradient[i];
      g2_gradient[i] = w2_gradient[i];
    }
    step_gradient(net, task.g1, g1_gradient, line);
    step_gradient(net, task.g2, g2_gradient, line);
    glu_train_backward(task, buffers, g1_gradient, g2_gradient, w1_gradient, w2_gradient);
  }
}
