// The shared library for PyTorch, tested if there is a Python with the same version of PyTorch.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/base/torch.h"

namespace parallax::testing {
namespace {

constexpr int kNoPyTorch = 77;  // the script's exit code if PyTorch is missing

struct ShellOutcome {
  int exit_code = -1;
  std::string output;
};

ShellOutcome run_shell(const std::string& command) {
  ShellOutcome outcome;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) {
    return outcome;
  }
  char buffer[4096];
  for (size_t count = fread(buffer, 1, sizeof buffer, pipe); count > 0;
       count = fread(buffer, 1, sizeof buffer, pipe)) {
    outcome.output.append(buffer, count);
  }
  const int status = pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

TEST(TorchLibrary, OperatorsEqualPlainPyTorch) {
  const char* chosen = std::getenv("PARALLAX_PYTHON");
  const std::string python = chosen != nullptr ? chosen : "python3";
  if (run_shell(python + " --version").exit_code != 0) {
    GTEST_SKIP() << "there is no " << python << "; PARALLAX_PYTHON names another";
  }
  const ShellOutcome outcome =
      run_shell(python +
                " '" PARALLAX_SOURCE_DIR
                "/tests/python/torch_library_test.py' '" PARALLAX_TORCH_LIBRARY "' " +
                std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) +
                "." + std::to_string(TORCH_VERSION_PATCH));
  if (outcome.exit_code == kNoPyTorch) {
    GTEST_SKIP() << outcome.output << "PARALLAX_PYTHON may name a Python that has one";
  }
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
}

}  // namespace
}  // namespace parallax::testing
