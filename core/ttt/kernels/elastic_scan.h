// The elastic pull on tokens' products: a head's state goes through all steps in registers and the
// nearest cache; compiled once per instruction set (see core/ops/elementwise/kernels.h).
#pragma once

#include "core/ops/common/kernel_types.h"

namespace parallax::kernels {

// Arguments of the elastic scan over one head's tokens, in chunks: each updating chunk is a step on
// the sum of its keys' products with its values, and its queries read the weights before or after
// it. Rows are dense.
template <class T>
struct ElasticScan {
  std::int64_t inner = 0;     // Dh
  std::int64_t width = 0;     // D
  std::int64_t chunk = 0;     // tokens; the last chunk may have fewer
  std::int64_t updating = 0;  // tokens from the first that update
  std::int64_t applied = 0;   // tokens from the first that are applied to, at least as many
  bool reads_own_step = false;
  bool squares = false;        // the importance of a step: its square, else its magnitude
  T strength = 0;              // λ
  T importance_decay = 0;      // α
  T anchor_decay = 0;          // β
  const T* keys = nullptr;     // [updating, Dh]
  const T* values = nullptr;   // [updating, D]
  const T* queries = nullptr;  // [applied, Dh]
  T* output = nullptr;         // [applied, D]: the queries' products with the weights are added
  T* weights = nullptr;        // [Dh, D], as are the next two: before the scan, then after it
  T* anchor = nullptr;
  T* importance = nullptr;
};

// The kernels for one type of elements.
template <class T>
struct ElasticKernels {
  void (*scan)(const ElasticScan<T>&);
};

// The kernels of one instruction set.
struct ElasticTables {
  ElasticKernels<float> f32;
  ElasticKernels<double> f64;
};

extern const ElasticTables kElasticPortable;
extern const ElasticTables kElasticAvx2;
extern const ElasticTables kElasticAvx512;

}  // namespace parallax::kernels
