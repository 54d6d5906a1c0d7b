// `parallax bench classify`: images per second of the published classifiers with random weights.
#include <fmt/format.h>

#include "apps/bench/bench_report.h"
#include "apps/common/nvs_options.h"
#include "apps/report/results.h"
#include "core/base/device.h"
#include "core/base/progress.h"
#include "vision/models/vit3/vit3.h"

namespace parallax {
namespace {

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Vit3Preset& preset : vit3_presets()) {
    names.emplace_back(preset.name);
  }
  return names;
}

struct BenchClassifyOptions {
  std::vector<std::string> models = preset_names();
  std::vector<int> batch_sizes = {1, 8};
  std::vector<std::string> dtypes = {"float32", "bfloat16"};
  std::string form = "parallel";
  std::string variant = "0";
  int size = 224;
  BenchOptions bench;
  CommonOptions common;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("model", self.models, "published sizes: vit3-t … h-vit3-b");
    visitor("batch_size", self.batch_sizes, "images per pass");
    visitor("dtype", self.dtypes, "float32, bfloat16");
    visitor("form", self.form, "recurrent, parallel or both");
    visitor("variant", self.variant, "row of the variant table: " + vit3_variant_names());
    visitor("size", self.size, "side of the images", OptionRange{16, 4096});
  }
};

struct ClassifyTiming {
  std::string model;
  std::string dtype;
  Form form = Form::kParallel;
  int batch = 0;
  double seconds = 0;
  double images_per_second() const { return batch / seconds; }
};

std::shared_ptr<ImageClassifier> random_model(const BenchClassifyOptions& options,
                                              const std::string& name,
                                              torch::Dtype dtype) {
  Vit3Options architecture = find_vit3_preset(name);
  architecture.variant = options.variant;
  torch::manual_seed(1);
  auto model = make_classifier(architecture);
  model->initialise();
  model->eval();
  if (dtype == torch::kBFloat16) {
    model->use_bfloat16();
  }
  model->to(parse_device(options.bench.device));
  return model;
}

// Every dtype, batch and form of one model in alternation.
std::vector<ClassifyTiming> time_model(const BenchClassifyOptions& options,
                                       const std::string& name) {
  std::vector<ClassifyTiming> timings;
  std::vector<std::function<void()>> cases;
  const torch::Device device = parse_device(options.bench.device);
  for (const std::string& dtype_name : options.dtypes) {
    const auto dtype = parse_dtype(dtype_name);
    const auto model = random_model(options, name, dtype);
    for (const int batch : options.batch_sizes) {
      const Tensor images = torch::randn({batch, 3, options.size, options.size}).to(device, dtype);
      for (const Form form : parse_forms(options.form)) {
        timings.push_back({.model = name, .dtype = dtype_name, .form = form, .batch = batch});
        cases.push_back(to_its_end(
            [model, images, form] {
              const torch::InferenceMode no_graph;
              model->forward(images, {.form = form});
            },
            device));
      }
    }
  }
  const auto seconds = paired_seconds(cases, timing_options(options.bench));
  for (size_t i = 0; i < timings.size(); ++i) {
    timings[i].seconds = median(seconds[i]);
  }
  return timings;
}

int run_bench_classify(const BenchClassifyOptions& options) {
  configure_threads(options.common);
  for (const int batch : options.batch_sizes) {
    if (batch < 1) {
      throw UsageError("--batch-size takes positive numbers");
    }
  }
  nlohmann::json json = bench_json(options);
  std::vector<std::vector<std::string>> rows = {
      {"model", "dtype", "form", "batch", "ms", "images/s"}};
  Progress progress(
      "bench classify", static_cast<int64_t>(options.models.size()), options.common.quiet);
  for (const std::string& name : options.models) {
    for (const ClassifyTiming& t : time_model(options, name)) {
      rows.push_back({t.model,
                      t.dtype,
                      std::string(form_name(t.form)),
                      std::to_string(t.batch),
                      fmt::format("{:.1f}", t.seconds * 1e3),
                      fmt::format("{:.1f}", t.images_per_second())});
      json["results"].push_back({{"model", t.model},
                                 {"dtype", t.dtype},
                                 {"form", form_name(t.form)},
                                 {"batch", t.batch},
                                 {"seconds", t.seconds},
                                 {"images_per_second", t.images_per_second()}});
    }
    progress.advance();
  }
  progress.finish();
  report_bench(options.bench, format_table(rows), json);
  return kExitDone;
}

}  // namespace

Command add_bench_classify_command(CLI::App& bench) {
  auto options = std::make_shared<BenchClassifyOptions>();
  CLI::App* app = add_subcommand(
      bench,
      "classify",
      "Images per second of the published classifiers, with random weights",
      "Example:\n  parallax bench classify --model vit3-t --batch-size 1 8 --threads 1");
  add_options(*app, *options);
  add_options(*app, options->bench);
  add_options(*app, options->common);
  return {app, [options] { return run_bench_classify(*options); }};
}

}  // namespace parallax
