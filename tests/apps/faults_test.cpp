// Writing fails somewhere in a command: it says so, what was there before stays whole, and the same
// command finishes the work once the fault is gone.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "core/image/image.h"
#include "core/io/checkpoint.h"
#include "tests/support/classifier_fixture.h"
#include "tests/support/display.h"
#include "tests/support/faults.h"
#include "tests/support/scene_fixture.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/wait_until.h"
#include "vision/scene/formats/load_scene.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> split(const std::string& line) {
  std::istringstream stream(line);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::vector<std::string> lines_of(const fs::path& file) {
  std::ifstream stream(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

// Every file under its final name is whole; only those that grow row by row may end in a part of
// one.
void expect_whole_files(const fs::path& folder) {
  if (!fs::exists(folder)) {
    return;
  }
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const fs::path& path = entry.path();
    const std::string extension = path.extension();
    SCOPED_TRACE(path);
    if (extension == ".json") {
      EXPECT_FALSE(json::parse(read_bytes(path), nullptr, false).is_discarded());
    } else if (extension == ".png") {
      EXPECT_NO_THROW(read_image(path));
    } else if (extension == ".safetensors") {
      EXPECT_NO_THROW(load_checkpoint(path));
    } else if (extension == ".html") {
      EXPECT_THAT(read_bytes(path), HasSubstr("</html>"));
    }
  }
}

// A command that writes into `folder`.
struct FaultScenario {
  std::vector<std::string> arguments;
  fs::path folder;
  std::function<void()> prepare;      // what is there before the command
  std::function<void()> expect_done;  // the work is complete and right
  ProgramOptions options = {};
};

// The fault at each of some calls. A failed call may be of no account, such as flushing a folder:
// then the work is complete.
void walk_faults(const FaultScenario& scenario, long sample) {
  const auto begin_anew = [&] {
    fs::remove_all(scenario.folder);
    scenario.prepare();
  };
  begin_anew();
  const FaultyRun whole =
      run_with_fault(scenario.arguments, {.folder = scenario.folder}, scenario.options);
  ASSERT_EQ(whole.result.exit_code, 0) << whole.result.err;
  ASSERT_NO_FATAL_FAILURE(scenario.expect_done());
  ASSERT_GT(whole.calls, 3);
  constexpr const char* kKinds[] = {"full", "io", "short"};
  const bool every = std::getenv("PARALLAX_ALL_FAULTS") != nullptr;
  size_t turn = 0;
  for (const long at : calls_to_fail(whole.calls, sample)) {
    for (size_t k = 0; k < (every ? std::size(kKinds) : 1); ++k) {
      const std::string kind = kKinds[every ? k : turn++ % std::size(kKinds)];
      begin_anew();
      const FaultyRun run = run_with_fault(scenario.arguments,
                                           {.folder = scenario.folder, .kind = kind, .at = at},
                                           scenario.options);
      SCOPED_TRACE(fmt::format("{} at call {} ({}): exit code {}, {}",
                               kind,
                               at,
                               run.last_call,
                               run.result.exit_code,
                               run.result.err));
      expect_whole_files(scenario.folder);
      if (run.result.exit_code == 0) {
        ASSERT_NO_FATAL_FAILURE(scenario.expect_done());
        continue;
      }
      EXPECT_THAT(run.result.exit_code, AnyOf(1, 3));
      EXPECT_NE(kind, "short");
      EXPECT_THAT(run.result.err, HasSubstr(scenario.folder.filename().string()));
      EXPECT_THAT(run.result.err,
                  HasSubstr(kind == "full" ? "No space left on device" : "Input/output error"));
      EXPECT_THAT(run.result.err, Not(HasSubstr("filesystem error")));
      const ProgramResult again = run_program_with(scenario.arguments, scenario.options);
      ASSERT_EQ(again.exit_code, 0) << again.err;
      ASSERT_NO_FATAL_FAILURE(scenario.expect_done());
      expect_whole_files(scenario.folder);
    }
  }
}

class Faults : public ::testing::Test {
 protected:
  fs::path path(const std::string& name) const { return scratch_.path() / name; }
  static std::string scene(const std::string& name) {
    return std::string(PARALLAX_SOURCE_DIR) + "/assets/scenes/" + name;
  }

  ScratchFolder scratch_;
};

TEST_F(Faults, TrainingKeepsItsLastCheckpoint) {
  const std::string common =
      "train nvs --dim 32 --layers 1 --attention-head-dim 16 --ttt-head-dim 16 --size 16x16 "
      "--batch-size 2 --input-views 2 --target-views 1 --samples 1 --evaluation-scenes 1 "
      "--warmup-steps 2 --checkpoint-every 1 --evaluate-every 2 --log-every 1 --quiet --threads 1 "
      "--steps 4 --resume -o ";
  const ProgramResult two = run_program(split(common + path("two").string() + " --stop-after 2"));
  ASSERT_EQ(two.exit_code, 0) << two.err;
  const ProgramResult four = run_program(split(common + path("four").string()));
  ASSERT_EQ(four.exit_code, 0) << four.err;
  const Checkpoint expected = load_checkpoint(path("four/model.safetensors"));
  walk_faults({.arguments = split(common + path("run").string()),
               .folder = path("run"),
               .prepare = [&] { fs::copy(path("two"), path("run"), fs::copy_options::recursive); },
               .expect_done =
                   [&] {
                     const Checkpoint got = load_checkpoint(path("run/model.safetensors"));
                     for (const auto& [name, tensor] : expected.tensors) {
                       ASSERT_TRUE(tensor.equal(got.tensors.at(name))) << name;
                     }
                     std::multiset<int64_t> steps;
                     for (const std::string& line : lines_of(path("run/log.jsonl"))) {
                       const json record = json::parse(line);
                       if (record.at("kind") == "step") {
                         steps.insert(record.at("step").get<int64_t>());
                       }
                     }
                     ASSERT_EQ(steps, (std::multiset<int64_t>{1, 2, 3, 4}));
                   }},
              7);
}

TEST_F(Faults, ClassifyHasEveryRowOnce) {
  write_random_classifier(path("model.safetensors"), small_vit3(4), 1);
  for (int i = 0; i < 12; ++i) {
    fs::create_directories(path("images"));
    write_random_image(path(fmt::format("images/{}.png", i)), 40, 40, i);
  }
  walk_faults(
      {.arguments = {"classify",
                     path("images"),
                     "--model",
                     path("model.safetensors"),
                     "-o",
                     path("out"),
                     "--batch-size",
                     "4",
                     "--threads",
                     "1",
                     "--quiet",
                     "--resume"},
       .folder = path("out"),
       .prepare = [] {},
       .expect_done =
           [&] {
             std::multiset<std::string> names;
             for (const std::string& line : lines_of(path("out/results.jsonl"))) {
               names.insert(fs::path(json::parse(line).at("path").get<std::string>()).stem());
             }
             ASSERT_EQ(names.size(), 12U);
             ASSERT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 12U);
             ASSERT_EQ(lines_of(path("out/results.csv")).size(), 13U);
             ASSERT_EQ(json::parse(read_bytes(path("out/summary.json"))).at("images"), 12);
             ASSERT_TRUE(fs::exists(path("out/index.html")));
           }},
      7);
}

TEST_F(Faults, CompareHasEveryRow) {
  walk_faults({.arguments = {"compare",
                             scene("procedural_a"),
                             "--model",
                             "nvs-v5",
                             "--model",
                             "nvs-v6",
                             "--target-views",
                             "9",
                             "--repeats",
                             "1",
                             "--threads",
                             "1",
                             "-o",
                             path("out"),
                             "--quiet",
                             "--resume"},
               .folder = path("out"),
               .prepare = [] {},
               .expect_done =
                   [&] {
                     const json results = json::parse(read_bytes(path("out/compare.json")));
                     ASSERT_EQ(results.at("scenes").at(0).at("models").size(), 2U);
                   }},
              5);
}

TEST_F(Faults, RenderFinishesWhenRunAgain) {
  walk_faults({.arguments = {"render",
                             scene("procedural_a"),
                             "--model",
                             "nvs-v6",
                             "--form",
                             "parallel",
                             "--target-views",
                             "9,17",
                             "--threads",
                             "1",
                             "-o",
                             path("out"),
                             "--quiet"},
               .folder = path("out"),
               .prepare = [] {},
               .expect_done =
                   [&] {
                     ASSERT_TRUE(fs::exists(path("out/summary.json")));
                     ASSERT_TRUE(fs::exists(path("out/contact_sheet.png")));
                     ASSERT_EQ(lines_of(path("out/metrics.jsonl")).size(), 2U);
                   }},
              5);
}

TEST_F(Faults, ConvertedScenesLackNoView) {
  const Scene small = make_small_scene(path("scene"));
  write_text(path("scene/opencv_cameras.json"), opencv_document(small).dump());
  for (const char* format : {"opencv", "transforms", "colmap"}) {
    SCOPED_TRACE(format);
    walk_faults(
        {.arguments =
             {"scenes", "convert", path("scene"), path("out"), "--format", format, "--quiet"},
         .folder = path("out"),
         .prepare = [] {},
         .expect_done =
             [&] {
               const Scene converted = load_scene(path("out"));
               ASSERT_EQ(converted.views.size(), small.views.size());
               for (size_t i = 0; i < small.views.size(); ++i) {
                 ASSERT_EQ(read_bytes(converted.views[i].image_path),
                           read_bytes(small.views[i].image_path));
               }
             }},
        4);
  }
}

TEST_F(Faults, ScenesAreFinishedWithResume) {
  const auto arguments = split("scenes " + path("out").string() +
                               " --count 3 --views 2 --size 16x16 --samples 1 --quiet --resume");
  walk_faults({.arguments = arguments,
               .folder = path("out"),
               .prepare = [] {},
               .expect_done =
                   [&] {
                     for (int i = 0; i < 3; ++i) {
                       const Scene scene = load_scene(path(fmt::format("out/scene_{:05d}", i)));
                       ASSERT_EQ(scene.views.size(), 2U);
                     }
                   }},
              6);
  // Other options would make scenes of another kind beside these.
  auto other = arguments;
  other.insert(other.end(), {"--difficulty", "mixed"});
  const ProgramResult refused = run_program(other);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("other options"));
}

// Killed at counted calls, one after the other, until nothing is left to do.
TEST_F(Faults, KillsLoseNoRowAndLeaveNothingBehind) {
  write_random_classifier(path("model.safetensors"), small_vit3(4), 1);
  fs::create_directories(path("images"));
  for (int i = 0; i < 12; ++i) {
    write_random_image(path(fmt::format("images/{}.png", i)), 40, 40, i);
  }
  const std::vector<std::string> arguments = {"classify",
                                              path("images"),
                                              "--model",
                                              path("model.safetensors"),
                                              "-o",
                                              path("out"),
                                              "--batch-size",
                                              "2",
                                              "--threads",
                                              "1",
                                              "--quiet",
                                              "--resume"};
  int kills = 0;
  for (long at = 2; at < 40; at += 3) {
    const FaultyRun run =
        run_with_fault(arguments, {.folder = path("out"), .kind = "kill", .at = at});
    kills += run.result.exit_code == 128 + SIGKILL ? 1 : 0;
    if (run.result.exit_code == 0) {
      break;
    }
  }
  EXPECT_GE(kills, 4);
  const ProgramResult last = run_program(arguments);
  ASSERT_EQ(last.exit_code, 0) << last.err;
  std::set<std::string> names;
  const std::vector<std::string> lines = lines_of(path("out/results.jsonl"));
  for (const std::string& line : lines) {
    names.insert(json::parse(line).at("path").get<std::string>());
  }
  EXPECT_EQ(lines.size(), 12U);
  EXPECT_EQ(names.size(), 12U);
  EXPECT_EQ(lines_of(path("out/results.csv")).size(), 13U);
  for (const auto& entry : fs::directory_iterator(path("out"))) {
    EXPECT_NE(entry.path().extension(), ".tmp") << entry.path();
  }
}

// The viewer's layout of the last session, which is stored at its end.
TEST_F(Faults, TheViewersLayoutStaysWhole) {
  const VirtualDisplay display;
  if (display.name().empty()) {
    GTEST_SKIP() << "there is no Xvfb on this machine";
  }
  const fs::path script = path("script.json");
  write_text(script, "[]");
  const ProgramOptions options{.environment = {{"DISPLAY", display.name()},
                                               {"XDG_CONFIG_HOME", path("config").string()},
                                               {"XDG_DATA_HOME", path("data").string()},
                                               {"LIBGL_ALWAYS_SOFTWARE", "1"}}};
  const std::vector<std::string> view = {"view", "--script", script.string()};
  const FaultyRun whole = run_with_fault(view, {.folder = path("config")}, options);
  ASSERT_EQ(whole.result.exit_code, 0) << whole.result.err;
  ASSERT_GT(whole.calls, 3);
  const auto stored = [&] {
    std::vector<std::string> layouts;
    for (const auto& entry : fs::recursive_directory_iterator(path("config"))) {
      if (entry.is_regular_file()) {
        EXPECT_EQ(entry.path().extension(), ".json");
        layouts.push_back(read_bytes(entry.path()));
      }
    }
    return layouts;
  };
  const auto before = stored();
  ASSERT_EQ(before.size(), 1U);
  EXPECT_FALSE(json::parse(before[0], nullptr, false).is_discarded());
  for (const char* kind : {"full", "io"}) {
    const FaultyRun run =
        run_with_fault(view, {.folder = path("config"), .kind = kind, .at = 1}, options);
    EXPECT_EQ(run.result.exit_code, 3) << run.last_call;
    EXPECT_THAT(run.result.err, HasSubstr("the layout was not stored"));
    EXPECT_THAT(run.result.err, HasSubstr(path("config").string()));
    EXPECT_EQ(stored(), before);
  }
}

// ---- two programs at once

// As on some network file systems.
TEST_F(Faults, FileSystemsWithoutLocksAreWrittenTo) {
  const ProgramResult made =
      run_with_fault(split("scenes " + path("out").string() +
                           " --count 1 --views 1 --size 16x16 --samples 1 --quiet"),
                     {.folder = path("out")},
                     {.environment = {{"PARALLAX_FAULT_LOCKS", "none"}}})
          .result;
  EXPECT_EQ(made.exit_code, 0) << made.err;
  EXPECT_EQ(load_scene(path("out/scene_00000")).views.size(), 1U);
}

TEST_F(Faults, AFolderInUseIsRefusedUntilItsProgramIsDead) {
  write_random_classifier(path("model.safetensors"), small_vit3(4), 1);
  fs::create_directories(path("images"));
  write_random_image(path("images/a.png"), 40, 40, 1);
  const std::vector<std::string> classify = {"classify",
                                             "-",
                                             "--model",
                                             path("model.safetensors"),
                                             "-o",
                                             path("out"),
                                             "--threads",
                                             "1",
                                             "--quiet"};
  RunningProgram first(classify, {.open_input = true});  // waits for its list
  ASSERT_TRUE(wait_until([&] { return fs::exists(path("out/run.json")) || first.has_ended(); }));
  const std::string out = path("out").string();
  const std::vector<std::vector<std::string>> others = {
      {"classify", path("images"), "--model", path("model.safetensors"), "-o", out},
      split("scenes " + out + " --count 1 --views 1 --size 16x16"),
      {"scenes", "convert", scene("procedural_a"), out},
      {"render", scene("procedural_a"), "-o", out, "--target-views", "9"},
      {"compare", scene("procedural_a"), "-o", out, "--target-views", "9"},
      split("train nvs --dim 32 --layers 1 --attention-head-dim 16 --ttt-head-dim 16 --size 16x16 "
            "--batch-size 2 --steps 1 --evaluate-every 0 -o " +
            out)};
  for (const auto& other : others) {
    SCOPED_TRACE(other.front());
    const ProgramResult refused = run_program(other);
    EXPECT_EQ(refused.exit_code, 1) << refused.err;
    EXPECT_THAT(refused.err, HasSubstr("another process is writing results into this folder"));
  }
  first.send(SIGKILL);
  first.wait();
  const ProgramResult after = run_program(others.front());
  EXPECT_EQ(after.exit_code, 0) << after.err;
}

}  // namespace
}  // namespace parallax::testing
