// Devices, dtypes, threads and memory, as the command line names them.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/torch.h"

namespace parallax {

// "cpu", "cuda" or "cuda:1". Throws UsageError if it is none of these or the device is not there.
torch::Device parse_device(const std::string& name);

// "float32" or "bfloat16". Throws UsageError.
torch::Dtype parse_dtype(const std::string& name);

// Memory that could be had now without swapping, in bytes; 0 if unknown.
int64_t available_memory_bytes();

// Throws Error saying so first if the work cannot fit.
void require_memory(int64_t bytes, const std::string& what_for);

// "1.2 GiB".
std::string format_bytes(int64_t bytes);

}  // namespace parallax
