// The machine's facts that go with every measurement.
#pragma once

#include <string>

namespace parallax {

// "Intel(R) Xeon(R) Processor, 2 threads, LibTorch 2.11.0".
std::string describe_machine();

}  // namespace parallax
