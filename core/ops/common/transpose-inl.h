// Squares of numbers in registers, transposed. To be included inside a namespace of the instruction
// set, after vector-inl.h.

// Registers s apart exchange what is not on their own side: where a lane's number has the bit s,
// the upper register's, else the lower's.
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

// Of as many registers as one has lanes, by halves of halves; of fewer: each group of so many
// lanes.
template <class V, int kRows>
inline void transpose_registers(V (&rows)[kRows]) {
  using Number = std::remove_reference_t<decltype(rows[0][0])>;
  exchange_halves<Number, kRows, kRows / 2>(rows,
                                            std::make_integer_sequence<int, kLanesOf<Number>>());
}

// A square of kLanesOf<T> numbers a side.
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
