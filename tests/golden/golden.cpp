// Discovery and loading of golden cases.
#include "tests/golden/golden.h"

#include <cstdlib>
#include <fstream>
#include <map>

#include "core/base/error.h"
#include "tests/support/test_device.h"

namespace parallax::testing {
namespace {

nlohmann::json read_case_json(const std::filesystem::path& folder) {
  std::ifstream file(folder / "case.json");
  return nlohmann::json::parse(file);
}

// The project's own selection, and where more may lie.
std::vector<std::filesystem::path> golden_folders() {
  const std::filesystem::path source(PARALLAX_SOURCE_DIR);
  const char* variable = std::getenv("PARALLAX_GOLDEN");
  const bool is_set = variable != nullptr && *variable != '\0';
  const std::filesystem::path more =
      is_set ? std::filesystem::path(variable) : source / ".." / "shared" / "golden";
  std::vector<std::filesystem::path> folders;
  if (const auto own = source / "tests" / "golden" / "data"; std::filesystem::is_directory(own)) {
    folders.push_back(own);  // not where the tests were carried to another machine
  }
  if (is_set || std::filesystem::is_directory(more)) {
    folders.push_back(more);
  }
  return folders;
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

std::vector<std::filesystem::path> golden_cases(const std::string& kind) {
  std::map<std::string, std::filesystem::path> cases;  // by name
  for (const auto& folder : golden_folders()) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (std::filesystem::exists(entry.path() / "case.json") &&
          read_case_json(entry.path()).value("kind", "") == kind) {
        cases.try_emplace(entry.path().filename().string(), entry.path());
      }
    }
  }
  if (cases.empty()) {
    throw Error("there is no golden case of kind '" + kind + "'");
  }
  std::vector<std::filesystem::path> folders;
  for (const auto& [name, folder] : cases) {
    folders.push_back(folder);
  }
  return folders;
}

GoldenCase load_golden_case(const std::filesystem::path& folder) {
  GoldenCase golden{.folder = folder,
                    .json = read_case_json(folder),
                    .tensors = load_checkpoint(folder / "tensors.safetensors").tensors};
  for (auto& [name, tensor] : golden.tensors) {
    tensor = tensor.to(test_device());
  }
  return golden;
}

}  // namespace parallax::testing
