// PARALLAX_DEVICE marks the functions that CPU and CUDA kernels share as device functions for nvcc.
#pragma once

#ifdef __CUDACC__
#define PARALLAX_DEVICE __device__
#else
#define PARALLAX_DEVICE
#endif
