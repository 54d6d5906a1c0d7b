// `classify` in several processes, some of which die.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "apps/classify/classify_ranks.h"
#include "tests/support/classifier_fixture.h"
#include "tests/support/free_port.h"
#include "tests/support/program.h"
#include "tests/support/scratch_folder.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

RankInfo rank_info(int rank, int world_size, int port) {
  return {
      .rank = rank, .world_size = world_size, .master_address = "127.0.0.1", .master_port = port};
}

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

// Rank 1 answers; rank 2 takes batches, falls silent, and sends results after it was considered
// lost.
TEST(ClassifyRanks, WhatALostRankHeldIsDealtAgainAndItsLateResultsAreNotTaken) {
  const int port = free_port();
  KeyValueStore store(rank_info(0, 3, port), "test", 20);
  KeyValueStore store1(rank_info(1, 3, port), "test", 20);
  KeyValueStore store2(rank_info(2, 3, port), "test", 20);
  std::mutex mutex;
  std::multiset<std::string> written;
  BatchCoordinator dealer(
      store,
      {.world_size = 3, .batch_size = 3, .silence_seconds = 1.5},
      numbers(20),
      [&](std::vector<NewRow>& rows) {
        const std::lock_guard lock(mutex);
        for (const NewRow& row : rows) {
          written.insert(row.image.path);
        }
      },
      two_classes());
  BatchWorker silent(store2, 2, 60);
  store2.add("beats/2", 1);  // one beat, then no more
  const auto first = silent.next_file();
  ASSERT_TRUE(first);
  const auto held = silent.next_batch();
  ASSERT_TRUE(held);
  EXPECT_EQ(held->count, 3U);
  std::jthread worker([&] {
    const Heartbeat heartbeat(store1, 1);
    BatchWorker hand(store1, 1, 60);
    std::vector<ImageFile> files;
    while (auto file = hand.next_file()) {
      files.push_back(*file);
      if (files.size() == 1) {
        continue;
      }
      // Batches of three, the last one smaller: takes the files of each.
      while (files.size() < 3 && files.back().path != "19") {
        if (auto more = hand.next_file()) {
          files.push_back(*more);
        } else {
          break;
        }
      }
      const auto batch = hand.next_batch();
      LeasedBatch mine{.id = batch->id};
      mine.files.assign(files.begin(), files.begin() + static_cast<long>(batch->count));
      files.erase(files.begin(), files.begin() + static_cast<long>(batch->count));
      hand.send(batch->id, rows_of(mine), two_classes());
    }
    hand.leave();
  });
  const auto begin = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - begin < std::chrono::seconds(4)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  // Too late: these were reassigned.
  silent.send(held->id, rows_of({.files = {*first, *first, *first}}), two_classes());
  while (const auto batch = dealer.take_left_behind()) {
    const std::lock_guard lock(mutex);
    for (const ImageFile& file : batch->files) {
      written.insert(file.path.string());
    }
  }
  dealer.finish();
  EXPECT_EQ(dealer.lost(), std::vector<int>{2});
  EXPECT_EQ(written.size(), 20U);
  EXPECT_EQ(std::set<std::string>(written.begin(), written.end()).size(), 20U);
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

  std::unique_ptr<RunningProgram> start(int rank,
                                        int world_size,
                                        int port,
                                        const std::vector<std::string>& more = {}) const {
    std::vector<std::string> words = {"classify",
                                      path("images"),
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
                                       {"WORLD_SIZE", std::to_string(world_size)},
                                       {"MASTER_ADDR", "127.0.0.1"},
                                       {"MASTER_PORT", std::to_string(port)}}});
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
};

TEST_F(ClassifyProcesses, TwoShareTheWorkAndWriteOneFile) {
  const int port = free_port();
  const auto second = start(1, 2, port);
  const auto first = start(0, 2, port);
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
  const int port = free_port();
  const auto first = start(0, 3, port);
  const auto second = start(1, 3, port);
  const auto third = start(2, 3, port);
  const auto lines = [&] {
    const std::string text = read_bytes(path("out/results.jsonl"));
    return std::count(text.begin(), text.end(), '\n');
  };
  while (!first->has_ended() && lines() < 30) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  third->send(SIGKILL);
  const ProgramResult result = first->wait();
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_EQ(second->wait().exit_code, 0);
  EXPECT_EQ(third->wait().exit_code, 128 + SIGKILL);
  expect_each_once();
}

TEST_F(ClassifyProcesses, DifferentOptionsAreAnError) {
  const int port = free_port();
  const auto first = start(0, 2, port);
  const auto second = start(1, 2, port, {"--topk", "2"});
  const ProgramResult other = second->wait();
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("different options"));
  EXPECT_EQ(first->wait().exit_code, 3);  // does all the work alone
  expect_each_once();
}

}  // namespace
}  // namespace parallax::testing
