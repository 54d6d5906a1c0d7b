// Facts about the machine that go with every measurement.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace parallax {

// "Intel(R) Xeon(R) Processor, 2 threads, LibTorch 2.11.0".
std::string describe_machine();

// A fuller description for files: processor, its vector instructions, cores, threads in use,
// memory, versions of LibTorch, oneDNN, MKL and the compiler, and the kernels in use.
nlohmann::json machine_facts();

}  // namespace parallax
