// `parallax compare`: its statistics, rows that survive a kill, and the page in a real browser.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/common/nvs_reading.h"
#include "apps/compare/compare_page.h"
#include "tests/support/browser.h"
#include "tests/support/program.h"
#include "tests/support/scene_fixture.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/wait_until.h"
#include "vision/metrics/statistics.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kBundledScenes = std::string(PARALLAX_SOURCE_DIR) + "/assets/scenes/";

// ---- statistics: expected numbers by R (mean, sd, qt)

TEST(Statistics, MeanErrorAndInterval) {
  const Estimate estimate = estimate_mean({1, 2, 4, 8});
  EXPECT_DOUBLE_EQ(estimate.mean, 3.75);
  EXPECT_NEAR(estimate.standard_error, 1.547848, 1e-6);
  EXPECT_NEAR(estimate.low, 3.75 - 3.182446 * 1.547848, 1e-3);
  EXPECT_NEAR(estimate.high, 3.75 + 3.182446 * 1.547848, 1e-3);
  EXPECT_EQ(estimate.count, 4U);
  EXPECT_TRUE(std::isnan(estimate_mean({5}).standard_error));
  EXPECT_EQ(estimate_mean({5}).mean, 5);
  EXPECT_EQ(estimate_mean({1, INFINITY, 3, NAN}).mean, 2);
  EXPECT_EQ(estimate_mean({}).count, 0U);
}

TEST(Statistics, StudentsT) {
  EXPECT_TRUE(std::isnan(student_t95(0)));
  for (const auto& [n, exact] : {std::pair{1, 12.7062},
                                 {2, 4.30265},
                                 {10, 2.22814},
                                 {11, 2.20099},
                                 {20, 2.08596},
                                 {55, 2.00404},
                                 {1000, 1.96234}}) {
    EXPECT_NEAR(student_t95(n), exact, 5e-4) << n;
  }
}

TEST(Statistics, DifferencesArePaired) {
  // The views differ by far more than the models do.
  const Estimate difference = estimate_difference({20.1, 25.2, 31.1}, {20, 25, 31});
  EXPECT_NEAR(difference.mean, 0.4 / 3, 1e-9);
  EXPECT_GT(difference.low, -0.02);
  EXPECT_LT(difference.high, 0.28);
}

// ---- rows

ComparisonRow example_row(const std::string& model, const std::vector<double>& psnr) {
  ComparisonRow row{.scene_path = "/scenes/a",
                    .scene = {{"name", "a"},
                              {"format", "opencv-json"},
                              {"height", 48},
                              {"width", 64},
                              {"input_views", {0, 1}},
                              {"target_views", json::array()},
                              {"notes", {"a </script> in a note"}}},
                    .word = model,
                    .model = model,
                    .variant = "0",
                    .reading = kBatchReading,
                    .training_steps = 7,
                    .model_time = 11};
  ComparedForm form{.form = "recurrent",
                    .reconstruct_seconds = {0.5, 0.6, 0.7},
                    .view_seconds = {0.01, 0.02, 0.03},
                    .input_tokens = 300};
  double sum = 0;
  for (size_t i = 0; i < psnr.size(); ++i) {
    form.views.push_back({.psnr = psnr[i], .ssim = 0.123456789012345});
    row.scene["target_views"].push_back(2 + i);
    sum += psnr[i] / static_cast<double>(psnr.size());
  }
  form.mean = {.psnr = sum, .ssim = 0.123456789012345};
  row.forms = {form, form};
  row.forms[1].form = "parallel";
  row.forms[1].reconstruct_seconds = {0.25, 0.3, 0.35};
  row.difference = FormDifference{.max_absolute = 1e-7, .psnr = 140.5};
  // A PNG of one pixel.
  const std::string pixel =
      "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmC"
      "C";
  row.pictures = {{.view = 2, .truth = pixel, .images = {{"recurrent", pixel}}}};
  return row;
}

CompareReport example_report() {
  CompareReport report{
      .rows = {example_row("first", {20, 25, 31}), example_row("a <b> model", {20.1, 25.2, 31.1})}};
  report.provenance = {{"version", "0"},
                       {"commit", "c"},
                       {"command", "parallax compare a"},
                       {"date", "2026-01-01T00:00:00Z"},
                       {"machine", "m"}};
  return report;
}

TEST(ComparisonRow, IsReadBackAsItWas) {
  ComparisonRow row = example_row("m", {20, INFINITY, NAN});
  const std::string line = comparison_row_line(row);
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  const auto read = parse_comparison_row(line);
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(comparison_row_line(*read), line);
  EXPECT_TRUE(std::isinf(read->forms[0].views[1].psnr));
  EXPECT_TRUE(std::isnan(read->forms[0].views[2].psnr));
  EXPECT_EQ(faster_form(*read), "parallel 2.00×");
  for (const std::string& other : {line.substr(0, line.size() / 2),
                                   std::string("{}"),
                                   std::string("[]"),
                                   std::string("{\"forms\": 3}")}) {
    EXPECT_FALSE(parse_comparison_row(other).has_value());
  }
}

TEST(CompareReport, DifferencesNameTheirBaseline) {
  CompareReport report = example_report();
  auto table = difference_table(report);
  EXPECT_THAT(table[0][3], HasSubstr("dB over first"));
  EXPECT_THAT(table[1], ElementsAre("a", "a <b> model", "0", "+0.13", "-0.01 to +0.28", "3 of 3"));
  report.baseline = "a <b> model";
  table = difference_table(report);
  EXPECT_EQ(table.size(), 2U);
  EXPECT_EQ(table[1][3], "-0.13");
  EXPECT_EQ(table[1][5], "0 of 3");
  EXPECT_EQ(table[0].size(), 6U);
  report.beside_paper = true;
  EXPECT_EQ(difference_table(report)[0].back(), "in the paper");
}

TEST(CompareReport, CsvIsForPrograms) {
  const CompareReport report = example_report();
  const auto rows = comparison_csv(report);
  ASSERT_EQ(rows.size(), 5U);
  for (const std::string& field : rows[0]) {
    EXPECT_EQ(field.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789"), std::string::npos)
        << field;
  }
  for (const auto& row : rows) {
    EXPECT_EQ(row.size(), rows[0].size());
  }
  const auto cell = [&](size_t row, const char* name) {
    return rows[row][std::find(rows[0].begin(), rows[0].end(), name) - rows[0].begin()];
  };
  EXPECT_EQ(std::stod(cell(1, "ssim")), 0.123456789012345);
  EXPECT_EQ(cell(1, "masked_psnr"), "");
  EXPECT_NEAR(std::stod(cell(3, "psnr_over_baseline")), 0.4 / 3, 1e-12);
  EXPECT_EQ(cell(1, "psnr_over_baseline"), "");
  EXPECT_EQ(views_csv(report).size(), 1U + 2 * 2 * 3);
}

// A model without a parallel form beside one that has both.
TEST(CompareReport, AFormThatAModelLacksIsADash) {
  CompareReport report = example_report();
  report.rows[0].forms.pop_back();
  report.rows[0].reading = report.rows[1].reading = kStreamedReading;
  const auto table = comparison_table(report);
  for (const auto& row : table) {
    EXPECT_EQ(row.size(), table[0].size());
  }
  EXPECT_EQ(table[0][3], "reading");
  EXPECT_EQ(table[1][3], "streamed");
  const auto parallel = std::find(table[0].begin(), table[0].end(), "parallel reads, ms");
  ASSERT_NE(parallel, table[0].end());
  const auto column = static_cast<size_t>(parallel - table[0].begin());
  EXPECT_EQ(table[1][column], "-");
  EXPECT_EQ(table[1][column + 1], "-");
  EXPECT_EQ(table[2][column], "300.0 ± 25.0");
  EXPECT_EQ(comparison_csv(report).size(), 1U + 1 + 2);
}

// ---- the program

class CompareProgram : public ::testing::Test {
 protected:
  std::vector<std::string> words(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> all = {"compare",
                                    kBundledScenes + "procedural_a",
                                    kBundledScenes + "procedural_b",
                                    "--model",
                                    "nvs-v5",
                                    "nvs-v6",
                                    "--input-views",
                                    "2",
                                    "--target-views",
                                    "3",
                                    "--size",
                                    "32x32",
                                    "--repeats",
                                    "3",
                                    "-o",
                                    out().string()};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  fs::path out() const { return scratch_.path() / "out"; }
  size_t whole_lines() const { return lines_in_file(out() / "results.jsonl"); }
  json report() const { return json::parse(read_bytes(out() / "compare.json")); }

  ScratchFolder scratch_;
};

TEST_F(CompareProgram, KilledAndResumedMeasuresNothingTwice) {
  {
    RunningProgram program(words());
    ASSERT_TRUE(wait_until([&] { return program.has_ended() || whole_lines() >= 1; }));
    program.send(SIGKILL);
    program.wait();
  }
  const std::string kept = read_bytes(out() / "results.jsonl").substr(0, 2000);
  std::ofstream(out() / "results.jsonl", std::ios::app) << R"({"scene": "half a li)";
  const ProgramResult resumed = run_program(words({"--resume"}));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(read_bytes(out() / "results.jsonl").substr(0, 2000), kept);
  EXPECT_EQ(whole_lines(), 4U);  // two scenes by two models
  const json result = report();
  ASSERT_EQ(result.at("scenes").size(), 2U);
  for (const json& scene : result.at("scenes")) {
    ASSERT_EQ(scene.at("models").size(), 2U);
    EXPECT_EQ(scene.at("models")[0].at("model"), "nvs-v5");
    EXPECT_EQ(scene.at("models")[0].at("forms").at("parallel").at("views").size(), 3U);
  }
  EXPECT_EQ(result.at("provenance").at("command").get<std::string>().find("parallax compare"), 0U);
  // A row of the table is a model with both of its forms.
  EXPECT_THAT(resumed.out, HasSubstr("forms equal to, dB"));
  EXPECT_THAT(resumed.out, HasSubstr("±"));
  EXPECT_THAT(resumed.out, HasSubstr("dB over nvs-v5"));
  EXPECT_THAT(resumed.out, Not(HasSubstr("in the paper")));

  // With other settings nothing goes on; without --resume what is there is moved away.
  const ProgramResult other = run_program(words({"--resume", "--background", "black"}));
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("background was \"white\", is \"black\""));
  const ProgramResult fresh = run_program(words({"--form", "parallel"}));
  ASSERT_EQ(fresh.exit_code, 0) << fresh.err;
  EXPECT_THAT(fresh.err, HasSubstr("previous"));
  EXPECT_TRUE(fs::exists(out() / "previous" / "compare.html"));
  EXPECT_THAT(fresh.out, Not(HasSubstr("faster form")));
}

TEST_F(CompareProgram, MistakesAreToldBeforeTheWork) {
  for (const auto& [option, value, said] :
       {std::tuple{"--baseline", "nvs-v0", "nvs-v5, nvs-v6"}, {"--model", "nvs-v66", "nvs-v66"}}) {
    const ProgramResult result = run_program(words({option, value}));
    EXPECT_EQ(result.exit_code, 2) << result.err;
    EXPECT_THAT(result.err, HasSubstr(said));
    EXPECT_FALSE(fs::exists(out()));
  }
}

// Row 0 updates its feature map, so that over several views it has no parallel form.
TEST_F(CompareProgram, StreamedReadingsHaveTheFormsThatExist) {
  const std::vector<std::string> streamed = {"--reading", "streamed", "--model", "nvs-v0"};
  const ProgramResult both = run_program(words(streamed));
  ASSERT_EQ(both.exit_code, 0) << both.err;
  EXPECT_THAT(both.err, HasSubstr("nvs-v0 has no parallel form over streamed views, as W0 and W2"));
  EXPECT_THAT(both.out, HasSubstr("streamed"));
  for (const json& scene : report().at("scenes")) {
    const json& models = scene.at("models");
    ASSERT_EQ(models.size(), 3U);
    EXPECT_EQ(models[0].at("forms").size(), 2U);
    EXPECT_EQ(models[0].at("reading"), "streamed");
    EXPECT_GT(models[0].at("difference").at("psnr_between_forms").get<double>(), 60);
    EXPECT_EQ(models[2].at("model"), "nvs-v0");
    EXPECT_EQ(models[2].at("forms").size(), 1U);
  }
  const double psnr =
      report().at("scenes")[0].at("models")[0].at("forms").at("recurrent").at("psnr");
  const ProgramResult batch = run_program(words({"--form", "recurrent"}));
  ASSERT_EQ(batch.exit_code, 0) << batch.err;
  EXPECT_NE(report().at("scenes")[0].at("models")[0].at("forms").at("recurrent").at("psnr"), psnr);

  std::vector<std::string> parallel = streamed;
  parallel.insert(parallel.end(), {"--form", "parallel"});
  const ProgramResult left_out = run_program(words(parallel));
  EXPECT_EQ(left_out.exit_code, 3) << left_out.err;
  EXPECT_THAT(left_out.err, HasSubstr("Use --form recurrent or --reading batch"));
  EXPECT_EQ(report().at("scenes")[0].at("models").size(), 2U);
  const ProgramResult refused = run_program({"render",
                                             kBundledScenes + "procedural_a",
                                             "--model",
                                             "nvs-v0",
                                             "--reading",
                                             "streamed",
                                             "--form",
                                             "parallel",
                                             "-o",
                                             (scratch_.path() / "none").string()});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("no parallel form over streamed views"));
  EXPECT_EQ(run_program(words({"--reading", "backwards"})).exit_code, 2);
}

TEST_F(CompareProgram, ABrokenSceneOrModelCostsNoOther) {
  const std::string broken = (scratch_.path() / "broken.safetensors").string();
  std::ofstream(broken) << "not a checkpoint";
  const ProgramResult result = run_program(words({broken, "--form", "parallel"}));  // a scene
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("broken.safetensors"));
  EXPECT_EQ(report().at("scenes").size(), 2U);
  fs::remove_all(out());
  const ProgramResult model = run_program(words({"--form", "parallel", "--model", broken}));
  EXPECT_EQ(model.exit_code, 3) << model.err;
  EXPECT_THAT(model.err, HasSubstr("broken.safetensors"));
  EXPECT_EQ(report().at("scenes")[1].at("models").size(), 2U);
}

// ---- the page in Chromium

TEST(ComparePage, SortsFiltersAndSwitchesInChromium) {
  if (find_browser().empty()) {
    GTEST_SKIP() << "there is no Chromium on this machine";
  }
  const ScratchFolder scratch;
  const json answer = ask_page(comparison_page(example_report()),
                               R"(
    const names = () => [...document.querySelectorAll("#table tbody tr td:first-child")].map(x => x.textContent.trim());
    const cells = i => [...document.querySelectorAll("#table tbody tr")].map(r => r.cells[i].textContent);
    const column = label => [...document.querySelectorAll("#table th")].findIndex(x => x.textContent.startsWith(label));
    const click = label => document.querySelectorAll("#table th button")[column(label)].click();
    const set = (id, value) => { const e = document.getElementById(id); e.value = value; (e.onchange || e.oninput)({target: e}); };
    const seen = {names: names(), tiles: document.querySelectorAll(".tile").length,
                    charts: document.querySelectorAll("#charts figure").length,
                    dots: document.querySelectorAll("#charts circle").length, wide: document.body.scrollWidth <= innerWidth};
    click("PSNR dB"); seen.best_first = names();
    click("PSNR dB"); seen.worst_first = names();
    seen.over = cells(column("PSNR over"));
    set("baseline", "a <b> model"); seen.other_baseline = cells(column("PSNR over"));
    set("filter", "fir"); seen.filtered = names(); set("filter", "");
    document.querySelector("#table input").click(); seen.tiles_without_one = document.querySelectorAll(".tile").length;
    document.getElementById("flip").click(); seen.flipped = document.querySelector(".pair .name").textContent;
    document.getElementById("difference").click(); seen.difference = document.querySelector(".pair .name").textContent;
    answer(seen);)",
                               scratch.path());
  ASSERT_TRUE(answer.is_object());
  EXPECT_EQ(answer.at("names"), json({"first baseline", "a <b> model"}));
  EXPECT_EQ(answer.at("best_first"), json({"a <b> model", "first baseline"}));
  EXPECT_EQ(answer.at("worst_first"), json({"first baseline", "a <b> model"}));
  EXPECT_EQ(answer.at("tiles"), 3);   // the truth and two models
  EXPECT_EQ(answer.at("charts"), 2);  // measures, and differences from the baseline
  EXPECT_EQ(answer.at("dots"), 9);
  EXPECT_EQ(answer.at("wide"), true);
  // The numbers of the script are those of the program: -0.01 to 0.28 around 0.13.
  EXPECT_EQ(answer.at("over"), json({"–", "+0.13 [−0.01, +0.28]"}));
  EXPECT_EQ(answer.at("other_baseline"), json({"−0.13 [−0.28, +0.01]", "–"}));
  EXPECT_EQ(answer.at("filtered"), json({"first"}));
  EXPECT_EQ(answer.at("tiles_without_one"), 2);
  EXPECT_EQ(answer.at("difference").get<std::string>().substr(0, 1), "|");
}

TEST(ComparePage, HoldsEverythingInOneFile) {
  const std::string page = comparison_page(example_report());
  for (const char* outside : {"src=\"http", "href=\"http", "url(http", "@import"}) {
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  }
  EXPECT_EQ(page.find("a </script> in a note"), std::string::npos);
  EXPECT_THAT(page, HasSubstr("a &lt;b&gt; model"));
  EXPECT_THAT(page, HasSubstr("parallax compare a"));
}

}  // namespace
}  // namespace parallax::testing
