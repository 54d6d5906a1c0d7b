// `cmake --install`, and the installed program after its prefix was moved: nothing in it may know
// where it was built.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/support/program.h"
#include "tests/support/scratch_folder.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;

class Install : public ::testing::Test {
 protected:
  void SetUp() override {
    const fs::path first = scratch_.path() / "first";
    const ProgramResult installed = run_program_with(
        {"--install", PARALLAX_BUILD_DIR, "--prefix", first.string()}, {.program = PARALLAX_CMAKE});
    ASSERT_EQ(installed.exit_code, 0) << installed.err;
    fs::create_directories(prefix_.parent_path());
    fs::rename(first, prefix_);
  }

  // The installed program, in an environment with nothing set.
  ProgramResult run(const std::vector<std::string>& arguments) const {
    return run_program_with(
        arguments, {.program = (prefix_ / "bin" / "parallax").string(), .wrapper = {"env", "-i"}});
  }

  ScratchFolder scratch_;
  fs::path prefix_ = scratch_.path() / "moved to" / "a b";  // a space must do no harm
};

TEST_F(Install, RunsWhereItWasMovedTo) {
  const ProgramResult version = run({"--version"});
  ASSERT_EQ(version.exit_code, 0) << version.err;
  EXPECT_THAT(version.out,
              ::testing::MatchesRegex(
                  "parallax [0-9]+\\.[0-9]+\\.[0-9]+ \\(commit .+\\)\nLibTorch .+, kernels .+\n"));

  const fs::path assets = prefix_ / "share" / "parallax" / "assets";
  const ProgramResult info = run({"info"});
  EXPECT_THAT(info.out, ::testing::HasSubstr(assets.string()));
  const fs::path out = scratch_.path() / "out";
  const ProgramResult rendered = run({"render",
                                      (assets / "scenes" / "procedural_a").string(),
                                      "--input-views",
                                      "2",
                                      "--target-views",
                                      "1",
                                      "--turntable",
                                      "2",
                                      "-o",
                                      out.string()});
  ASSERT_EQ(rendered.exit_code, 0) << rendered.err;
  EXPECT_TRUE(fs::exists(out / "contact_sheet.png"));

  for (const char* file : {"lib/parallax/libparallax_torch.so",
                           "lib/parallax/libtorch_cpu.so",
                           "share/bash-completion/completions/parallax",
                           "share/zsh/site-functions/_parallax",
                           "share/fish/vendor_completions.d/parallax.fish",
                           "share/man/man1/parallax.1"}) {
    EXPECT_TRUE(fs::exists(prefix_ / file)) << file;
  }
  for (const char* file : {"bin/parallax", "lib/parallax/libparallax_torch.so"}) {
    EXPECT_EQ(read_bytes(prefix_ / file).find(PARALLAX_SOURCE_DIR), std::string::npos)
        << file << " names the folder it was built in";
  }
}

}  // namespace
}  // namespace parallax::testing
