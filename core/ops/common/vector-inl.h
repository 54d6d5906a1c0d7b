// SIMD vectors, for kernel sources that define how wide a register is (kRegisterBytes). Included
// inside a namespace of the instruction set.
#include "core/ops/common/math-inl.h"

// A vector of `bytes` bytes of T. The functions below take such a vector as V, or a scalar for the
// columns that are left over.
template <class T, std::size_t bytes>
struct VectorOf {
  typedef T Type __attribute__((vector_size(bytes)));
};

// A register of elements of type C.
template <class C>
using Register = typename VectorOf<C, kRegisterBytes>::Type;

// How many elements of type C a register holds.
template <class C>
inline constexpr std::int64_t kLanesOf = kRegisterBytes / sizeof(C);

// The elements from p on, in the type of arithmetic on them.
template <class V, class S>
inline V load_vector(const S* p) {
  V lanes;
  if constexpr (sizeof(V) == sizeof(Compute<S>)) {
    lanes = load(*p);
  } else if constexpr (sizeof(S) == sizeof(Compute<S>)) {
    __builtin_memcpy(&lanes, p, sizeof(V));
  } else {
    typename VectorOf<std::uint16_t, sizeof(V) / 2>::Type bits;
    __builtin_memcpy(&bits, p, sizeof(bits));
    using Words = typename VectorOf<std::uint32_t, sizeof(V)>::Type;
    lanes = __builtin_bit_cast(V, __builtin_convertvector(bits, Words) << 16);
  }
  return lanes;
}

// Stores a vector as elements from p on.
template <class V, class S>
inline void store_vector(const V& lanes, S* p) {
  if constexpr (sizeof(V) == sizeof(Compute<S>)) {
    store(lanes, *p);
  } else if constexpr (sizeof(S) == sizeof(Compute<S>)) {
    __builtin_memcpy(p, &lanes, sizeof(V));
  } else {  // rounds as store() does
    using Words = typename VectorOf<std::uint32_t, sizeof(V)>::Type;
    const Words bits = __builtin_bit_cast(Words, lanes);
    const Words rounded = (bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U;
    const Words quiet_nan = (bits >> 16U) | 0x40U;
    const Words kept = (bits & 0x7FFFFFFFU) > 0x7F800000U ? quiet_nan : rounded;
    using Halves = typename VectorOf<std::uint16_t, sizeof(V) / 2>::Type;
    const Halves halves = __builtin_convertvector(kept, Halves);
    __builtin_memcpy(p, &halves, sizeof(halves));
  }
}
