// Benchmarks of the classifiers, for benchmark.cpp to register.
#pragma once

namespace parallax {

void register_classify_benchmarks();

}  // namespace parallax
