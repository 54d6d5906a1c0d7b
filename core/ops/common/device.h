// PARALLAX_DEVICE marks the functions that CPU and CUDA kernels share as device functions for nvcc,
// PARALLAX_HOST_DEVICE those that launches call as well.
#pragma once

#ifdef __CUDACC__
#define PARALLAX_DEVICE __device__
#define PARALLAX_HOST_DEVICE __host__ __device__
#else
#define PARALLAX_DEVICE
#define PARALLAX_HOST_DEVICE
#endif
