// Benchmarks of the classifiers, for tests/benchmark.cpp to register.
#pragma once

namespace parallax {

void register_classify_benchmarks();

}  // namespace parallax
