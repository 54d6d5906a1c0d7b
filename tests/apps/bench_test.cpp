// `parallax bench`: every kind measures something and reports what. Times are not checked.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <nlohmann/json.hpp>

#include "tests/support/program.h"

namespace parallax::testing {
namespace {

// The JSON written by `parallax bench ARGS…`.
nlohmann::json bench(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "bench");
  for (const char* word : {"--repeats", "1", "--min-ms", "0", "--quiet", "--json", "-"}) {
    arguments.emplace_back(word);
  }
  const ProgramResult result = run_program(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  nlohmann::json json = nlohmann::json::parse(result.out, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << result.out;
  return json;
}

// Checks that every entry of the list has a positive time.
void expect_times(const nlohmann::json& entries, size_t count) {
  ASSERT_EQ(entries.size(), count) << entries.dump();
  for (const nlohmann::json& entry : entries) {
    EXPECT_GT(entry.at("seconds").get<double>(), 0) << entry.dump();
  }
}

// Both peaks and the shares of them, which belong together.
void expect_speed(const nlohmann::json& entry) {
  const auto number = [&](const char* field) { return entry.at(field).get<double>(); };
  const double speed = number("operations_per_second");
  EXPECT_NEAR(speed * number("seconds"), number("needed_operations"), 1e-6 * speed);
  EXPECT_NEAR(
      number("share_of_instruction_peak") * number("instruction_peak_operations_per_second"),
      speed,
      1e-6 * speed);
  EXPECT_NEAR(
      number("share_of_libtorch_product") * number("libtorch_product_operations_per_second"),
      speed,
      1e-6 * speed);
  EXPECT_TRUE(entry.at("peak_is_credible").is_boolean()) << entry.dump();
  EXPECT_FALSE(entry.at("instructions").get<std::string>().empty());
}

TEST(BenchCommand, LayersHaveTheMachineAndTheirSpeed) {
  const nlohmann::json json = bench({"layer",
                                     "--head-dim",
                                     "16",
                                     "--heads",
                                     "1",
                                     "--tokens",
                                     "64",
                                     "128",
                                     "--chunk",
                                     "16",
                                     "--variant",
                                     "0",
                                     "6"});
  EXPECT_TRUE(json.contains("machine")) << json.dump();
  // Variant 0 has no parallel form over chunks.
  expect_times(json.at("results"), 2 * (1 + 2));
  for (const nlohmann::json& entry : json.at("results")) {
    expect_speed(entry);
  }
}

TEST(BenchCommand, ClassifiersOfEveryPrecision) {
  const nlohmann::json json = bench({"classify",
                                     "--model",
                                     "vit3-t",
                                     "--size",
                                     "32",
                                     "--batch-size",
                                     "1",
                                     "--dtype",
                                     "float32",
                                     "bfloat16"});
  expect_times(json.at("results"), 2);
}

TEST(BenchCommand, BundledModelsReadRenderAndTrain) {
  expect_times(
      bench({"render", "--model", "nvs-v0", "--size", "64x64", "--input-views", "2"}).at("results"),
      3);
  const nlohmann::json training = bench({"render",
                                         "--model",
                                         "nvs-v0",
                                         "--size",
                                         "64x64",
                                         "--input-views",
                                         "2",
                                         "--train-step",
                                         "--batch-size",
                                         "1",
                                         "--dtype",
                                         "float32",
                                         "bfloat16"});
  expect_times(training.at("results"), 4);
  for (const nlohmann::json& entry : training.at("results")) {
    expect_speed(entry);
  }
}

// Small outputs allocated between large, short-lived matrices once prevented the memory of those
// from being reused: 13 GiB here.
TEST(BenchCommand, ManySmallStepsUseTheSameMemory) {
  bench({"layer",
         "--head-dim",
         "256",
         "--tokens",
         "8192",
         "--chunk",
         "1",
         "--variant",
         "2",
         "--form",
         "recurrent"});
  rusage largest{};
  ASSERT_EQ(getrusage(RUSAGE_CHILDREN, &largest), 0);
  constexpr int64_t kKibibytesAGibibyte = 1 << 20;
  EXPECT_LT(largest.ru_maxrss, kKibibytesAGibibyte);
}

}  // namespace
}  // namespace parallax::testing
