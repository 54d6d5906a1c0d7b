// Reads the processor's name and flags.
#include "apps/report/system_info.h"

#include <ATen/Version.h>
#ifdef PARALLAX_HAS_CUDA
#include <cuda.h>
#include <dlfcn.h>
#endif
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>
#include <vector>

#include "core/base/build_info.h"
#include "core/base/torch.h"
#include "core/ops/common/dispatch.h"

namespace parallax {
namespace {

// The first value of a key in /proc/cpuinfo or /proc/meminfo, else "unknown".
std::string proc_value(const char* path, const std::string& key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    const size_t colon = line.find(':');
    if (line.rfind(key, 0) == 0 && colon != std::string::npos) {
      const size_t begin = line.find_first_not_of(" \t", colon + 1);
      return begin == std::string::npos ? "" : line.substr(begin);
    }
  }
  return "unknown";
}

std::string processor_name() { return proc_value("/proc/cpuinfo", "model name"); }

std::vector<std::string> processor_flags() {
  std::istringstream words(proc_value("/proc/cpuinfo", "flags"));
  return {std::istream_iterator<std::string>(words), {}};
}

// The flags that decide how fast matrix products are.
nlohmann::json vector_flags() {
  nlohmann::json flags = nlohmann::json::array();
  for (const std::string& flag : processor_flags()) {
    if (flag.rfind("avx", 0) == 0 || flag.rfind("amx", 0) == 0 || flag == "fma") {
      flags.push_back(flag);
    }
  }
  return flags;
}

// "0.1.0 (commit 1a2b3c4)".
std::string version_and_commit(const std::string& version, const std::string& commit) {
  return fmt::format("{} (commit {})", version, commit);
}

std::string time_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

#ifdef PARALLAX_HAS_CUDA
// Asks the driver: `--version` is answered by a program without LibTorch.
bool has_gpu() {
  void* driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr) {
    return false;
  }
  const auto init = reinterpret_cast<decltype(&cuInit)>(dlsym(driver, "cuInit"));
  const auto get_version =
      reinterpret_cast<decltype(&cuDriverGetVersion)>(dlsym(driver, "cuDriverGetVersion"));
  const auto get_count =
      reinterpret_cast<decltype(&cuDeviceGetCount)>(dlsym(driver, "cuDeviceGetCount"));
  constexpr int kMajor = CUDA_VERSION / 1000 * 1000;  // a driver runs older toolkits of its major
  int version = 0;
  int count = 0;
  return init != nullptr && get_version != nullptr && get_count != nullptr &&
         init(0) == CUDA_SUCCESS && get_version(&version) == CUDA_SUCCESS && version >= kMajor &&
         get_count(&count) == CUDA_SUCCESS && count > 0;
}
#endif

// Whether the program has CUDA, and this machine a GPU for it.
std::string cuda_text() {
#ifdef PARALLAX_HAS_CUDA
  return has_gpu() ? "yes" : "built in, but this machine has no GPU for it";
#else
  return "no";
#endif
}

std::string torch_version() {
  return fmt::format("{}.{}.{}", TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH);
}

}  // namespace

std::string describe_machine() {
  return fmt::format(
      "{}, {} threads, LibTorch {}", processor_name(), at::get_num_threads(), torch_version());
}

bool has_processor_flag(const std::string& flag) {
  const std::vector<std::string> flags = processor_flags();
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

nlohmann::json provenance_json() {
  return {{"version", program_version()},
          {"commit", build_commit()},
          {"command", command_line()},
          {"date", time_now()},
          {"machine", describe_machine()}};
}

std::string provenance_text(const nlohmann::json& provenance) {
  const auto field = [&](const char* name) { return provenance.at(name).get<std::string>(); };
  return fmt::format("parallax {}, {}, {}: {}",
                     version_and_commit(field("version"), field("commit")),
                     field("date"),
                     field("machine"),
                     field("command"));
}

std::string version_text() {
  return fmt::format("parallax {}\nLibTorch {}, kernels {}, CUDA: {}\n",
                     version_and_commit(program_version(), build_commit()),
                     torch_version(),
                     kernel_path_name(kernel_path()),
                     cuda_text());
}

nlohmann::json machine_facts() {
  return {{"processor", processor_name()},
          {"flags", vector_flags()},
          {"cores", std::thread::hardware_concurrency()},
          {"threads", at::get_num_threads()},
          {"memory", proc_value("/proc/meminfo", "MemTotal")},
          {"libtorch", torch_version()},
          {"mkl", at::get_mkl_version()},
          {"onednn", at::get_mkldnn_version()},
          {"compiler", fmt::format("GCC {}", __VERSION__)},
          {"kernels", kernel_path_name(kernel_path())}};
}

}  // namespace parallax
