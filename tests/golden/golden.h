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
  TensorMap tensors;    // tensors.safetensors

  std::string name() const { return folder.filename().string(); }
  // Throws Error naming the case if there is no such tensor.
  const Tensor& tensor(const std::string& tensor_name) const;
  // All tensors whose names begin with `prefix`, keyed by the rest of the name.
  TensorMap tensors_under(const std::string& prefix) const;
};

// $PARALLAX_GOLDEN, else <source folder>/../shared/golden. It need not exist.
std::filesystem::path golden_folder();

// The folders whose case.json has exactly this `kind`, sorted; empty if there is no golden folder.
std::vector<std::filesystem::path> golden_cases(const std::string& kind);

GoldenCase load_golden_case(const std::filesystem::path& folder);

}  // namespace parallax::testing

// Defines `cases` as the folders of this kind, or skips the test with a sentence.
#define PARALLAX_GOLDEN_CASES_OR_SKIP(cases, kind)                   \
  const auto cases = ::parallax::testing::golden_cases(kind);        \
  if (cases.empty()) {                                               \
    GTEST_SKIP() << "no golden cases of kind '" << (kind) << "' in " \
                 << ::parallax::testing::golden_folder()             \
                 << "; set PARALLAX_GOLDEN to their folder";         \
  }                                                                  \
  static_assert(true, "ends with a semicolon")
