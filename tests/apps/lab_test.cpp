// `parallax lab`: rows that survive a kill, comparisons of models, mistakes, and the page in a
// real browser.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "apps/lab/lab_ablation.h"
#include "apps/lab/lab_page.h"
#include "tests/support/browser.h"
#include "tests/support/classifier_fixture.h"
#include "tests/support/program.h"
#include "tests/support/scene_fixture.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/wait_until.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kLabScene = std::string(PARALLAX_SOURCE_DIR) + "/assets/scenes/procedural_a";

// ---- rows and comparisons

LabRow measured(const std::string& model,
                const std::string& variant,
                const std::vector<double>& quality,
                double patch = 8) {
  lab::ProbeResult result;
  result.measures = {{"quality", quality},
                     {"shape", {patch, 64}},
                     {"speed_recurrent", {100, 110}},
                     {"speed_parallel", {}}};
  return {.probe = "ablation",
          .word = model,
          .model = model,
          .variant = variant,
          .result = probe_result_json(result)};
}

TEST(LabRows, AreReadBackAsTheyWere) {
  LabRow row = measured("m", "2", {20, INFINITY, NAN});
  row.seconds = 1.5;
  const std::string line = lab_row_json(row).dump();
  const auto read = parse_lab_row(line);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(lab_row_json(*read).dump(), line);
  EXPECT_TRUE(std::isinf(measure_of(*read, "quality")[1]));
  EXPECT_TRUE(std::isnan(measure_of(*read, "quality")[2]));
  EXPECT_TRUE(measure_of(*read, "none").empty());
  for (const std::string& other :
       {line.substr(0, line.size() / 2), std::string("{}"), std::string("[]")}) {
    EXPECT_FALSE(parse_lab_row(other).has_value());
  }
}

TEST(LabAblation, DifferencesArePairedAndJudgedByTheirInterval) {
  const auto path = ablation_path({measured("six", "6", {19, 24.1, 30}),
                                   measured("one", "1", {20.1, 25, 31.1}),
                                   measured("other", "3", {30, 30, 30}, 4),
                                   measured("base", "0", {20, 25, 31})},
                                  false);
  ASSERT_TRUE(path.has_value());
  const json& findings = path->result.at("findings");
  ASSERT_EQ(findings.size(), 2U);  // the model of another size is not compared
  EXPECT_THAT(findings[0].at("claim").get<std::string>(), HasSubstr("row 1"));
  EXPECT_EQ(findings[0].at("verdict"), "holds here");
  EXPECT_EQ(findings[1].at("verdict"), "does not hold here");
  EXPECT_THAT(findings[1].at("number").get<std::string>(), HasSubstr("-0.97 dB"));
  EXPECT_THAT(findings[1].at("sentence").get<std::string>(), HasSubstr("In the paper: -0.21 dB"));
  EXPECT_THAT(path->result.at("notes")[0].get<std::string>(),
              HasSubstr("other is of another size"));
  EXPECT_EQ(path->result.at("tables")[0].at("rows").size(), 5U);
  EXPECT_FALSE(ablation_path({measured("six", "6", {1, 2})}, false).has_value());
  EXPECT_FALSE(ablation_path({measured("base", "0", {1, 2})}, true).has_value());
}

// ---- the program

class LabProgram : public ::testing::Test {
 protected:
  std::vector<std::string> words(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"lab",
                                    kLabScene,
                                    "--input-views",
                                    "2",
                                    "--target-views",
                                    "3",
                                    "--size",
                                    "32x32",
                                    "--repeats",
                                    "2",
                                    "--longest-sequence",
                                    "256",
                                    "-o",
                                    out().string()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  fs::path out() const { return scratch_.path() / "out"; }
  size_t whole_lines() const { return lines_in_file(out() / "results.jsonl"); }
  json report() const { return json::parse(read_bytes(out() / "lab.json")); }

  ScratchFolder scratch_;
};

TEST_F(LabProgram, KilledAndResumedRunsNothingTwice) {
  const std::vector<std::string> all = words({"--model", "nvs-v6", "nvs-v0"});
  {
    RunningProgram program(all);
    ASSERT_TRUE(wait_until([&] { return program.has_ended() || whole_lines() >= 2; }));
    program.send(SIGKILL);
    program.wait();
  }
  const std::string kept = read_bytes(out() / "results.jsonl").substr(0, 2000);
  std::ofstream(out() / "results.jsonl", std::ios::app) << R"({"probe": "half a li)";
  std::vector<std::string> resumed_words = all;
  resumed_words.emplace_back("--resume");
  const ProgramResult resumed = run_program(resumed_words);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(read_bytes(out() / "results.jsonl").substr(0, 2000), kept);
  EXPECT_EQ(whole_lines(), 16U);  // eight probes on two models
  EXPECT_THAT(resumed.err, HasSubstr("are there already"));
  EXPECT_THAT(resumed.err, HasSubstr("more-steps"));
  EXPECT_THAT(resumed.err, HasSubstr("about"));  // the cost, before the probe starts
  EXPECT_THAT(resumed.out, HasSubstr("holds here"));
  const json result = report();
  EXPECT_EQ(result.at("rows").size(), 17U);  // and the comparison of both models
  EXPECT_EQ(result.at("provenance").at("command").get<std::string>().find("parallax lab"), 0U);
  EXPECT_FALSE(result.at("rows")[0].at("result").contains("pictures"));
  const std::string page = read_bytes(out() / "lab.html");
  EXPECT_THAT(page, HasSubstr("one gradient step computed in two orders"));
  for (const char* outside : {"src=\"http", "href=\"http", "url(http", "@import"}) {
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  }
  std::vector<std::string> other_words = resumed_words;
  other_words.insert(other_words.end(), {"--background", "black"});
  const ProgramResult other = run_program(other_words);
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("background was \"white\", is \"black\""));
}

TEST_F(LabProgram, ProbesAreChosenAndClassifiersExamined) {
  const fs::path pictures = scratch_.path() / "pictures";
  for (const char* name : {"goldfish", "tench"}) {
    fs::create_directories(pictures / name);
    for (int i = 0; i < 3; ++i) {
      write_random_image(pictures / name / fmt::format("{}.png", i), 40, 40, i);
    }
  }
  const std::string model = (scratch_.path() / "tiny.safetensors").string();
  write_random_classifier(model, small_vit3(3), 2);
  const ProgramResult result = run_program({"lab",
                                            pictures.string(),
                                            "--model",
                                            model,
                                            "--probe",
                                            "ascent",
                                            "more-steps",
                                            "--images",
                                            "4",
                                            "-o",
                                            out().string(),
                                            "--json",
                                            "-"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json printed = json::parse(result.out);
  ASSERT_EQ(printed.at("rows").size(), 2U);
  EXPECT_EQ(printed.at("rows")[0].at("probe"), "more-steps");  // in the laboratory's order
  EXPECT_EQ(printed.at("rows")[1].at("probe"), "ascent");
  EXPECT_THAT(
      printed.at("rows")[1].at("result").at("findings")[1].at("sentence").get<std::string>(),
      HasSubstr("4 images"));
}

TEST_F(LabProgram, ResumedWithOtherProbesThePageKeepsWhatWasFound) {
  const auto probes_after = [&](const std::string& probe) {
    const ProgramResult result =
        run_program(words({"--model", "nvs-v6", "--resume", "--probe", probe}));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::vector<std::string> probes;
    const json found = report();
    for (const json& row : found.at("rows")) {
      probes.push_back(row.at("probe"));
    }
    return probes;
  };
  EXPECT_THAT(probes_after("query-is-key"), ElementsAre("query-is-key"));
  EXPECT_THAT(probes_after("ascent"), ElementsAre("ascent", "query-is-key"));
  EXPECT_EQ(whole_lines(), 2U);
}

TEST_F(LabProgram, MistakesAreToldBeforeTheWork) {
  const std::string empty = (scratch_.path() / "empty").string();
  fs::create_directories(empty);
  for (const auto& [more, said] :
       {std::pair{std::vector<std::string>{"--probe", "telepathy"}, "more-steps"},
        {{"--model", "nvs-v66"}, "nvs-v66"},
        {{"--model", "classify"}, "needs a folder of images"},
        {{"--background", "plaid"}, "--background"}}) {
    const ProgramResult result = run_program(words(more));
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr(said));
    EXPECT_FALSE(fs::exists(out()));
  }
  const ProgramResult missing = run_program({"lab", "/no/such/scene", "-o", out().string()});
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.err, HasSubstr("/no/such/scene"));
  const ProgramResult nothing = run_program({"lab", empty, "-o", out().string()});
  EXPECT_EQ(nothing.exit_code, 1);
  EXPECT_THAT(nothing.err, HasSubstr(empty));
}

TEST_F(LabProgram, ABrokenSceneOrModelCostsNoOther) {
  const std::string broken = (scratch_.path() / "broken.safetensors").string();
  std::ofstream(broken) << "not a checkpoint";
  const ProgramResult result =
      run_program(words({broken, "--model", "nvs-v6", "--probe", "query-is-key"}));  // a scene
  EXPECT_EQ(result.exit_code, 3) << result.err;
  EXPECT_THAT(result.err, HasSubstr("broken.safetensors"));
  EXPECT_EQ(report().at("rows").size(), 1U);
  fs::remove_all(out());
  const ProgramResult model =
      run_program(words({"--model", "nvs-v6", broken, "--probe", "query-is-key"}));
  EXPECT_EQ(model.exit_code, 3) << model.err;
  EXPECT_THAT(model.err, HasSubstr("broken.safetensors"));
  EXPECT_EQ(report().at("rows").size(), 1U);
}

TEST_F(LabProgram, DeviationOfLongSequencesStaysWithinFourGigabytes) {
  const ProgramResult result = run_program({"lab",
                                            kLabScene,
                                            "--model",
                                            "nvs-v6",
                                            "--probe",
                                            "deviation",
                                            "--longest-sequence",
                                            "65536",
                                            "-o",
                                            out().string()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_LT(result.peak_kilobytes, 4L << 20);
  EXPECT_THAT(result.out, HasSubstr("holds here"));
}

// ---- the page in Chromium

LabReport example_findings() {
  lab::ProbeResult steps;
  steps.findings = {{.claim = "A <b> claim",
                     .section = "§4.1",
                     .verdict = lab::Verdict::kHolds,
                     .number = "-1.00 dB",
                     .sentence = "On a </script> view."},
                    {.claim = "Another claim", .verdict = lab::Verdict::kUndecided}};
  steps.plots = {
      {.title = "Quality",
       .x_label = "steps",
       .y_label = "PSNR, dB",
       .log_x = true,
       .series = {{"PSNR", {{1, 20}, {2, 19}, {4, 17}, {64, NAN}}}}},
      {.title = "Points",
       .choice = "layer 0",
       .scatter = true,
       .series = {{"a", {{0, 1}, {1, 2}}}, {"b", {{3, 1}}}}},
      {.title = "Points", .choice = "layer 1", .scatter = true, .series = {{"a", {{0, 1}}}}}};
  steps.tables = {{"Numbers", {{"steps", "PSNR"}, {"1", "20"}}}};
  steps.pictures = {{"truth", "view 3", torch::rand({3, 8, 8})}};
  lab::ProbeResult other = steps;
  other.findings = {lab::Finding{.claim = "A <b> claim", .verdict = lab::Verdict::kDoesNotHold}};
  LabReport report{.rows = {{.probe = "more-steps",
                             .model = "first",
                             .variant = "0",
                             .seconds = 1,
                             .result = probe_result_json(steps)},
                            {.probe = "more-steps",
                             .model = "second",
                             .variant = "2",
                             .seconds = 1,
                             .result = probe_result_json(other)}},
                   .data = {"scene a"}};
  report.provenance = {{"version", "0"},
                       {"commit", "c"},
                       {"command", "parallax lab a"},
                       {"date", "2026-01-01T00:00:00Z"},
                       {"machine", "m"}};
  return report;
}

TEST(LabPage, GridLeadsToFindingsInChromium) {
  if (find_browser().empty()) {
    GTEST_SKIP() << "there is no Chromium on this machine";
  }
  const ScratchFolder scratch;
  const json answer = ask_page(lab_page(example_findings()),
                               R"(
    const texts = selector => [...document.querySelectorAll(selector)].map(x => x.textContent);
    const seen = {marks: texts("#grid tbody button"), claims: texts("#grid tbody td:first-child"),
                  verdicts: texts(".finding b.verdict"), figures: document.querySelectorAll(".charts figure").length,
                  dots: document.querySelectorAll(".charts circle").length, pictures: document.querySelectorAll(".pictures img").length,
                  tables: document.querySelectorAll(".tablebox table").length, wide: document.body.scrollWidth <= innerWidth};
    const choice = document.querySelector('select[aria-label="Points"]');
    choice.value = "1"; choice.onchange({target: choice});
    seen.dots_of_other_layer = document.querySelectorAll(".charts circle").length;
    document.querySelectorAll("#grid tbody button")[1].click();  // the second model
    seen.verdicts_of_second = texts(".finding b.verdict");
    answer(seen);)",
                               scratch.path());
  ASSERT_TRUE(answer.is_object());
  EXPECT_EQ(answer.at("marks"), json({"✓", "✗", "?"}));
  EXPECT_EQ(answer.at("claims"), json({"A <b> claim §4.1", "Another claim"}));
  EXPECT_EQ(answer.at("verdicts"), json({"✓ holds here", "? undecided here"}));
  EXPECT_EQ(answer.at("figures"), 2);
  EXPECT_EQ(answer.at("dots"), 3 + 3);
  EXPECT_EQ(answer.at("dots_of_other_layer"), 3 + 1);
  EXPECT_EQ(answer.at("pictures"), 1);
  EXPECT_EQ(answer.at("tables"), 1);
  EXPECT_EQ(answer.at("wide"), true);
  EXPECT_EQ(answer.at("verdicts_of_second"), json({"✗ does not hold here"}));
}

// Deviations of exactly 0 are the best there are: a logarithmic axis shows them below the rest.
TEST(LabPage, ExactZerosAreSeenOnALogarithmicAxisInChromium) {
  if (find_browser().empty()) {
    GTEST_SKIP() << "there is no Chromium on this machine";
  }
  LabReport report = example_findings();
  lab::ProbeResult result;
  result.plots = {{.title = "Deviation",
                   .log_x = true,
                   .log_y = true,
                   .series = {{"some", {{1, 1e-7}, {2, 0}, {4, 1e-5}}}}},
                  {.title = "All", .log_y = true, .series = {{"none", {{1, 0}, {2, 0}}}}},
                  {.title = "No zero", .log_y = true, .series = {{"all", {{1, 1}, {2, 8}}}}}};
  report.rows = {{.probe = "more-steps", .model = "first", .result = probe_result_json(result)}};
  const ScratchFolder scratch;
  const json answer = ask_page(lab_page(report),
                               R"(
    answer([...document.querySelectorAll(".charts figure")].map(figure => ({
      heights: [...figure.querySelectorAll("circle")].map(c => +c.getAttribute("cy")),
      bottom: figure.querySelector("svg").viewBox.baseVal.height,
      zeros: [...figure.querySelectorAll("text")].filter(t => t.textContent === "exactly 0").length})));)",
                               scratch.path());
  ASSERT_EQ(answer.size(), 3);
  const std::vector<double> heights = answer[0].at("heights");  // downwards
  ASSERT_EQ(heights.size(), 3);
  EXPECT_GT(heights[1], heights[0] + 5);
  EXPECT_GT(heights[0], heights[2] + 50);
  EXPECT_LT(heights[1], answer[0].at("bottom").get<double>() - 40);
  EXPECT_EQ(answer[0].at("zeros"), 1);
  EXPECT_EQ(answer[1].at("heights").size(), 2);
  EXPECT_EQ(answer[1].at("zeros"), 1);
  EXPECT_EQ(answer[2].at("heights").size(), 2);
  EXPECT_EQ(answer[2].at("zeros"), 0);
}

TEST(LabPage, WithoutScriptsThereAreTheFindings) {
  const std::string page = lab_page(example_findings());
  EXPECT_THAT(page, HasSubstr("A &lt;b&gt; claim"));
  EXPECT_THAT(page, HasSubstr("-1.00 dB"));
  EXPECT_THAT(page, HasSubstr("parallax lab a"));
  EXPECT_EQ(page.find("On a </script> view"), std::string::npos);
}

}  // namespace
}  // namespace parallax::testing
