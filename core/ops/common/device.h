// Functions that kernels of the CPU and of CUDA share are marked as device functions for nvcc.
#pragma once

#ifdef __CUDACC__
#define PARALLAX_DEVICE __device__
#else
#define PARALLAX_DEVICE
#endif
