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

// What every file of results says of its origin: the program's version and commit, the command line
// that made it, when (UTC, ISO 8601), and the machine.
nlohmann::json provenance_json();

// The same as a line for pages: "parallax 0.1.0 (commit 1a2b3c4), 2026-01-31T12:00:00Z, …".
std::string provenance_text(const nlohmann::json& provenance);

// What `parallax --version` says: version, commit, LibTorch, kernels, CUDA.
std::string version_text();

}  // namespace parallax
