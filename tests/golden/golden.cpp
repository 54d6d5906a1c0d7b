// Discovery and loading of golden cases.
#include "tests/golden/golden.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "core/base/error.h"

namespace parallax::testing {
namespace {

nlohmann::json read_case_json(const std::filesystem::path& folder) {
  std::ifstream file(folder / "case.json");
  return nlohmann::json::parse(file);
}

}  // namespace

const Tensor& GoldenCase::tensor(const std::string& tensor_name) const {
  const auto found = tensors.find(tensor_name);
  if (found == tensors.end()) {
    throw Error(
        {.what = "the golden case has no tensor '" + tensor_name + "'", .where = folder.string()});
  }
  return found->second;
}

TensorMap GoldenCase::tensors_under(const std::string& prefix) const {
  TensorMap result;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) {
      result.emplace(name.substr(prefix.size()), tensor);
    }
  }
  return result;
}

std::filesystem::path golden_folder() {
  const char* folder = std::getenv("PARALLAX_GOLDEN");
  if (folder != nullptr && *folder != '\0') {
    return folder;
  }
  return std::filesystem::path(PARALLAX_SOURCE_DIR) / ".." / "shared" / "golden";
}

std::vector<std::filesystem::path> golden_cases(const std::string& kind) {
  std::vector<std::filesystem::path> cases;
  if (!std::filesystem::is_directory(golden_folder())) {
    return cases;
  }
  for (const auto& entry : std::filesystem::directory_iterator(golden_folder())) {
    if (std::filesystem::exists(entry.path() / "case.json") &&
        read_case_json(entry.path()).value("kind", "") == kind) {
      cases.push_back(entry.path());
    }
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

GoldenCase load_golden_case(const std::filesystem::path& folder) {
  return {.folder = folder,
          .json = read_case_json(folder),
          .tensors = load_checkpoint(folder / "tensors.safetensors").tensors};
}

}  // namespace parallax::testing
