// Reads the processor's name.
#include "core/machine.h"

#include <fmt/format.h>

#include <fstream>

#include "core/torch.h"

namespace parallax {

std::string describe_machine() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  std::string processor = "unknown processor";
  while (std::getline(file, line)) {
    if (line.rfind("model name", 0) == 0 && line.find(": ") != std::string::npos) {
      processor = line.substr(line.find(": ") + 2);
      break;
    }
  }
  return fmt::format("{}, {} threads, LibTorch {}.{}.{}",
                     processor,
                     at::get_num_threads(),
                     TORCH_VERSION_MAJOR,
                     TORCH_VERSION_MINOR,
                     TORCH_VERSION_PATCH);
}

}  // namespace parallax
