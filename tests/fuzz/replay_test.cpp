// The fuzzer's corpora and findings, read without it; and what no input of its size can show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "tests/fuzz/targets.h"
#include "tests/support/scratch_folder.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

const fs::path kCorpus = fs::path(PARALLAX_SOURCE_DIR) / "tests" / "fuzz" / "corpus";

// Every file of the corpora, whole, cut off at 16 places and with single bytes changed at 32: it is
// read, or refused in words of our own.
TEST(FuzzCorpus, IsReadOrRefusedWholeCutAndChanged) {
  const ScratchFolder scratch;
  std::set<std::string> names;
  for (const fuzz::FuzzTarget& target : fuzz::fuzz_targets()) {
    names.insert(target.name);
    ASSERT_TRUE(fs::is_directory(kCorpus / target.name)) << target.name;
    for (const auto& entry : fs::directory_iterator(kCorpus / target.name)) {
      SCOPED_TRACE(entry.path().string());
      const std::string whole = read_bytes(entry.path());
      EXPECT_NO_THROW(run_target(target, whole, scratch.path()));
      for (size_t i = 0; i < 16; ++i) {
        EXPECT_NO_THROW(run_target(target, whole.substr(0, whole.size() * i / 16), scratch.path()));
      }
      for (size_t i = 0; i < 32; ++i) {
        std::string changed = whole;
        changed[whole.size() * i / 32] = static_cast<char>("\xff\x00\x7f\"9-]}"[i % 8]);
        EXPECT_NO_THROW(run_target(target, changed, scratch.path()));
      }
    }
  }
  for (const auto& entry : fs::directory_iterator(kCorpus)) {
    EXPECT_EQ(names.count(entry.path().filename().string()), 1U) << entry.path();
  }
}

// Valid samples must not be refused from the start: then a target would test nothing.
TEST(FuzzCorpus, TheFirstSamplesAreReadWithoutError) {
  const ScratchFolder scratch;
  for (const fuzz::FuzzTarget& target : fuzz::fuzz_targets()) {
    int read = 0;
    for (const auto& entry : fs::directory_iterator(kCorpus / target.name)) {
      // The path as run_target() leaves it.
      run_target(target, read_bytes(entry.path()), scratch.path());
      try {
        target.read(scratch.path() / (target.file == nullptr ? "bundle" : target.file));
        ++read;
      } catch (const Error&) {
        continue;  // samples may be of kinds that are refused
      }
    }
    EXPECT_GE(read, 1) << target.name;
  }
}

TEST(JsonShape, RefusesWhatIsNestedTooDeeply) {
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  try {
    parse_json(deep, "a.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("a.json"), HasSubstr("nested too deeply")));
  }
  EXPECT_FALSE(parse_json(std::string(100, '[') + std::string(100, ']'), "a.json").is_discarded());
  // Brackets in texts are no lists.
  EXPECT_FALSE(parse_json('"' + std::string(1000, '[') + "\\\"[\"", "a.json").is_discarded());
}

TEST(JsonShape, RefusesMoreValuesThanTheSizeAllows) {
  std::string many = "[0";
  for (int i = 0; i < 8'000'000; ++i) {
    many += ",0";
  }
  many += "]";
  EXPECT_THROW(parse_json(many, "a.json"), Error);
  EXPECT_FALSE(parse_json(many.substr(0, 1'000'000) + "]", "a.json").is_discarded());
}

}  // namespace
}  // namespace parallax::testing
