// What the `bench` commands share: options, facts about the machine, and output of results.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "apps/common/cli.h"
#include "apps/report/timing.h"
#include "core/base/torch.h"

namespace parallax {

// The options of every `bench` command.
struct BenchOptions {
  int repeats = 5;
  double min_ms = 100;
  std::string device = "cpu";
  std::string output;
  std::string json;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("repeats",
            self.repeats,
            "timed rounds, each running all cases; medians are reported",
            OptionRange{1, 1000});
    visitor(
        "min_ms", self.min_ms, "milliseconds that each case runs per round", OptionRange{0, 1e6});
    visitor("device", self.device, "cpu, cuda or cuda:<index>");
    visitor("output", self.output, "folder for bench.json and plots (default: not written)");
    visitor("json", self.json, "also write the results here; - is stdout");
  }
};

TimingOptions timing_options(const BenchOptions& options);

// The same work, ended when the device has done it: a GPU works on after its work was ordered.
std::function<void()> to_its_end(std::function<void()> work, torch::Device device);

// JSON with machine, program and settings, and an empty list of results.
nlohmann::json bench_header(nlohmann::json settings);

template <class Options>
nlohmann::json bench_json(const Options& options) {
  return bench_header(options_to_json(options));
}

// Adds cells to the end of a table's row.
void append(std::vector<std::string>& row, const std::vector<std::string>& cells);

// Saves a picture in the output folder, if there is one.
void write_plot(const BenchOptions& options, const std::string& name, const cv::Mat& picture);

// Prints the text and a line on the machine, unless the JSON goes to stdout; writes the JSON.
void report_bench(const BenchOptions& options, const std::string& text, const nlohmann::json& json);

}  // namespace parallax
