// Facts about the machine that go with every measurement.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace parallax {

// "Intel(R) Xeon(R) Processor, 2 threads, LibTorch 2.11.0".
std::string describe_machine();

// Whether the processor says that it has this ("amx_bf16", as /proc/cpuinfo names it).
bool has_processor_flag(const std::string& flag);

// The same as describe_machine and more for a file: processor, its vector instructions, cores,
// threads in use, memory, versions of LibTorch, oneDNN, MKL and the compiler, the kernels in use.
nlohmann::json machine_facts();

}  // namespace parallax
