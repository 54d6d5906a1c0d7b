// The viewer's real window on a virtual display, driven by a script.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/display.h"
#include "tests/support/program.h"
#include "tests/support/scratch_folder.h"

namespace parallax::testing {

inline const std::string kScene = std::string(PARALLAX_SOURCE_DIR) + "/assets/scenes/procedural_a";

class ViewerWindow : public ::testing::Test {
 protected:
  void SetUp() override {
    if (display_.name().empty()) {
      GTEST_SKIP() << "there is no Xvfb on this machine";
    }
  }

  void TearDown() override {
    if (!HasFailure()) {
      return;
    }
    const std::filesystem::path kept =
        std::filesystem::path(PARALLAX_TEST_OUTPUT) /
        ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(kept);
    std::filesystem::copy(folder(),
                          kept,
                          std::filesystem::copy_options::recursive |
                              std::filesystem::copy_options::overwrite_existing);
    std::printf("screenshots are kept in %s\n", kept.c_str());
  }

  std::filesystem::path folder() const { return scratch_.path(); }
  std::string file(const std::string& name) const { return (folder() / name).string(); }
  nlohmann::json read(const std::string& name) const {
    return nlohmann::json::parse(read_bytes(file(name)));
  }

  ProgramOptions options() const {
    // One thread both in the window and in `render`, so that sums have the same order.
    return {.folder = folder().string(),
            .environment = {{"DISPLAY", display_.name()},
                            {"XDG_CONFIG_HOME", file("config")},
                            {"XDG_DATA_HOME", file("data")},
                            {"LIBGL_ALWAYS_SOFTWARE", "1"},
                            {"OMP_NUM_THREADS", "1"}}};
  }

  ProgramResult run_script(const nlohmann::json& steps, std::vector<std::string> arguments = {}) {
    scratch_.write("script.json", steps.dump());
    arguments.insert(arguments.begin(), "view");
    arguments.insert(arguments.end(), {"--script", file("script.json"), "-o", file("out")});
    return run_program_with(arguments, options());
  }

  ScratchFolder scratch_;
  VirtualDisplay display_;
};

}  // namespace parallax::testing
