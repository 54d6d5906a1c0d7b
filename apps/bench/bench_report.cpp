// Headers and outputs of benchmarks.
#include "apps/bench/bench_report.h"

#include <fmt/format.h>

#include <filesystem>

#include "apps/report/results.h"
#include "apps/report/system_info.h"
#include "core/base/build_info.h"
#include "core/base/device.h"
#include "core/base/paths.h"
#include "core/image/image.h"
#include "core/ops/cuda/operators.h"

namespace parallax {

TimingOptions timing_options(const BenchOptions& options) {
  return {.repeats = options.repeats, .min_seconds = options.min_ms * 1e-3};
}

std::function<void()> to_its_end(std::function<void()> work, torch::Device device) {
  return [work = std::move(work), device] {
    work();
    wait_for(device);
  };
}

nlohmann::json bench_header(nlohmann::json settings) {
  return {{"machine", machine_facts()},
          {"commit", build_commit()},
          {"command", command_line()},
          {"provenance", provenance_json()},
          {"settings", std::move(settings)},
          {"results", nlohmann::json::array()}};
}

void append(std::vector<std::string>& row, const std::vector<std::string>& cells) {
  row.insert(row.end(), cells.begin(), cells.end());
}

void write_plot(const BenchOptions& options, const std::string& name, const cv::Mat& picture) {
  if (!options.output.empty()) {
    create_folder(options.output);
    write_image(std::filesystem::path(options.output) / name, picture);
  }
}

void report_bench(const BenchOptions& options,
                  const std::string& text,
                  const nlohmann::json& json) {
  if (!options.output.empty()) {
    create_folder(options.output);
    write_json((std::filesystem::path(options.output) / "bench.json").string(), json);
  }
  if (options.json != "-") {
    fmt::print(
        "{}{}{}; medians of {} rounds\n",
        text,
        describe_machine(),
        options.device == "cpu" ? "" : "; " + cuda::device_name(parse_device(options.device)),
        options.repeats);
  }
  if (!options.json.empty()) {
    write_json(options.json, json);
  }
}

}  // namespace parallax
