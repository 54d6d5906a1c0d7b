// The fuzzer's corpora and findings, read without it; and what no input of its size can show.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "tests/fuzz/targets.h"
#include "tests/support/scratch_folder.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;

const fs::path kCorpus = fs::path(PARALLAX_SOURCE_DIR) / "tests" / "fuzz" / "corpus";

// Every file of the corpora, whole, cut off at 16 places and with single bytes changed at 32: it is
// read, or refused in words of our own.
TEST(FuzzCorpus, IsReadOrRefusedWholeCutAndChanged) {
  const ScratchFolder folder;
  fuzz::Scratch scratch(folder.path());
  std::set<std::string> names;
  for (const fuzz::FuzzTarget& target : fuzz::fuzz_targets()) {
    names.insert(target.name);
    ASSERT_TRUE(fs::is_directory(kCorpus / target.name)) << target.name;
    for (const auto& entry : fs::directory_iterator(kCorpus / target.name)) {
      SCOPED_TRACE(entry.path().string());
      const std::string whole = read_bytes(entry.path());
      EXPECT_NO_THROW(run_target(target, whole, scratch));
      for (size_t i = 0; i < 16; ++i) {
        EXPECT_NO_THROW(run_target(target, whole.substr(0, whole.size() * i / 16), scratch));
      }
      for (size_t i = 0; i < 32; ++i) {
        std::string changed = whole;
        changed[whole.size() * i / 32] = static_cast<char>("\xff\x00\x7f\"9-]}"[i % 8]);
        EXPECT_NO_THROW(run_target(target, changed, scratch));
      }
    }
  }
  for (const auto& entry : fs::directory_iterator(kCorpus)) {
    EXPECT_EQ(names.count(entry.path().filename().string()), 1U) << entry.path();
  }
}

// Valid samples must not be refused from the start: then a target would test nothing.
TEST(FuzzCorpus, TheFirstSamplesAreReadWithoutError) {
  const ScratchFolder folder;
  fuzz::Scratch scratch(folder.path());
  for (const fuzz::FuzzTarget& target : fuzz::fuzz_targets()) {
    int read = 0;
    for (const auto& entry : fs::directory_iterator(kCorpus / target.name)) {
      // The input as run_target() leaves it.
      run_target(target, read_bytes(entry.path()), scratch);
      try {
        target.read(input_path(target, scratch));
        ++read;
      } catch (const Error&) {
        continue;  // samples may be of kinds that are refused
      }
    }
    EXPECT_GE(read, 1) << target.name;
  }
}

std::map<std::string, std::string> files_below(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    files[entry.path().lexically_relative(folder).string()] =
        entry.is_directory() ? "a folder" : read_bytes(entry.path());
  }
  return files;
}

// Only what changed is written, so that each bundle is compared with the same one in a new folder.
TEST(FuzzBundle, LeavesNothingOfTheBundleBefore) {
  const std::string a1 = "=== a ===\n1\n";
  const std::string a2 = "=== a ===\n2\n";
  const std::string below = "=== a/b/c ===\n3\n";
  const std::string image = "=== d/e.png ===\n@image\n";
  const std::string deep = "=== d/f/g/h ===\n\n";
  const std::string outside = "=== ../x ===\n4\n";
  const std::vector<std::string> bundles = {a1,
                                            a1,
                                            a2,
                                            below,
                                            a1 + below,
                                            below,
                                            below + a1,
                                            image + a1,
                                            image,
                                            deep,
                                            image + deep,
                                            a1 + a2,
                                            a2,
                                            outside,
                                            deep,
                                            "",
                                            "=== a"};
  const ScratchFolder scratch;
  fuzz::BundleFolder kept(scratch.path() / "kept");
  int count = 0;
  for (const std::string& before : bundles) {
    for (const std::string& bundle : bundles) {
      kept.unpack(before);
      kept.unpack(bundle);
      const fs::path fresh = scratch.path() / std::to_string(++count);
      fuzz::BundleFolder(fresh).unpack(bundle);
      EXPECT_EQ(files_below(scratch.path() / "kept"), files_below(fresh)) << before << bundle;
    }
  }
  kept.unpack(image + deep + a2);
  EXPECT_THAT(files_below(scratch.path() / "kept"),
              AllOf(SizeIs(6),
                    Contains(Pair("a", "2\n")),
                    Contains(Pair("d/e.png", StartsWith("\x89PNG"))),
                    Contains(Pair("d/f/g/h", ""))));
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
