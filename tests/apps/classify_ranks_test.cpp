// `classify` in several processes, some of which die.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include "apps/classify/classify_ranks.h"
#include "tests/support/classifier_fixture.h"
#include "tests/support/free_port.h"
#include "tests/support/program.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/wait_until.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

RankInfo rank_info(int rank, int world_size, int port) {
  return {
      .rank = rank, .world_size = world_size, .master_address = "127.0.0.1", .master_port = port};
}

constexpr double kPatience = 600;  // seconds; only a hang takes that long

RowFormat two_classes() { return {.runs = {"parallel"}, .labels = numbered_labels(2)}; }

std::vector<NewRow> rows_of(const LeasedBatch& batch) {
  std::vector<NewRow> rows;
  for (const ImageFile& file : batch.files) {
    rows.push_back({.image = {.path = file.path.string(), .error = "only a test"}});
  }
  return rows;
}

// Files 0 … count − 1.
std::function<std::optional<ImageFile>()> numbers(int count) {
  return [count, next = 0]() mutable -> std::optional<ImageFile> {
    return next < count ? std::optional(ImageFile{.path = std::to_string(next++)}) : std::nullopt;
  };
}

TEST(ClassifyRanks, ARankIsLostAfterSilenceAloneAndComesBackWithABeat) {
  KeyValueStore store(rank_info(0, 2, free_port()), "test", kPatience);
  double now = 100;
  LivenessMonitor monitor(5, [&] {
    return LivenessMonitor::Time(std::chrono::milliseconds(static_cast<int64_t>(1000 * now)));
  });
  EXPECT_TRUE(monitor.lives(store, 1));  // never heard of: from now on
  now = 104.9;
  EXPECT_TRUE(monitor.lives(store, 1));
  now = 105;
  EXPECT_FALSE(monitor.lives(store, 1));
  store.add("beats/1", 1);
  EXPECT_TRUE(monitor.lives(store, 1));
  now = 109.9;
  EXPECT_TRUE(monitor.lives(store, 1));
  now = 110;
  EXPECT_FALSE(monitor.lives(store, 1));
}

// The dealer with 20 files and two other ranks, who are as alive as the test says.
class DealtBatches : public ::testing::Test {
 protected:
  // Takes a batch's files from the rank's hand.
  static LeasedBatch take(BatchWorker& hand) {
    LeasedBatch taken;
    const auto first = hand.next_file();
    const auto batch = hand.next_batch();
    taken.id = batch->id;
    taken.files.push_back(*first);
    while (taken.files.size() < batch->count) {
      taken.files.push_back(*hand.next_file());
    }
    return taken;
  }

  void lose(int rank) {
    dead_ = rank;
    ASSERT_TRUE(wait_until([&] { return dealer_.lost() == std::vector<int>{rank}; }));
  }

  const int port_ = free_port();
  KeyValueStore store_{rank_info(0, 3, port_), "test", kPatience};
  KeyValueStore store1_{rank_info(1, 3, port_), "test", kPatience};
  KeyValueStore store2_{rank_info(2, 3, port_), "test", kPatience};
  BatchWorker first_{store1_, 1, kPatience};
  BatchWorker second_{store2_, 2, kPatience};
  std::atomic<int> dead_ = 0;
  std::mutex mutex_;
  std::multiset<std::string> written_;
  BatchCoordinator dealer_{
      store_,
      {.world_size = 3, .batch_size = 3, .lives = [this](int rank) { return rank != dead_; }},
      numbers(20),
      [this](std::vector<NewRow>& rows) {
        const std::lock_guard lock(mutex_);
        for (const NewRow& row : rows) {
          written_.insert(row.image.path);
        }
      },
      two_classes()};
};

// Rank 2 takes a batch and falls silent, and speaks up after it was given up and the batch dealt to
// rank 1.
TEST_F(DealtBatches, WhatALostRankHeldIsDealtAgainAndItsLateResultsAreNotTaken) {
  const LeasedBatch held = take(second_);
  ASSERT_EQ(held.files.size(), 3U);
  lose(2);
  LeasedBatch batch = take(first_);
  EXPECT_EQ(batch.files[0].path, held.files[0].path);
  EXPECT_NE(batch.id, held.id);
  second_.send(held.id, rows_of({.files = {held.files[0], held.files[0]}}), two_classes());
  // Results are taken in turn: with rank 1's, which come later, the late ones were read, too.
  size_t files = batch.files.size();
  first_.send(batch.id, rows_of(batch), two_classes());
  while (files < 20) {
    batch = take(first_);
    files += batch.files.size();
    first_.send(batch.id, rows_of(batch), two_classes());
  }
  EXPECT_FALSE(dealer_.take_left_behind());  // waits for what rank 1 still holds
  first_.leave();
  dealer_.finish();
  EXPECT_EQ(written_.size(), 20U);
  EXPECT_EQ(std::set<std::string>(written_.begin(), written_.end()).size(), 20U);
  EXPECT_EQ(dealer_.images_by_rank(), (std::map<int, int64_t>{{1, 20}}));
}

TEST_F(DealtBatches, WhatALostRankHeldAtTheEndGoesToTheFirst) {
  for (int taken = 0; taken < 6 * 3; taken += 3) {
    const LeasedBatch batch = take(first_);
    first_.send(batch.id, rows_of(batch), two_classes());
  }
  const LeasedBatch held = take(second_);
  ASSERT_EQ(held.files.size(), 2U);
  lose(2);
  const auto left = dealer_.take_left_behind();
  ASSERT_TRUE(left);
  EXPECT_EQ(left->files.size(), 2U);
  EXPECT_EQ(left->files[1].path, held.files[1].path);
  first_.leave();
  dealer_.finish();
  EXPECT_EQ(written_.size(), 18U);
}

class ClassifyProcesses : public ::testing::Test {
 protected:
  static constexpr int kCount = 160;

  void SetUp() override {
    write_random_classifier(path("model.safetensors"), small_vit3(4), 1);
    fs::create_directories(path("images"));
    for (int i = 0; i < 4; ++i) {
      write_random_image(path("seed" + std::to_string(i) + ".png"), 500, 500, i);
    }
    for (int i = 0; i < kCount; ++i) {
      fs::create_hard_link(path("seed" + std::to_string(i % 4) + ".png"),
                           path("images/" + std::to_string(i) + ".png"));
    }
    scratch_.write("images/broken.png", "no picture");
  }

  std::string path(const std::string& name) const { return (scratch_.path() / name).string(); }

  // Rank 0 reads its list of files from the test, which says when there are any and when that was
  // all: before it says so nobody can have come to the end.
  std::unique_ptr<RunningProgram> start(int rank, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"classify",
                                      "-",
                                      "--model",
                                      path("model.safetensors"),
                                      "-o",
                                      path("out"),
                                      "--threads",
                                      "1",
                                      "--workers",
                                      "1",
                                      "--batch-size",
                                      "4"};
    words.insert(words.end(), more.begin(), more.end());
    return std::make_unique<RunningProgram>(
        words,
        ProgramOptions{.environment = {{"RANK", std::to_string(rank)},
                                       {"WORLD_SIZE", std::to_string(world_size_)},
                                       {"MASTER_ADDR", "127.0.0.1"},
                                       {"MASTER_PORT", std::to_string(port_)}},
                       .open_input = true});
  }

  // Waits until these ranks have joined.
  void expect_joined(const std::vector<int>& ranks) const {
    KeyValueStore store(rank_info(1, world_size_, port_), "parallax/classify/0", kPatience);
    EXPECT_TRUE(wait_until([&] {
      return std::all_of(ranks.begin(), ranks.end(), [&](int rank) {
        return store.add("beats/" + std::to_string(rank), 0) > 0;
      });
    }));
  }

  void list(RunningProgram& program, int begin, int end) const {
    for (int i = begin; i < end; ++i) {
      program.write_input(path("images/" + std::to_string(i) + ".png") + "\n");
    }
  }

  void end_list(RunningProgram& program) const {
    program.write_input(path("images/broken.png") + "\n");
    program.close_input();
  }

  int64_t lines() const {
    const std::string text = read_bytes(path("out/results.jsonl"));
    return std::count(text.begin(), text.end(), '\n');
  }

  void expect_each_once() const {
    std::ifstream file(path("out/results.jsonl"));
    std::set<std::string> seen;
    size_t lines = 0;
    for (std::string line; std::getline(file, line); ++lines) {
      seen.insert(json::parse(line).at("path").get<std::string>());
    }
    EXPECT_EQ(lines, kCount + 1U);
    EXPECT_EQ(seen.size(), kCount + 1U);
  }

  ScratchFolder scratch_;
  const int port_ = free_port();
  int world_size_ = 2;
};

TEST_F(ClassifyProcesses, TwoShareTheWorkAndWriteOneFile) {
  const std::vector<std::string> patient = {"--rank-timeout", std::to_string(kPatience)};
  const auto first = start(0, patient);
  const auto second = start(1, patient);
  expect_joined({0, 1});
  list(*first, 0, kCount);
  end_list(*first);
  const ProgramResult result = first->wait();
  EXPECT_EQ(result.exit_code, 3) << result.err;  // one image is broken
  const ProgramResult other = second->wait();
  EXPECT_EQ(other.exit_code, 0) << other.err;
  EXPECT_EQ(other.out, "");
  expect_each_once();
  const json summary = json::parse(read_bytes(path("out/summary.json")));
  EXPECT_EQ(summary.at("images"), kCount + 1);
  EXPECT_EQ(summary.at("broken"), 1);
}

TEST_F(ClassifyProcesses, OneOfThreeIsKilledOnTheWay) {
  world_size_ = 3;
  const auto first = start(0);
  const auto second = start(1, {"--rank-timeout", std::to_string(kPatience)});
  const auto third = start(2);
  expect_joined({0, 1, 2});
  list(*first, 0, kCount / 2);
  ASSERT_TRUE(wait_until([&] { return lines() >= 30; }));
  third->send(SIGKILL);
  EXPECT_EQ(third->wait().exit_code, 128 + SIGKILL);
  list(*first, kCount / 2, kCount);
  end_list(*first);
  const ProgramResult result = first->wait();
  EXPECT_EQ(result.exit_code, 3) << result.err;
  const ProgramResult other = second->wait();
  EXPECT_EQ(other.exit_code, 0) << other.err;
  expect_each_once();
}

TEST_F(ClassifyProcesses, DifferentOptionsAreAnError) {
  const auto first = start(0, {path("images")});
  const auto second = start(1, {"--topk", "2"});
  const ProgramResult other = second->wait();
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("different options"));
  first->close_input();
  const ProgramResult result = first->wait();
  EXPECT_EQ(result.exit_code, 3) << result.err;  // does all of it alone
  expect_each_once();
}

}  // namespace
}  // namespace parallax::testing
