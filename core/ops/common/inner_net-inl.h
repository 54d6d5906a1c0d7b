// The inner net and its own backward pass for single elements; C is the type of the arithmetic.
// Included inside a namespace of the instruction set, after core/ops/common/math-inl.h.

// A row's rate; 1 where there are no rates.
template <class C>
PARALLAX_DEVICE inline C rate_of(const C* rates, std::int64_t row) {
  return rates != nullptr ? rates[row] : 1;
}

// The gradients of swiglu's three inputs for one element.
template <class C>
struct SwiGluGradient {
  C a, m, rate;
};

// The gradients of h = rate · silu(a) m, given that of h.
template <class C>
PARALLAX_DEVICE inline SwiGluGradient<C> swiglu_gradient(C a, C m, C h_gradient, C rate) {
  const C sigma = sigmoid(a);
  const C activated = a * sigma;
  return {h_gradient * rate * m * silu_slope(a, sigma),
          h_gradient * rate * activated,
          h_gradient * activated * m};
}

// One element of the factors of the inner net's gradients, before they are multiplied by their
// rates.
template <class C>
struct InnerFactorsOf {
  C h, da, dm;
};

template <class C>
PARALLAX_DEVICE inline InnerFactorsOf<C> inner_factors(C a, C m, C dh) {
  const C sigma = sigmoid(a);
  const C activated = a * sigma;
  return {activated * m, dh * m * silu_slope(a, sigma), dh * activated};
}

// The learning rates of W0, W1 and W2 for one token.
template <class C>
struct InnerRates {
  C lr0, lr1, lr2;
};

// The rates of one row.
template <class S>
PARALLAX_DEVICE inline InnerRates<Compute<S>> rates_of(const InnerGradients<S>& k,
                                                       std::int64_t row) {
  return {rate_of(k.lr0, row), rate_of(k.lr1, row), rate_of(k.lr2, row)};
}

// The gradients of inner_factors()' inputs and of the rates for one element.
template <class C>
struct InnerFactorsGradient {
  C a, m, dh, lr0, lr1, lr2;
};

// With s = silu(a), the gradients of L = ⟨of_h, lr1 s m⟩ + ⟨of_a, lr0 dh m s'⟩ + ⟨of_m, lr2 dh s⟩.
template <class C>
PARALLAX_DEVICE inline InnerFactorsGradient<C>
inner_factors_gradient(C a, C m, C dh, C of_h, C of_a, C of_m, const InnerRates<C>& rates) {
  const C sigma = sigmoid(a);
  const C activated = a * sigma;
  const C slope = silu_slope(a, sigma);
  const C curvature = silu_curvature(a, sigma);
  const auto [lr0, lr1, lr2] = rates;
  return {lr1 * of_h * m * slope + lr0 * of_a * dh * m * curvature + lr2 * of_m * dh * slope,
          lr1 * of_h * activated + lr0 * of_a * dh * slope,
          lr0 * of_a * m * slope + lr2 * of_m * activated,
          of_a * dh * m * slope,
          of_h * activated * m,
          of_m * dh * activated};
}
