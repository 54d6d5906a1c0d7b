// Devices, dtypes and memory sizes, as the command line names them.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/torch.h"

namespace parallax {

// Parses "cpu", "cuda" or "cuda:1". Throws UsageError for any other name and for a device that does
// not exist.
torch::Device parse_device(const std::string& name);

// Returns when the device has done all work that was ordered; at once on the CPU, which does it
// when it is ordered.
void wait_for(torch::Device device);

// Parses "float32" or "bfloat16". Throws UsageError for any other name.
torch::Dtype parse_dtype(const std::string& name);

// Memory available now without swapping, in bytes; 0 if unknown.
int64_t available_memory_bytes();

// Throws Error naming `what_for`, with the remedy, if it needs more than available_memory_bytes();
// passes where that is unknown.
void require_memory(int64_t bytes, const std::string& what_for, const std::string& remedy);

// With a binary unit and one decimal: "1.2 GiB".
std::string format_bytes(int64_t bytes);

}  // namespace parallax
