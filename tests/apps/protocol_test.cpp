// `parallax compare --views-from`: ten scenes by an index, killed and resumed, in one table; and
// `parallax scenes convert`.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/io/checkpoint.h"
#include "tests/support/lpips_weights.h"
#include "tests/support/program.h"
#include "tests/support/scene_fixture.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/wait_until.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const fs::path kProtocolCaptures = fs::path(PARALLAX_SOURCE_DIR) / "tests" / "captures";

// Ten scenes of six views: eight folders and two scenes in a chunk, with an index that also names a
// scene that is not there and one without views.
class Protocol : public ::testing::Test {
 protected:
  void SetUp() override {
    json index = {{"missing", {{"context", {0, 1}}, {"target", {2}}}}, {"without", nullptr}};
    for (int i = 0; i < 8; ++i) {
      const std::string key = fmt::format("scene_{}", i);
      fs::create_directories(scenes() / key);
      fs::copy_file(kProtocolCaptures / "every-format/opencv_cameras.json",
                    scenes() / key / "opencv_cameras.json");
      fs::create_directory_symlink(kProtocolCaptures / "every-format/images",
                                   scenes() / key / "images");
      index[key] = {{"context", {i % 3, i % 3 + 2}}, {"target", {1, 5}}};
    }
    fs::copy(kProtocolCaptures / "pixelsplat", scenes() / "chunks");
    index["abc"] = {{"context", {0, 2}}, {"target", {1, 3}}};
    index["def"] = {{"context", {0}}, {"target", {1}}};
    write_index(index);
  }

  fs::path scenes() const { return scratch_.path() / "scenes"; }
  fs::path file(const char* name) const { return scratch_.path() / "out" / name; }
  void write_index(const json& index) const {
    write_text(scratch_.path() / "index.json", index.dump());
  }
  std::vector<std::string> words(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"compare",
                                    scenes().string(),
                                    "--views-from",
                                    (scratch_.path() / "index.json").string(),
                                    "--model",
                                    "nvs",
                                    "--size",
                                    "64x64",
                                    "-o",
                                    (scratch_.path() / "out").string()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  std::vector<json> rows() const {
    std::vector<json> rows;
    std::ifstream stream(file("results.jsonl"));
    for (std::string line; std::getline(stream, line);) {
      rows.push_back(json::parse(line));
    }
    return rows;
  }
  size_t whole_lines() const { return lines_in_file(file("results.jsonl")); }

  ScratchFolder scratch_;
};

TEST_F(Protocol, KilledAndResumedDoesNothingTwice) {
  {
    RunningProgram program(words());
    ASSERT_TRUE(wait_until([&] { return program.has_ended() || whole_lines() >= 3; }));
    program.send(SIGKILL);
    program.wait();
  }
  const size_t before = whole_lines();
  ASSERT_GE(before, 3);
  const std::string kept = read_bytes(file("results.jsonl")).substr(0, 500);
  std::ofstream(file("results.jsonl"), std::ios::app) << R"({"scene": "half a li)";
  const ProgramResult resumed = run_program(words({"--resume"}));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(read_bytes(file("results.jsonl")).substr(0, 500), kept);
  std::set<std::string> seen;
  for (const json& row : rows()) {
    EXPECT_TRUE(seen.insert(row.at("scene").get<std::string>() + row.at("form").dump()).second);
    EXPECT_GT(row.at("psnr").get<double>(), 0);
    EXPECT_GT(row.at("ssim").get<double>(), 0);
    EXPECT_EQ(row.at("views").size(), row.at("target").size());
  }
  EXPECT_EQ(seen.size(), 20) << "ten scenes in two forms";
  EXPECT_THAT(resumed.out, AllOf(HasSubstr("mean of 10"), HasSubstr("'missing'")));

  // The mean of the table is that of the rows.
  const json table = json::parse(read_bytes(file("compare.json")));
  double sum = 0;
  for (const json& row : rows()) {
    sum += row.at("form") == "parallel" ? row.at("psnr").get<double>() / 10 : 0;
  }
  EXPECT_EQ(table.at("means").size(), 2);
  for (const json& mean : table.at("means")) {
    EXPECT_EQ(mean.at("scenes"), 10);
    EXPECT_NEAR(mean.at("psnr").get<double>(), sum, 1e-3);
  }
  EXPECT_TRUE(fs::exists(file("compare.csv")) && fs::exists(file("compare.html")));

  const ProgramResult again = run_program(words({"--resume"}));
  EXPECT_EQ(again.out, resumed.out);
  EXPECT_EQ(rows().size(), 20);
  // What was made with other options does not go on; without --resume it is put aside.
  const ProgramResult other = run_program(words({"--resume", "--background", "black"}));
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("background was \"white\", is \"black\""));
  ASSERT_EQ(run_program(words({"--form", "parallel"})).exit_code, 0);
  EXPECT_EQ(rows().size(), 10);
  EXPECT_TRUE(fs::exists(file("results.previous.jsonl")));
}

TEST_F(Protocol, ReadsStreamedInTheFormsThatExist) {
  write_index({{"scene_0", {{"context", {0, 2, 4}}, {"target", {1}}}}});
  const std::vector<std::string> streamed = {"--reading", "streamed", "--model", "nvs-v0"};
  const ProgramResult result = run_program(words(streamed));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("nvs-v0 has no parallel form over streamed views"));
  EXPECT_THAT(result.out, AllOf(HasSubstr("parallel, streamed"), HasSubstr("recurrent, streamed")));
  std::vector<std::string> seen;
  for (const json& row : rows()) {
    EXPECT_EQ(row.at("reading"), "streamed");
    seen.push_back(row.at("model").get<std::string>() + " " + row.at("form").get<std::string>());
  }
  EXPECT_THAT(seen, ElementsAre("nvs recurrent", "nvs parallel", "nvs-v0 recurrent"));
  std::vector<std::string> resume = streamed;
  resume.emplace_back("--resume");
  EXPECT_EQ(run_program(words(resume)).out, result.out);
  EXPECT_EQ(rows().size(), 3U);
  EXPECT_EQ(run_program(words({"--resume"})).exit_code, 2);
}

TEST_F(Protocol, OneBadSceneCostsNoOtherAndIsTriedAgain) {
  write_index({{"scene_0", {{"context", {0, 2}}, {"target", {1}}}},
               {"scene_1", {{"context", {0, 99}}, {"target", {1}}}},
               {"scene_2", {{"context", json::array()}, {"target", {1}}}}});
  const ProgramResult result = run_program(words({"--form", "parallel"}));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, AllOf(HasSubstr("scene_1"), HasSubstr("view 99"), HasSubstr("scene_2")));
  EXPECT_THAT(result.out, HasSubstr("mean of 1 of 3"));
  // With the index mended, only what failed is done; a row of other views counts as missing.
  write_index({{"scene_0", {{"context", {0, 2}}, {"target", {1}}}},
               {"scene_1", {{"context", {0, 3}}, {"target", {1}}}}});
  const ProgramResult mended = run_program(words({"--form", "parallel", "--resume"}));
  EXPECT_EQ(mended.exit_code, 0) << mended.err;
  EXPECT_EQ(rows().size(), 2);
  EXPECT_THAT(mended.out, HasSubstr("mean of 2"));
}

TEST_F(Protocol, LpipsNeedsItsWeights) {
  const fs::path weights = scratch_.path() / "lpips.safetensors";
  const ProgramResult none = run_program(words({"--lpips", weights.string()}));
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.err, AllOf(HasSubstr("lpips.safetensors"), HasSubstr("import lpips, torch")));
  save_safetensors(weights, {.tensors = lpips_weights()});
  write_index({{"scene_0", {{"context", {0, 2}}, {"target", {1}}}},
               {"def", {{"context", {0}}, {"target", {1}}}}});
  const ProgramResult result =
      run_program(words({"--form", "parallel", "--lpips", weights.string()}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  double sum = 0;
  for (const json& row : rows()) {
    EXPECT_GT(row.at("lpips").get<double>(), 0);
    EXPECT_EQ(row.at("lpips"), row.at("views").at(0).at("lpips"));
    sum += row.at("lpips").get<double>() / 2;
  }
  EXPECT_THAT(result.out, AllOf(HasSubstr("LPIPS"), HasSubstr(fmt::format("{:.4f}", sum))));
  // compare without an index has the column, too.
  const ProgramResult plain = run_program({"compare",
                                           (scenes() / "scene_0").string(),
                                           "--model",
                                           "nvs",
                                           "--input-views",
                                           "2",
                                           "--repeats",
                                           "1",
                                           "--lpips",
                                           weights.string(),
                                           "-o",
                                           (scratch_.path() / "plain").string()});
  EXPECT_EQ(plain.exit_code, 0) << plain.err;
  EXPECT_THAT(plain.out, HasSubstr("LPIPS"));
}

TEST_F(Protocol, RequestsThatMakeNoSenseAreRefused) {
  const ProgramResult views = run_program(words({"--input-views", "4"}));
  EXPECT_EQ(views.exit_code, 2);
  EXPECT_THAT(views.err, HasSubstr("--input-views"));
  write_index({{"elsewhere", {{"context", {0, 2}}, {"target", {1}}}}});
  const ProgramResult none = run_program(words());
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.err, AllOf(HasSubstr("none of the index's scenes"), HasSubstr("elsewhere")));
}

TEST_F(Protocol, ScenesAreConverted) {
  const std::string scene = (scenes() / "chunks" / "abc").string();
  const auto convert = [&](const std::string& format) {
    return run_program({"scenes", "convert", scene, file("new").string(), "--format", format});
  };
  const ProgramResult done = convert("colmap");
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("6 views"));
  EXPECT_TRUE(fs::exists(file("new/sparse/0/images.bin")));
  const ProgramResult info = run_program({"info", file("new").string(), "--check-images"});
  EXPECT_THAT(info.out, HasSubstr("colmap scene 'new', 6 views"));
  EXPECT_EQ(convert("transforms").exit_code, 1) << "a scene is there already";
  EXPECT_EQ(convert("ply").exit_code, 2);
  EXPECT_EQ(run_program({"scenes"}).exit_code, 2);
  EXPECT_THAT(run_program({"info", scene}).out, HasSubstr("pixelsplat scene 'abc', 6 views"));
  EXPECT_THAT(run_program({"info", (scenes() / "chunks").string()}).out, HasSubstr("abc"));
}

}  // namespace
}  // namespace parallax::testing
