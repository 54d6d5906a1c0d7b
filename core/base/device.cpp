// Names of devices and dtypes, and available memory from /proc/meminfo.
#include "core/base/device.h"

#include <fmt/format.h>

#include <fstream>

#include "core/base/error.h"

namespace parallax {

torch::Device parse_device(const std::string& name) {
  const bool is_cuda =
      name == "cuda" ||
      (name.rfind("cuda:", 0) == 0 && name.size() > 5 &&
       name.find_first_not_of("0123456789", 5) == std::string::npos && name.size() <= 7);
  if (name == "cpu") {
    return torch::kCPU;
  }
  if (!is_cuda) {
    throw UsageError(ErrorParts{.what = "there is no device '" + name + "'",
                                .expected = "cpu, cuda or cuda:<index>"});
  }
  const torch::Device device(name);
  const auto count = static_cast<int>(torch::cuda::device_count());
  if (count == 0 || device.index() >= count) {
    throw UsageError(ErrorParts{
        .what = count == 0 ? "no CUDA device can be used" : "there is no device " + name,
        .got = fmt::format("{} CUDA devices", count),
        .remedy = "Use --device cpu, or a build with PARALLAX_CUDA=ON on a machine with a GPU."});
  }
  return device;
}

void wait_for(torch::Device device) {
  if (device.is_cuda()) {
    torch::cuda::synchronize(device.index());
  }
}

torch::Dtype parse_dtype(const std::string& name) {
  if (name == "float32") {
    return torch::kFloat32;
  }
  if (name == "bfloat16") {
    return torch::kBFloat16;
  }
  throw UsageError(
      ErrorParts{.what = "there is no dtype '" + name + "'", .expected = "float32 or bfloat16"});
}

int64_t available_memory_bytes() {
  std::ifstream file("/proc/meminfo");
  std::string field;
  int64_t kibibytes = 0;
  while (file >> field) {
    if (field == "MemAvailable:" && file >> kibibytes) {
      return kibibytes * 1024;
    }
    file.ignore(256, '\n');
  }
  return 0;
}

void require_memory(int64_t bytes, const std::string& what_for, const std::string& remedy) {
  const int64_t available = available_memory_bytes();
  if (available > 0 && bytes > available) {
    throw Error(ErrorParts{.what = what_for + " does not fit into memory",
                           .expected = "at most " + format_bytes(available),
                           .got = "about " + format_bytes(bytes),
                           .remedy = remedy});
  }
}

std::string format_bytes(int64_t bytes) {
  constexpr double kUnit = 1024.0;
  double value = static_cast<double>(bytes);
  for (const char* unit : {"B", "KiB", "MiB"}) {
    if (value < kUnit) {
      return fmt::format("{:.1f} {}", value, unit);
    }
    value /= kUnit;
  }
  return fmt::format("{:.1f} GiB", value);
}

}  // namespace parallax
