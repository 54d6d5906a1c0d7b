// CUDA's status codes as errors.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "core/base/error.h"

namespace parallax::cuda {

// Throws Error saying what CUDA refused, and its reason.
inline void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) {
    throw Error(
        ErrorParts{.what = std::string("CUDA refused ") + what, .got = cudaGetErrorString(status)});
  }
}

}  // namespace parallax::cuda
