// `parallax train nvs` and `parallax scenes` as users run them: reaching a stated loss, surviving
// kills and signals, over several processes and hosts.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "core/image/image.h"
#include "core/io/checkpoint.h"
#include "tests/support/free_port.h"
#include "tests/support/program.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/wait_until.h"
#include "vision/synth/random.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::vector<std::string> words(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> list;
  for (std::string word; stream >> word;) {
    list.push_back(word);
  }
  return list;
}

const std::string kTiny =
    "train nvs --dim 32 --layers 2 --attention-head-dim 16 --ttt-head-dim 16 --size 16x16 "
    "--batch-size 4 --input-views 2-3 --target-views 2 --samples 1 --evaluation-scenes 2 "
    "--warmup-steps 2 --quiet --threads 1";

std::vector<std::string> tiny_training(const fs::path& output, const std::string& more) {
  return words(kTiny + " -o " + output.string() + " " + more);
}

// The last whole line of the log; null before there is one.
nlohmann::json last_record(const fs::path& run) {
  const std::string text =
      fs::exists(run / "log.jsonl") ? read_bytes(run / "log.jsonl") : std::string();
  const size_t end = text.rfind('\n');
  if (end == std::string::npos) {
    return {};
  }
  const size_t begin = end == 0 ? std::string::npos : text.rfind('\n', end - 1);
  return nlohmann::json::parse(text.substr(begin + 1, end - begin - 1));
}

// -1 before there is a line.
int64_t logged_step(const fs::path& run) {
  const nlohmann::json record = last_record(run);
  return record.is_null() ? -1 : record.at("step").get<int64_t>();
}

TEST(TrainProgram, ReachesTheStatedLossFromNothing) {
  const ScratchFolder scratch;
  // Measured with seeds 1 to 4: 15.75 to 15.90 dB.
  const ProgramResult result = run_program(words(
      "train nvs --dim 64 --layers 3 --attention-head-dim 32 --ttt-head-dim 64 --size 16x16 "
      "--batch-size 16 --input-views 4 --samples 1 --steps 300 --log-every 100 --evaluate-every 0 "
      "--evaluation-scenes 32 --threads 1 --json - -o " +
      (scratch.path() / "run").string()));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json results = nlohmann::json::parse(result.out);
  EXPECT_GT(results.at("held_out_psnr").get<double>(), 15.5) << result.out;
  for (const char* file : {"log.jsonl", "training.html", "training.png", "model.safetensors"}) {
    EXPECT_TRUE(fs::exists(scratch.path() / "run" / file)) << file;
  }
  EXPECT_GT(read_image(scratch.path() / "run" / "training.png").cols, 500);
}

// Goes on with the run and kills it some steps later. A step's line is written before its
// checkpoint: killed after "step" it dies while it saves, after "checkpoint" while it trains.
void kill_after(const std::vector<std::string>& arguments,
                const fs::path& run,
                int64_t steps,
                const std::string& kind) {
  const int64_t target = logged_step(run) + steps;
  RunningProgram program(arguments);
  ASSERT_TRUE(wait_until([&] {
    const nlohmann::json record = last_record(run);
    return program.has_ended() ||
           (!record.is_null() && record.at("step") > target && record.at("kind") == kind);
  }));
  program.send(SIGKILL);
  const ProgramResult result = program.wait();
  ASSERT_EQ(result.exit_code, 128 + SIGKILL) << result.err;
}

void expect_same_tensors(const fs::path& a, const fs::path& b) {
  // Times differ between the files' metadata; the tensors must not.
  const Checkpoint one = load_checkpoint(a);
  const Checkpoint other = load_checkpoint(b);
  ASSERT_EQ(one.tensors.size(), other.tensors.size());
  for (const auto& [name, tensor] : one.tensors) {
    EXPECT_TRUE(tensor.equal(other.tensors.at(name))) << name;
  }
}

TEST(TrainProgram, StreamedRunsStaySoAndSaySo) {
  const ScratchFolder scratch;
  const fs::path run = scratch.path() / "run";
  const std::string streamed = "--streamed --variant elastic --steps 4 ";
  ASSERT_EQ(run_program(tiny_training(run, streamed + "--stop-after 2")).exit_code, 0);
  const ProgramResult changed =
      run_program(tiny_training(run, "--variant elastic --steps 4 --resume"));
  EXPECT_EQ(changed.exit_code, 2);
  EXPECT_THAT(changed.err, HasSubstr("form was \"parallel, streamed\", is \"parallel\""));
  const ProgramResult done = run_program(tiny_training(run, streamed + "--resume"));
  ASSERT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(run_program({"info", (run / "model.safetensors").string()}).out,
              HasSubstr("reading: streamed"));
  const ProgramResult rendered = run_program(words(
      "render " PARALLAX_SOURCE_DIR "/assets/scenes/procedural_a --model " + run.string() +
      " --size 16x16 --input-views 2 --target-views 1 -o " + (scratch.path() / "out").string()));
  EXPECT_EQ(rendered.exit_code, 0) << rendered.err;
  EXPECT_THAT(rendered.err, HasSubstr("reads views one after the other, as it was trained to"));
  EXPECT_THAT(rendered.out, HasSubstr("2 input views one after the other"));

  const ProgramResult refused =
      run_program(tiny_training(scratch.path() / "none", "--streamed --variant 0 --steps 1"));
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err,
              HasSubstr("no parallel form over streamed views: W0 and W2 are updated"));
  const ProgramResult recurrent = run_program(
      tiny_training(scratch.path() / "row-0", "--streamed --variant 0 --form recurrent --steps 1"));
  EXPECT_EQ(recurrent.exit_code, 0) << recurrent.err;
}

TEST(TrainProgram, TenKillsChangeNothing) {
  const ScratchFolder scratch;
  // More steps than any machine does: the run never ends before it is killed.
  const std::string run =
      "--steps 1000000000 --checkpoint-every 1 --evaluate-every 17 --log-every 1 --resume";
  const fs::path killed = scratch.path() / "killed";
  Random random(20);
  for (int kills = 0; kills < 10; ++kills) {
    SCOPED_TRACE(kills);
    const auto steps = static_cast<int64_t>(random.uniform(0, 6));
    ASSERT_NO_FATAL_FAILURE(kill_after(
        tiny_training(killed, run), killed, steps, kills % 2 == 0 ? "step" : "checkpoint"));
  }
  // How far it came depends on the machine; a run without kills up to there is the same.
  const int64_t end = logged_step(killed) + 5;
  const std::string to_the_end = run + " --stop-after " + std::to_string(end);
  const ProgramResult last = run_program(tiny_training(killed, to_the_end));
  ASSERT_EQ(last.exit_code, 0) << last.err;
  const fs::path whole = scratch.path() / "whole";
  ASSERT_EQ(run_program(tiny_training(whole, to_the_end)).exit_code, 0);
  const std::string name = fmt::format("checkpoints/step-{:012d}.safetensors", end);
  expect_same_tensors(whole / name, killed / name);
  // Each step is in the log once.
  std::istringstream lines(read_bytes(killed / "log.jsonl"));
  std::set<int64_t> steps;
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json record = nlohmann::json::parse(line);
    if (record.at("kind") == "step") {
      EXPECT_TRUE(steps.insert(record.at("step").get<int64_t>()).second);
    }
  }
  EXPECT_EQ(steps.size(), static_cast<size_t>(end));
}

TEST(TrainProgram, SavesAndEndsOnSigterm) {
  const ScratchFolder scratch;
  const fs::path run = scratch.path() / "run";
  const std::string options = "--steps 1000000000 --checkpoint-every 1000000000 --log-every 1";
  RunningProgram program(tiny_training(run, options));
  ASSERT_TRUE(wait_until([&] { return logged_step(run) > 2; }));
  program.send(SIGTERM);
  EXPECT_EQ(program.wait().exit_code, 75);  // what a launcher is to start again
  const auto checkpoints = std::distance(fs::directory_iterator(run / "checkpoints"), {});
  EXPECT_EQ(checkpoints, 1);
  const ProgramResult again = run_program(tiny_training(run, options));
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_THAT(again.err, HasSubstr("--resume"));
}

// ---- several processes

ProgramOptions as_rank(int rank, int world_size, const std::string& address, int port) {
  return {.environment = {{"RANK", std::to_string(rank)},
                          {"WORLD_SIZE", std::to_string(world_size)},
                          {"MASTER_ADDR", address},
                          {"MASTER_PORT", std::to_string(port)}}};
}

const std::string kEightSteps = "--steps 8 --evaluate-every 0 --json - --rank-timeout 600";

double final_score(const ProgramResult& result) {
  return nlohmann::json::parse(result.out).at("score").get<double>();
}

TEST(TrainProgram, TwoProcessesTrainAsOne) {
  const ScratchFolder scratch;
  const std::string& options = kEightSteps;
  const ProgramResult alone = run_program(tiny_training(scratch.path() / "one", options));
  ASSERT_EQ(alone.exit_code, 0) << alone.err;
  const int port = free_port();
  const auto arguments = tiny_training(scratch.path() / "two", options);
  RunningProgram first(arguments, as_rank(0, 2, "127.0.0.1", port));
  RunningProgram second(arguments, as_rank(1, 2, "127.0.0.1", port));
  const ProgramResult from_first = first.wait();
  ASSERT_EQ(from_first.exit_code, 0) << from_first.err;
  const ProgramResult from_second = second.wait();
  EXPECT_EQ(from_second.exit_code, 0) << from_second.err;
  EXPECT_EQ(from_second.out, "");
  EXPECT_NEAR(final_score(from_first), final_score(alone), 1e-3);  // dB, after 8 steps
}

TEST(TrainProgram, ALostRankEndsTheOthersAndLeavesAUsableCheckpoint) {
  const ScratchFolder scratch;
  const fs::path run = scratch.path() / "run";
  const int port = free_port();
  const std::string options =
      "--steps 1000000000 --checkpoint-every 1000000000 --log-every 1 --rank-timeout 120";
  RunningProgram first(tiny_training(run, options), as_rank(0, 2, "127.0.0.1", port));
  RunningProgram second(tiny_training(run, options), as_rank(1, 2, "127.0.0.1", port));
  ASSERT_TRUE(wait_until([&] { return logged_step(run) > 2; }));
  second.send(SIGKILL);
  ASSERT_TRUE(wait_until([&] { return first.has_ended(); }));
  const ProgramResult result = first.wait();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("another rank is lost"));
  EXPECT_THAT(result.err, HasSubstr("--resume"));
  // Every step up to the checkpoint is in the log, that in which the rank was lost included.
  std::set<int64_t> steps;
  std::istringstream lines(read_bytes(run / "log.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    steps.insert(nlohmann::json::parse(line).at("step").get<int64_t>());
  }
  EXPECT_TRUE(fs::exists(run / fmt::format("checkpoints/step-{:012d}.safetensors",
                                           static_cast<int64_t>(steps.size()))));
  // Its checkpoint can be resumed, here with one process.
  RunningProgram resumed(tiny_training(run, options + " --resume"));
  const int64_t saved = logged_step(run);
  EXPECT_TRUE(wait_until([&] { return logged_step(run) > saved; }));
  resumed.send(SIGTERM);
  const ProgramResult end = resumed.wait();
  EXPECT_EQ(end.exit_code, 75) << end.err;
}

// Two network namespaces joined by a cable: hosts that reach each other at addresses other than
// those of their own names.
class TwoHosts {
 public:
  TwoHosts() {
    const std::string id = std::to_string(getpid());
    a_ = "plxa" + id;
    b_ = "plxb" + id;
    works_ =
        run("ip netns add " + a_) && run("ip netns add " + b_) &&
        run("ip link add " + a_ + " netns " + a_ + " type veth peer name " + b_ + " netns " + b_) &&
        run("ip -n " + a_ + " addr add 10.199.77.1/24 dev " + a_) &&
        run("ip -n " + b_ + " addr add 10.199.77.2/24 dev " + b_) &&
        run("ip -n " + a_ + " link set " + a_ + " up") &&
        run("ip -n " + b_ + " link set " + b_ + " up") && run("ip -n " + a_ + " link set lo up") &&
        run("ip -n " + b_ + " link set lo up");
  }
  ~TwoHosts() {
    run("ip netns del " + a_);
    run("ip netns del " + b_);
  }
  TwoHosts(const TwoHosts&) = delete;
  TwoHosts& operator=(const TwoHosts&) = delete;

  bool works() const { return works_; }
  std::vector<std::string> wrapper(int host) const {
    return {"ip", "netns", "exec", host == 0 ? a_ : b_};
  }

 private:
  static bool run(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
  }
  std::string a_;
  std::string b_;
  bool works_ = false;
};

TEST(TrainProgram, TrainsOverTwoHosts) {
  const TwoHosts hosts;
  if (!hosts.works()) {
    GTEST_SKIP() << "network namespaces cannot be made here (that needs root and iproute2)";
  }
  const ScratchFolder scratch;
  const auto arguments = tiny_training(scratch.path() / "run", kEightSteps);
  ProgramOptions first_host = as_rank(0, 2, "10.199.77.1", 29533);
  ProgramOptions second_host = as_rank(1, 2, "10.199.77.1", 29533);
  first_host.wrapper = hosts.wrapper(0);
  second_host.wrapper = hosts.wrapper(1);
  RunningProgram first(arguments, first_host);
  RunningProgram second(arguments, second_host);
  const ProgramResult result = first.wait();
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(second.wait().exit_code, 0);
  const ProgramResult alone = run_program(tiny_training(scratch.path() / "one", kEightSteps));
  EXPECT_NEAR(final_score(result), final_score(alone), 1e-3);
}

// ---- one scene

TEST(TrainProgram, AdaptsToASceneAndReportsBothEnds) {
  const ScratchFolder scratch;
  const std::string scene =
      (fs::path(PARALLAX_SOURCE_DIR) / "assets" / "scenes" / "procedural_b").string();
  const ProgramResult result = run_program(
      words("train nvs --scene " + scene +
            " --size 32x32 --input-views 20 --steps 30 --evaluate-every 10 --warmup-steps 5 "
            "--threads 1 --quiet --json - -o " +
            (scratch.path() / "run").string()));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json results = nlohmann::json::parse(result.out);
  EXPECT_GT(results.at("after").at("psnr").get<double>(),
            results.at("before").at("psnr").get<double>() + 0.5);
  const ProgramResult rendered =
      run_program({"render",
                   scene,
                   "--model",
                   (scratch.path() / "run" / "model.safetensors").string(),
                   "--target-views",
                   "2",
                   "--turntable",
                   "0",
                   "-o",
                   (scratch.path() / "out").string()});
  EXPECT_EQ(rendered.exit_code, 0) << rendered.err;
}

// ---- wrong usage

TEST(TrainProgram, RefusesWhatMakesNoSense) {
  const ScratchFolder scratch;
  const fs::path run = scratch.path() / "run";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"--variant 9", "variant"},
      {"--size 20x20", "--size"},
      {"--batch-size 3 --accumulate 2", "--batch-size"},
      {"--batch-size 0", "--batch-size"},
      {"--input-views 8-4", "--input-views"},
      {"--difficulty hard", "family"},
      {"--optimiser sgd", "--optimiser"},
      {"--form both", "--form"},
      {"--dtype float8", "dtype"},
      {"--init nothing-like-it", "nothing-like-it"},
      {"--steps 0", "--steps"}};
  for (const auto& [arguments, named] : cases) {
    const ProgramResult result = run_program(tiny_training(run, arguments));
    EXPECT_EQ(result.exit_code, 2) << arguments << result.err;
    EXPECT_THAT(result.err, HasSubstr(named)) << arguments;
  }
}

// ---- scenes

TEST(ScenesProgram, TheSameSeedGivesTheSameFiles) {
  const ScratchFolder scratch;
  for (const char* name : {"a", "b"}) {
    const ProgramResult result =
        run_program(words("scenes " + (scratch.path() / name).string() +
                          " --count 3 --views 4 --size 32x24 --samples 2 --difficulty 0.7"));
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  int files = 0;
  for (const auto& entry : fs::recursive_directory_iterator(scratch.path() / "a")) {
    if (entry.is_regular_file()) {
      const fs::path other = scratch.path() / "b" / fs::relative(entry, scratch.path() / "a");
      EXPECT_EQ(read_bytes(entry.path()), read_bytes(other)) << other;
      ++files;
    }
  }
  EXPECT_EQ(files, 3 * 5 + 1);  // and the settings, for --resume
  const ProgramResult info =
      run_program({"info", (scratch.path() / "a" / "scene_00002").string(), "--check-images"});
  EXPECT_EQ(info.exit_code, 0) << info.err;
}

TEST(ScenesProgram, RendersMeshesAndReportsBrokenOnes) {
  const ScratchFolder scratch;
  const fs::path good = scratch.write("tetra.obj",
                                      "v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 1\n"
                                      "f 1 3 2\nf 1 2 4\nf 1 4 3\nf 2 3 4\n");
  const fs::path bad = scratch.write("broken.obj", "this is no mesh");
  const fs::path out = scratch.path() / "out";
  const ProgramResult result =
      run_program(words("scenes " + out.string() + " --mesh " + good.string() + " " + bad.string() +
                        " --views 2 --size 16x16 --background #ff0000"));
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.err, HasSubstr("broken.obj"));
  const cv::Mat picture = read_image(out / "tetra" / "renderings" / "00000000_rgba.png");
  ASSERT_EQ(picture.channels(), 4);
  EXPECT_EQ(picture.at<cv::Vec4b>(0, 0), cv::Vec4b(255, 0, 0, 255));
}

}  // namespace
}  // namespace parallax::testing
