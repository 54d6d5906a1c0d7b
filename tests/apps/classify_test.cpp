// `parallax classify` as a user runs it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/classify/classify_results.h"
#include "core/base/error.h"
#include "tests/support/browser.h"
#include "tests/support/classifier_fixture.h"
#include "tests/support/program.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/wait_until.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

class Classify : public ::testing::Test {
 protected:
  void SetUp() override {
    write_random_classifier(path("model.safetensors"), small_vit3(4), 1);
    fs::create_directories(path("images"));
  }

  std::string path(const std::string& name) const { return (scratch_.path() / name).string(); }

  std::vector<std::string> arguments(const std::vector<std::string>& more) const {
    std::vector<std::string> words = {
        "classify", "--model", path("model.safetensors"), "-o", path("out"), "--threads", "1"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  std::vector<json> rows(const std::string& folder = "out") const {
    std::ifstream file(path(folder + "/results.jsonl"));
    std::vector<json> lines;
    for (std::string line; std::getline(file, line);) {
      lines.push_back(json::parse(line));
    }
    return lines;
  }

  json summary(const std::string& folder = "out") const {
    return json::parse(read_bytes(path(folder + "/summary.json")));
  }

  void write_images(const std::string& folder, int count) const {
    fs::create_directories(path(folder));
    for (int i = 0; i < count; ++i) {
      write_random_image(path(folder + "/" + std::to_string(1000 + i) + ".png"), 20, 24, i);
    }
  }

  ScratchFolder scratch_;
};

// The rows hold everything; accuracies and confusions are recounted here.
TEST_F(Classify, ClassFoldersGiveAccuracyAndConfusion) {
  write_images("images/n01443537", 6);
  write_images("images/thing 2", 5);
  const ProgramResult result = run_program(arguments({path("images"), "--topk", "2"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::map<std::pair<std::string, std::string>, int> confusion;
  int right = 0;
  for (const json& row : rows()) {
    const json& run = row.at("results").at("parallel");
    EXPECT_EQ(run.at("top").size(), 2U);
    EXPECT_GE(run.at("top")[0].at("probability"), run.at("top")[1].at("probability"));
    const std::string truth = row.at("truth").at("name");
    const std::string predicted = run.at("top")[0].at("name");
    EXPECT_EQ(run.at("truth_rank") == 0, truth == predicted);
    right += truth == predicted ? 1 : 0;
    ++confusion[{truth, predicted}];
  }
  const json run = summary().at("runs").at("parallel");
  EXPECT_EQ(run.at("images_with_known_class"), 11);
  EXPECT_NEAR(run.at("top1").get<double>(), right / 11.0, 1e-12);
  EXPECT_EQ(run.at("top5"), 1);  // of four classes
  const std::string classes = read_bytes(path("out/classes.csv"));
  EXPECT_THAT(classes, HasSubstr("n01443537,goldfish,6,"));
  EXPECT_THAT(classes, HasSubstr("2,thing 2,5,"));
  int counted = 0;
  std::istringstream table(read_bytes(path("out/confusion.csv")));
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream fields(line.substr(line.find(',') + 1));
    for (std::string field; std::getline(fields, field, ',');) {
      counted += std::stoi(field);
    }
  }
  EXPECT_EQ(counted, 11);
  EXPECT_GT(fs::file_size(path("out/confusion.png")), 100U);
  EXPECT_THAT(read_bytes(path("out/results.csv")), HasSubstr("top2_probability"));
}

TEST_F(Classify, BothFormsAndSeveralModelsAreCompared) {
  write_images("images", 9);
  ProgramResult result = run_program(arguments({path("images"), "--form", "both"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json forms = summary().at("runs").at("parallel");
  EXPECT_EQ(forms.at("same_top1"), 1);
  EXPECT_LE(forms.at("largest_probability_difference").get<double>(), 1e-5);  // float32 sums
  write_random_classifier(path("other.safetensors"), small_vit3(4, "3"), 2);
  result = run_program(arguments({path("images"), "--model", path("other.safetensors")}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json models = summary().at("runs").at("other parallel");
  double largest = 0;
  int same = 0;
  for (const json& row : rows()) {
    const json& results = row.at("results");
    largest = std::max(largest, results.at("other parallel").at("difference").get<double>());
    same += results.at("other parallel").at("top")[0].at("index") ==
                    results.at("model parallel").at("top")[0].at("index")
                ? 1
                : 0;
  }
  EXPECT_EQ(models.at("largest_probability_difference"), largest);
  EXPECT_NEAR(models.at("same_top1").get<double>(), same / 9.0, 1e-12);
  // The first run's are kept, apart from this one's.
  EXPECT_EQ(json::parse(read_bytes(path("out/previous/summary.json"))).at("images"), 9);
}

TEST_F(Classify, BrokenImagesAreReportedInTheirRowAndTheRestGoesOn) {
  write_images("images", 3);
  write_random_image(path("images/one.png"), 1, 1, 7);
  write_random_image(path("images/thin.png"), 20000, 1, 8);
  write_random_image(path("images/wide.png"), 1, 20000, 9);
  write_random_image(path("images/whole.jpg"), 60, 60, 10);
  const std::string jpeg = read_bytes(path("images/whole.jpg"));
  scratch_.write("images/empty.png", "");
  scratch_.write("images/text.jpg", "this is no picture\n");
  scratch_.write("images/truncated.jpg", jpeg.substr(0, jpeg.size() / 2));
  write_images("images/x.png", 1);  // a folder
  fs::create_directory_symlink(path("images"), path("images/x.png/loop"));
  fs::create_symlink(path("images/self.png"), path("images/self.png"));
  scratch_.write("images/secret.png", jpeg);
  fs::permissions(path("images/secret.png"), fs::perms::none);
  const ProgramResult result = run_program(arguments({path("images"), path("images/gone.png")}));
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.err, HasSubstr("leads back into a folder above it"));
  std::set<std::string> good;
  std::set<std::string> bad;
  for (const json& row : rows()) {
    const std::string name = fs::path(row.at("path").get<std::string>()).filename();
    EXPECT_TRUE((row.at("ok").get<bool>() ? good : bad).insert(name).second || name == "1000.png");
    if (!row.at("ok").get<bool>()) {
      EXPECT_FALSE(row.at("error").get<std::string>().empty());
    }
  }
  std::set<std::string> expected_good = {
      "1000.png", "1001.png", "1002.png", "one.png", "thin.png", "wide.png", "whole.jpg"};
  std::set<std::string> expected_bad = {
      "empty.png", "text.jpg", "truncated.jpg", "self.png", "gone.png"};
  (geteuid() == 0 ? expected_good : expected_bad).insert("secret.png");  // root reads everything
  EXPECT_EQ(good, expected_good);
  EXPECT_EQ(bad, expected_bad);
  EXPECT_EQ(summary().at("broken"), expected_bad.size());
  fs::permissions(path("images/secret.png"), fs::perms::owner_all);
}

TEST_F(Classify, ListOnStdinAndOddNames) {
  const std::string odd = "a <b> \"c\" & </script> \xE9.png";  // a folder and a file in it
  fs::create_directories(path("images/a <b> \"c\" & <"));
  write_random_image(path("images/" + odd), 20, 20, 1);
  write_random_image(path("images/b.png"), 20, 20, 2);
  const ProgramResult result = run_program_with(
      arguments({"-"}), {.input = path("images/b.png") + "\n" + path("images/" + odd) + "\n"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  ASSERT_EQ(rows().size(), 2U);
  EXPECT_THAT(rows()[1].at("path").get<std::string>(), HasSubstr("</script> \\xE9.png"));
  // In the page the name must not end the script element that holds the data.
  const std::string page = read_bytes(path("out/index.html"));
  const size_t begin = page.find('{', page.find("id=\"data\""));
  const size_t end = page.find("</script>", begin);
  const json data = json::parse(page.substr(begin, end - begin));
  EXPECT_THAT(data.at("rows")[1].at("p").get<std::string>(), HasSubstr("</script> \\xE9.png"));
  EXPECT_FALSE(data.at("rows")[0].at("i").get<std::string>().empty());
}

// The page's list of confusions shows the images behind each, and marks what is hardly known.
TEST_F(Classify, PageShowsWhatWasTakenForWhatInChromium) {
  if (find_browser().empty()) {
    GTEST_SKIP() << "there is no Chromium on this machine";
  }
  write_images("images/n01443537", 6);
  write_images("images/thing 2", 5);
  const ProgramResult result = run_program(arguments({path("images"), "--form", "both"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json answer = ask_page(read_bytes(path("out/index.html")),
                               R"(
    const cards = () => document.querySelectorAll("#rows .card").length;
    const seen = {all: cards(), pairs: [...document.querySelectorAll("#pairs button")].map(b => b.textContent),
                  unsure: document.querySelectorAll(".unsure").length, columns: document.querySelector(".card table tr").cells.length};
    const first = document.querySelector("#pairs button");
    if (first) { first.click(); seen.of_pair = cards(); first.click(); seen.again = cards(); }
    answer(seen);)",
                               scratch_.path());
  ASSERT_TRUE(answer.is_object());
  std::map<std::string, int> confused;
  int unsure = 0;
  for (const json& row : rows()) {
    const json& best = row.at("results").at("recurrent").at("top")[0];
    const std::string truth = row.at("truth").at("name");
    if (best.at("name") != truth) {
      ++confused[truth + " → " + best.at("name").get<std::string>()];
    }
    unsure += best.at("probability") < 0.5 ? 1 : 0;
  }
  EXPECT_EQ(answer.at("all"), 11);
  EXPECT_EQ(answer.at("unsure"), unsure);
  EXPECT_EQ(answer.at("columns"), 3);  // the class and two runs
  ASSERT_EQ(answer.at("pairs").size(), confused.size());
  int most = 0;
  for (const auto& [pair, count] : confused) {
    most = std::max(most, count);
    EXPECT_THAT(answer.at("pairs").dump(), HasSubstr(pair + ": " + std::to_string(count)));
  }
  if (most > 0) {
    EXPECT_EQ(answer.at("of_pair"), most);
    EXPECT_EQ(answer.at("again"), 11);
  }
}

void expect_each_once(const std::vector<json>& rows, size_t count) {
  std::set<std::string> seen;
  for (const json& row : rows) {
    EXPECT_TRUE(seen.insert(row.at("path")).second) << row.at("path");
  }
  EXPECT_EQ(seen.size(), count);
}

TEST_F(Classify, KilledAndResumedEveryImageIsThereExactlyOnce) {
  constexpr size_t kCount = 600;
  write_images("images", kCount);
  {
    // From a list that never ends, so that the program cannot end before it is killed.
    RunningProgram program(arguments({"-", "--batch-size", "2"}), {.open_input = true});
    for (size_t i = 0; i < kCount / 2; ++i) {
      program.write_input(path("images/" + std::to_string(1000 + i) + ".png") + "\n");
    }
    ASSERT_TRUE(wait_until(
        [&] { return program.has_ended() || lines_in_file(path("out/results.jsonl")) >= 20; }));
    program.send(SIGKILL);
    EXPECT_EQ(program.wait().exit_code, 128 + SIGKILL);
  }
  const size_t before = lines_in_file(path("out/results.jsonl"));
  ASSERT_GE(before, 20U);
  ASSERT_LT(before, kCount);
  // As if the program had been killed in the middle of a line.
  std::ofstream(path("out/results.jsonl"), std::ios::app) << "{\"path\": \"" << path("images/1399");
  const ProgramResult result = run_program(arguments({path("images"), "--resume"}));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  expect_each_once(rows(), kCount);
  EXPECT_EQ(summary().at("images"), kCount);
  EXPECT_EQ(summary().at("images_this_time"), kCount - before);
  EXPECT_EQ(lines_in_file(path("out/results.csv")), kCount + 1);
  // With nothing left to do, it only writes the reports.
  EXPECT_EQ(run_program(arguments({path("images"), "--resume"})).exit_code, 0);
  expect_each_once(rows(), kCount);
  // Different options make different rows.
  const ProgramResult other = run_program(arguments({path("images"), "--resume", "--topk", "2"}));
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("topk was 5, is 2"));
}

// The other end of the pipe writes nothing more and does not close it, as a launcher's may.
TEST_F(Classify, ASignalEndsAListThatIsWaitedFor) {
  write_images("images", 5);
  RunningProgram program(arguments({"-", "--batch-size", "2"}), {.open_input = true});
  for (size_t i = 0; i < 5; ++i) {
    program.write_input(path("images/" + std::to_string(1000 + i) + ".png") + "\n");
  }
  ASSERT_TRUE(wait_until(
      [&] { return program.has_ended() || lines_in_file(path("out/results.jsonl")) >= 4; }));
  program.send(SIGTERM);
  const ProgramResult stopped = program.wait();
  EXPECT_EQ(stopped.exit_code, 75) << stopped.err;
  expect_each_once(rows(), 5);  // the last one, too, though it fills no batch
}

TEST_F(Classify, OnlyOneWritesIntoAFolder) {
  const RowFormat format{.runs = {"parallel"}, .labels = numbered_labels(2)};
  const auto first = std::make_unique<ResultsFolder>(path("out"), format, json::object(), false);
  try {
    const ResultsFolder second(path("out"), format, json::object(), true);
    FAIL() << "two at once would write everything twice";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("another process"));
  }
}

// Written rows are read back unchanged, and a line damaged by a disk error costs only itself.
TEST_F(Classify, RowsComeBackAsTheyWere) {
  const RowFormat format{
      .runs = {"a", "b"}, .labels = ClassLabels({{"n1", "cat, \"tom\""}, {"", "dog"}}), .topk = 2};
  std::vector<NewRow> rows(3);
  rows[0].image = {.path = "a,b\n.png", .error = "it is \"broken\"", .truth = 1};
  rows[1].image = {.path = "b.png", .rows = 3, .cols = 4, .truth = 0, .also_right = {1}};
  rows[1].image.runs = {{.top = {{0, 0.75}, {1, 0.25}}, .truth_rank = 0},
                        {.top = {{1, 0.5}, {0, 0.5}},
                         .truth_rank = 1,
                         .rank_alone = 2,
                         .classes_alone = 7,
                         .difference = 0.25}};
  rows[1].thumbnail = "JPEG";
  rows[2].image = {.path = "c.png", .error = "gone"};
  {
    ResultsFolder folder(path("out"), format, json::object(), false);
    folder.append(rows);
  }
  std::ofstream(path("out/results.jsonl"), std::ios::app) << "{\"path\": 3}\nnonsense\n";
  const ResultsFolder folder(path("out"), format, json::object(), true);
  std::vector<ClassifiedImage> back;
  folder.for_each([&](const ClassifiedImage& image) { back.push_back(image); });
  ASSERT_EQ(back.size(), 3U);
  EXPECT_EQ(back[0].path, rows[0].image.path);
  EXPECT_EQ(back[0].error, rows[0].image.error);
  EXPECT_EQ(back[0].truth, 1);
  EXPECT_EQ(back[1].cols, 4);
  EXPECT_EQ(back[1].runs[0].top[1].index, 1);
  EXPECT_EQ(back[1].runs[1].truth_rank, 1);
  EXPECT_EQ(back[1].runs[1].rank_alone, 2);
  EXPECT_EQ(back[1].runs[1].classes_alone, 7);
  EXPECT_EQ(back[1].runs[1].difference, 0.25);
  EXPECT_EQ(back[1].also_right, std::vector<int>{1});
  EXPECT_EQ(counted_class(back[1], 1), 1);
  EXPECT_EQ(counted_class(back[1], 5), 0);
  EXPECT_EQ(folder.thumbnail(back[1]), "JPEG");
  EXPECT_EQ(folder.thumbnail(back[0]), "");
  EXPECT_TRUE(folder.was_done("c.png"));
  // The table is RFC 4180: quotes doubled, fields with commas, quotes or newlines quoted.
  EXPECT_THAT(read_bytes(path("out/results.csv")),
              HasSubstr("\"a,b\n.png\",\"it is \"\"broken\"\"\",,,1,dog"));
}

TEST_F(Classify, MemoryDoesNotGrowWithTheImages) {
  write_images("images/few", 60);
  write_images("images/more", 600);
  const auto peak = [&](const std::string& folder) {
    const ProgramResult result = run_program(arguments({path(folder), "--quiet"}));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.peak_kilobytes;
  };
  // Six hundred decoded images and results would take far more than this.
  EXPECT_LT(peak("images"), peak("images/few") + 12 * 1024);
}

TEST_F(Classify, WrongUseIsSaidClearly) {
  write_images("images", 1);
  const auto error_of = [&](const std::vector<std::string>& words, int code) {
    const ProgramResult result = run_program(arguments(words));
    EXPECT_EQ(result.exit_code, code) << result.err;
    return result.err;
  };
  EXPECT_THAT(error_of({path("images"), "--size", "30"}, 2), HasSubstr("multiples of 8"));
  EXPECT_THAT(error_of({path("images"), "--size", "x"}, 2), HasSubstr("--size"));
  EXPECT_THAT(error_of({path("images"), "--variant", "3"}, 2), HasSubstr("another variant"));
  EXPECT_THAT(error_of({path("images"), "--form", "x"}, 2), HasSubstr("--form"));
  EXPECT_THAT(error_of({path("images"), "--labels", path("model.safetensors")}, 1),
              HasSubstr("label"));
  fs::create_directories(path("nothing"));
  EXPECT_THAT(error_of({path("nothing")}, 1), HasSubstr("no images"));
  fs::create_directories(path("assets/models"));
  const ProgramResult none = run_program_with(
      {"classify", path("images"), "-o", path("out")},
      {.environment = {{"PARALLAX_ASSETS", path("assets")}, {"XDG_DATA_HOME", path("nothing")}}});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_THAT(none.err, HasSubstr("no ViT³ classifier is bundled"));
}

TEST_F(Classify, InfoDescribesClassifiers) {
  const ProgramResult result = run_program({"info", path("model.safetensors")});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("4 classes such as goldfish"));
  EXPECT_THAT(result.out, HasSubstr("variant 0"));
}

}  // namespace
}  // namespace parallax::testing
