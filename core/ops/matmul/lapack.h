// The factorisations that yield orthonormal bases, on raw memory.
#pragma once

#include <ATen/Parallel.h>

// LAPACK's interface, column-major, as LibTorch exports it.
extern "C" {
void sgeqrf_(const int* rows,
             const int* cols,
             float* a,
             const int* stride,
             float* tau,
             float* work,
             const int* work_size,
             int* info);
void dgeqrf_(const int* rows,
             const int* cols,
             double* a,
             const int* stride,
             double* tau,
             double* work,
             const int* work_size,
             int* info);
void sorgqr_(const int* rows,
             const int* cols,
             const int* reflectors,
             float* a,
             const int* stride,
             const float* tau,
             float* work,
             const int* work_size,
             int* info);
void dorgqr_(const int* rows,
             const int* cols,
             const int* reflectors,
             double* a,
             const int* stride,
             const double* tau,
             double* work,
             const int* work_size,
             int* info);
void spotrf_(const char* triangle, const int* rows, float* a, const int* stride, int* info);
// From MKL, if it is LibTorch's LAPACK: the number of threads for calls from this thread; returns
// the previous one.
int MKL_Set_Num_Threads_Local(int threads) __attribute__((weak));
}

namespace parallax {

// Keeps LAPACK on one thread while it lives, if this is in a parallel region: MKL's QR would wait
// there for threads of its own that it cannot start, often for ever.
class ScopedSingleThreadedLapack {
 public:
  ScopedSingleThreadedLapack()
      : is_needed_(at::in_parallel_region() && MKL_Set_Num_Threads_Local != nullptr) {
    if (is_needed_) {
      before_ = MKL_Set_Num_Threads_Local(1);
    }
  }
  ~ScopedSingleThreadedLapack() {
    if (is_needed_) {
      MKL_Set_Num_Threads_Local(before_);
    }
  }
  ScopedSingleThreadedLapack(const ScopedSingleThreadedLapack&) = delete;
  ScopedSingleThreadedLapack& operator=(const ScopedSingleThreadedLapack&) = delete;

 private:
  bool is_needed_;
  int before_ = 0;
};

namespace lapack {

// Replaces a [rows, cols], column-major, by its QR factorisation in LAPACK's form; tau holds cols
// elements.
inline void qr(int rows, int cols, float* a, float* tau, float* work, int work_size) {
  int info = 0;
  sgeqrf_(&rows, &cols, a, &rows, tau, work, &work_size, &info);
}
inline void qr(int rows, int cols, double* a, double* tau, double* work, int work_size) {
  int info = 0;
  dgeqrf_(&rows, &cols, a, &rows, tau, work, &work_size, &info);
}

// Replaces what qr() left in a by Q.
inline void form_q(int rows, int cols, float* a, const float* tau, float* work, int work_size) {
  int info = 0;
  sorgqr_(&rows, &cols, &cols, a, &rows, tau, work, &work_size, &info);
}
inline void form_q(int rows, int cols, double* a, const double* tau, double* work, int work_size) {
  int info = 0;
  dorgqr_(&rows, &cols, &cols, a, &rows, tau, work, &work_size, &info);
}

// Replaces the upper triangle of a symmetric a, row-major, by U with Uᵀ U = a. Returns false if
// there is no such U.
inline bool cholesky(int side, float* a, int stride) {
  int info = 0;
  spotrf_("L", &side, a, &stride, &info);  // row-major upper is column-major lower
  return info == 0;
}

}  // namespace lapack
}  // namespace parallax
