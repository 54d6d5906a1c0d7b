// Finds the golden cases: folders with reference inputs and outputs, discovered at run time, so
// that new cases need no code.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/io/checkpoint.h"

namespace parallax::testing {

// One reference case.
struct GoldenCase {
  std::filesystem::path folder;
  nlohmann::json json;  // case.json
  TensorMap tensors;    // tensors.safetensors, on the device under test

  std::string name() const { return folder.filename().string(); }
  // Throws Error naming the case if there is no such tensor.
  const Tensor& tensor(const std::string& tensor_name) const;
  // All tensors whose names begin with `prefix`, keyed by the rest of the name.
  TensorMap tensors_under(const std::string& prefix) const;
};

// The folders whose case.json has exactly this `kind`, sorted: those of tests/golden/data, and what
// there is beyond them in $PARALLAX_GOLDEN, else in <source folder>/../shared/golden. Throws Error
// if there is none.
std::vector<std::filesystem::path> golden_cases(const std::string& kind);

GoldenCase load_golden_case(const std::filesystem::path& folder);

}  // namespace parallax::testing
