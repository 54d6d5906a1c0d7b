// `cmake --install`, and the installed program after its prefix was moved: nothing in it may know
// where it was built. And what `parallax` does alone.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/support/program.h"
#include "tests/support/scratch_folder.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

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
  EXPECT_THAT(info.out, HasSubstr(assets.string()));
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
  for (const char* file :
       {"bin/parallax", "lib/parallax/parallax-compute", "lib/parallax/libparallax_torch.so"}) {
    EXPECT_EQ(read_bytes(prefix_ / file).find(PARALLAX_SOURCE_DIR), std::string::npos)
        << file << " names the folder it was built in";
  }
}

// `parallax` itself, without `parallax-compute` beside it.
class Front : public ::testing::Test {
 protected:
  void SetUp() override { fs::copy_file(PARALLAX_PROGRAM, alone_); }

  ProgramResult run(const std::vector<std::string>& arguments) const {
    return run_program_with(
        arguments,
        {.environment = {{"PARALLAX_ASSETS", PARALLAX_SOURCE_DIR "/assets"}}, .program = alone_});
  }

  ScratchFolder scratch_;
  std::string alone_ = scratch_.path() / "parallax";
};

TEST_F(Front, AnswersWhatNeedsNoLibTorch) {
  EXPECT_EQ(run({"--version"}).out, run({"version"}).out);
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"version"},
                                                    {"--help"},
                                                    {"train", "nvs", "--help"},
                                                    {"help", "bench", "layer"},
                                                    {"completion", "bash"},
                                                    {"completion", "zsh"},
                                                    {"completion", "fish"},
                                                    {"man"}}) {
    const ProgramResult alone = run(arguments);
    EXPECT_EQ(alone.exit_code, 0) << arguments.front() << ": " << alone.err;
    // The other program is compiled from the same sources.
    const std::string whole = fs::path(PARALLAX_PROGRAM).parent_path() / "parallax-compute";
    EXPECT_EQ(alone.out, run_program_with(arguments, {.program = whole}).out) << arguments.front();
  }
}

TEST_F(Front, FindsFaultsOfTheCommandLine) {
  const ProgramResult command = run({"rendr"});
  EXPECT_EQ(command.exit_code, 2);
  EXPECT_THAT(command.err, HasSubstr("render"));
  const ProgramResult option = run({"classify", "x", "--batch-size", "many"});
  EXPECT_EQ(option.exit_code, 2);
  EXPECT_THAT(option.err, HasSubstr("'many'"));
}

TEST_F(Front, SaysWhatItLacks) {
  const ProgramResult result = run({"classify",
                                    "photos",
                                    "--model",
                                    "classify",
                                    "--dtype",
                                    "bfloat16",
                                    "--batch-size",
                                    "16",
                                    "--json",
                                    "-",
                                    "--quiet"});
  EXPECT_EQ(result.exit_code, 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr((scratch_.path() / "parallax-compute").string()));
}

}  // namespace
}  // namespace parallax::testing
