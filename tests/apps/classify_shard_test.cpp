// `classify --shard` and `--merge`: jobs that know nothing of each other leave what one run leaves.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "apps/classify/classify_shard.h"
#include "core/base/error.h"
#include "tests/support/classifier_fixture.h"
#include "tests/support/program.h"
#include "tests/support/scratch_folder.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

TEST(Shard, CountsFromOneAndSharesAll) {
  for (const char* wrong : {"0/4", "5/4", "1/0", "a", "1", "1/4x", "-1/4", "1/"}) {
    EXPECT_THROW(parse_shard(wrong), UsageError) << wrong;
  }
  for (int count = 1; count <= 5; ++count) {
    for (int64_t all = 0; all < 12; ++all) {
      int64_t sum = 0;
      for (int index = 1; index <= count; ++index) {
        const Shard shard{index, count};
        int64_t own = 0;
        for (int64_t position = 0; position < all; ++position) {
          own += shard.has(position) ? 1 : 0;
        }
        EXPECT_EQ(shard.size(all), own);
        sum += own;
      }
      EXPECT_EQ(sum, all);
    }
  }
}

class ClassifyShards : public ::testing::Test {
 protected:
  void SetUp() override {
    write_random_classifier(path("model.safetensors"), small_vit3(4), 1);
    for (const char* folder : {"goldfish", "tench"}) {
      fs::create_directories(path("images") + "/" + folder);
      for (int i = 0; i < 5; ++i) {
        write_random_image(path(fmt::format("images/{}/{}.png", folder, i)), 40, 40, i);
      }
    }
    scratch_.write("images/tench/broken.png", "no picture");
  }

  std::string path(const std::string& name) const { return (scratch_.path() / name).string(); }

  ProgramResult classify(const std::string& out, const std::vector<std::string>& more) const {
    std::vector<std::string> words = {"classify",
                                      path("images"),
                                      "--model",
                                      path("model.safetensors"),
                                      "-o",
                                      path(out),
                                      "--threads",
                                      "1",
                                      "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return run_program(words);
  }
  ProgramResult merge(const std::vector<std::string>& folders) const {
    std::vector<std::string> words = {"classify", "--merge", "-o", path("merged")};
    for (const std::string& folder : folders) {
      words.push_back(path(folder));
    }
    return run_program(words);
  }
  // Makes the folders out1 … outN.
  void classify_shards(int count) const {
    for (int i = 1; i <= count; ++i) {
      const ProgramResult result =
          classify(fmt::format("out{}", i), {"--shard", fmt::format("{}/{}", i, count)});
      ASSERT_THAT(result.exit_code, ::testing::AnyOf(0, 3)) << result.err;
    }
  }
  std::vector<json> rows(const std::string& folder) const {
    std::ifstream file(path(folder) + "/results.jsonl");
    std::vector<json> rows;
    for (std::string line; std::getline(file, line);) {
      rows.push_back(json::parse(line));
      rows.back().erase("thumbnail");  // where it is in another file
    }
    return rows;
  }

  ScratchFolder scratch_;
};

TEST_F(ClassifyShards, MergedTheyAreWhatOneRunLeaves) {
  ASSERT_EQ(classify("whole", {}).exit_code, 3);
  classify_shards(3);
  const ProgramResult merged = merge({"out3", "out1", "out2"});
  EXPECT_EQ(merged.exit_code, 3) << merged.err;  // of one image that is broken
  EXPECT_EQ(rows("merged"), rows("whole"));
  EXPECT_EQ(read_bytes(path("merged/results.csv")), read_bytes(path("whole/results.csv")));
  EXPECT_EQ(read_bytes(path("merged/thumbnails.bin")), read_bytes(path("whole/thumbnails.bin")));
  EXPECT_EQ(read_bytes(path("merged/classes.csv")), read_bytes(path("whole/classes.csv")));
  const json summary = json::parse(read_bytes(path("merged/summary.json")));
  EXPECT_EQ(summary.at("images"), 11);
  EXPECT_EQ(summary.at("broken"), 1);
  EXPECT_TRUE(fs::exists(path("merged/index.html")));
}

// There may be more jobs than images.
TEST_F(ClassifyShards, EmptyShardsCount) {
  classify_shards(12);
  EXPECT_EQ(rows("out12").size(), 0U);
  std::vector<std::string> all;
  for (int i = 1; i <= 12; ++i) {
    all.push_back(fmt::format("out{}", i));
  }
  const ProgramResult merged = merge(all);
  EXPECT_EQ(merged.exit_code, 3) << merged.err;
  EXPECT_EQ(rows("merged").size(), 11U);
}

TEST_F(ClassifyShards, GapsAndDoublesAreRefused) {
  classify_shards(3);
  const auto expect_refused = [&](const std::vector<std::string>& folders, const char* why) {
    const ProgramResult refused = merge(folders);
    EXPECT_THAT(refused.exit_code, ::testing::AnyOf(1, 2)) << why;
    EXPECT_THAT(refused.err, HasSubstr(why));
    EXPECT_FALSE(fs::exists(path("merged/results.jsonl")));
  };
  expect_refused({"out1", "out3"}, "1 of 3 shards are missing: 2");
  expect_refused({"out1", "out2", "out3", "out2"}, "shard 2/3 is there twice");
  expect_refused({"out1", "out2", "images"}, "no folder of classify");
  // A row too few, as where a run was killed, and one of another shard.
  const std::string whole = read_bytes(path("out2/results.jsonl"));
  scratch_.write("out2/results.jsonl", whole.substr(0, whole.rfind('\n', whole.size() - 2) + 1));
  expect_refused({"out1", "out2", "out3"}, "lacks rows");
  scratch_.write("out2/results.jsonl", read_bytes(path("out1/results.jsonl")));
  expect_refused({"out1", "out2", "out3"}, "is there twice");
  scratch_.write("out2/results.jsonl", whole);
  fs::remove(path("out3/summary.json"));
  expect_refused({"out1", "out2", "out3"}, "shard 3/3 is not finished");
  EXPECT_EQ(classify("out3", {"--shard", "3/3", "--resume"}).exit_code, 0);
  // Another list: an image more.
  write_random_image(path("images/tench/9.png"), 40, 40, 9);
  EXPECT_THAT(classify("out2", {"--shard", "2/3", "--resume"}).exit_code, ::testing::AnyOf(0, 3));
  expect_refused({"out1", "out2", "out3"}, "not of one list");
}

TEST_F(ClassifyShards, AFolderGoesOnWithItsOwnShardAlone) {
  ASSERT_EQ(classify("out", {"--shard", "1/3"}).exit_code, 0);
  const ProgramResult other = classify("out", {"--shard", "2/3", "--resume"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("other options"));
  EXPECT_EQ(classify("out", {"--resume"}).exit_code, 2);
}

// Tar archives as WebDataset lays them out, written by tar itself in its three formats.
TEST_F(ClassifyShards, ImagesInTarArchivesGiveTheSameRows) {
  ASSERT_EQ(classify("whole", {}).exit_code, 3);
  for (const char* format : {"ustar", "gnu", "pax"}) {
    SCOPED_TRACE(format);
    const std::string tar = path(std::string("images-") + format + ".tar");
    ASSERT_EQ(std::system(("tar -C " + path("images") + " --sort=name --format=" + format +
                           " -cf " + tar + " goldfish tench")
                              .c_str()),
              0);
    const ProgramResult result = run_program({"classify",
                                              tar,
                                              "--model",
                                              path("model.safetensors"),
                                              "-o",
                                              path(format),
                                              "--threads",
                                              "1",
                                              "--quiet"});
    EXPECT_EQ(result.exit_code, 3) << result.err;
    std::vector<json> expected = rows("whole");
    for (json& row : expected) {
      const std::string name = row.at("path").get<std::string>().substr(path("images").size());
      row["path"] = tar + name;
    }
    EXPECT_EQ(rows(format), expected);
  }
}

}  // namespace
}  // namespace parallax::testing
