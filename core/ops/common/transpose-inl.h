// Transposes square blocks of elements in registers. Included inside a namespace of the instruction
// set, after vector-inl.h.

// Registers i and i + s, where i lacks bit s, exchange half their lanes: those of register i that
// have bit s in their index for those of register i + s that lack it. Then the same with s / 2.
template <class T, int kRows, int s, int... lanes>
inline void exchange_halves(Register<T>* rows, std::integer_sequence<int, lanes...>) {
  constexpr int kLanes = sizeof...(lanes);
  using Index = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  using Mask = typename VectorOf<Index, kRegisterBytes>::Type;
  const Mask low = {((lanes & s) != 0 ? kLanes + lanes - s : lanes)...};
  const Mask high = {((lanes & s) != 0 ? kLanes + lanes : lanes + s)...};
  const auto exchange = [&](int i) {
    if (i < kRows && (i & s) == 0) {
      const Register<T> upper = rows[i];
      rows[i] = __builtin_shuffle(upper, rows[i + s], low);
      rows[i + s] = __builtin_shuffle(upper, rows[i + s], high);
    }
  };
  (exchange(lanes), ...);
  if constexpr (s > 1) {
    exchange_halves<T, kRows, s / 2>(rows, std::integer_sequence<int, lanes...>());
  }
}

// Transposes kRows registers by recursive halving: the whole square if there are as many registers
// as lanes; if fewer, each group of kRows lanes by itself.
template <class V, int kRows>
inline void transpose_registers(V (&rows)[kRows]) {
  using Number = std::remove_reference_t<decltype(rows[0][0])>;
  exchange_halves<Number, kRows, kRows / 2>(rows,
                                            std::make_integer_sequence<int, kLanesOf<Number>>());
}

// Transposes a square of kLanesOf<T> × kLanesOf<T> elements.
template <class T>
inline void transpose_square(const T* from,
                             std::int64_t from_stride,
                             T* to,
                             std::int64_t to_stride) {
  constexpr int kLanes = kLanesOf<T>;
  Register<T> rows[kLanes];
  for (int i = 0; i < kLanes; ++i) {
    rows[i] = load_vector<Register<T>>(from + i * from_stride);
  }
  transpose_registers(rows);
  for (int i = 0; i < kLanes; ++i) {
    store_vector(rows[i], to + i * to_stride);
  }
}
