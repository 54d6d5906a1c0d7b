// `parallax bench render`: time to read a scene and to render a view from its fast weights, or of a
// training step; with a model's weights, or with random ones for any architecture.
#include <fmt/format.h>

#include <map>
#include <optional>

#include "apps/bench/bench_report.h"
#include "apps/common/nvs_options.h"
#include "apps/report/peak.h"
#include "apps/report/results.h"
#include "core/base/autocast.h"
#include "core/base/device.h"
#include "core/base/progress.h"
#include "vision/models/lact_nvs/flop_count.h"
#include "vision/models/lact_nvs/model_store.h"
#include "vision/scene/image_size.h"
#include "vision/synth/scene_generator.h"

namespace parallax {
namespace {

constexpr const char* kRandomModel = "random";

struct BenchRenderOptions {
  std::string model = kDefaultNvsModel;
  std::vector<std::string> sizes = {"64x64"};
  std::vector<int> input_views = {8};
  std::vector<std::string> dtypes = {"float32"};
  std::string newton_schulz;
  std::string form = "both";
  bool train_step = false;
  int batch_size = 4;
  int target_views = 4;
  LactNvsOptions architecture;
  BenchOptions bench;
  CommonOptions common;

  template <class Self, class Visitor>
  static void visit(Self& self, Visitor&& visitor) {
    visitor("model",
            self.model,
            "a bundled name, a checkpoint, or `random` for the architecture that --dim, --layers "
            "and so on describe");
    visitor("size", self.sizes, "image sizes WxH");
    visitor("input_views", self.input_views, "numbers of views to read");
    visitor("dtype", self.dtypes, "float32, bfloat16");
    visitor("newton_schulz", self.newton_schulz, kNewtonSchulzHelp);
    visitor("form", self.form, "recurrent, parallel or both");
    visitor("train_step",
            self.train_step,
            "time forward and backward of one training step instead, bfloat16 as mixed precision");
    visitor("batch_size", self.batch_size, "scenes per training step", OptionRange{1, 4096});
    visitor("target_views", self.target_views, "views per training step", OptionRange{1, 4096});
  }
};

CameraBatch orbit_cameras(int64_t batch,
                          int64_t views,
                          const ImageSize& size,
                          torch::Device device) {
  std::vector<Camera> path;
  for (int64_t i = 0; i < views; ++i) {
    const double azimuth = 360.0 * static_cast<double>(i) / static_cast<double>(views);
    path.push_back(orbit_camera(azimuth, 20, 2.7, 50, size.height, size.width));
  }
  const CameraBatch one = to_camera_batch(path).to(device);
  return {one.fxfycxcy.expand({batch, -1, -1}),
          one.c2w.expand({batch, -1, -1, -1}),
          size.height,
          size.width};
}

LactNvsOptions architecture_of(const BenchRenderOptions& options) {
  return options.model == kRandomModel ? options.architecture
                                       : load_nvs_model(options.model).card.options;
}

std::shared_ptr<LactNvs> make_model(const BenchRenderOptions& options) {
  const torch::Device device = parse_device(options.bench.device);
  if (options.model != kRandomModel) {
    const auto module = load_nvs_model(options.model).module;
    module->to(device);
    return module;
  }
  torch::manual_seed(1);
  auto model = std::make_shared<LactNvs>(options.architecture);
  model->to(device);
  model->initialise();
  model->eval();
  return model;
}

struct RenderTiming {
  std::string what;  // "reconstruct", "view", "train step"
  std::string dtype;
  std::string form;  // empty if both are the same work
  std::string size;
  int views = 0;
  double seconds = 0;
  double operations = 0;       // needed; 0: not counted
  double product_seconds = 0;  // LibTorch's product in the same rounds
  std::optional<Speed> speed;  // of what is counted; from the peaks after all rounds
};

struct TimedCases {
  std::vector<RenderTiming> timings;
  std::vector<std::function<void()>> runs;

  void add(RenderTiming timing, std::function<void()> run) {
    timings.push_back(std::move(timing));
    runs.push_back(std::move(run));
  }
};

// Times reading in every form, then rendering one view from the result.
void add_inference(const BenchRenderOptions& options,
                   const std::string& dtype,
                   const RenderTiming& like,
                   TimedCases& cases) {
  // Created outside inference mode, in which weights could not be repacked.
  const auto model = make_model(options);
  choose_precision(*model, dtype, options.newton_schulz);
  const torch::Device device = parse_device(options.bench.device);
  const torch::InferenceMode inference;
  const ImageSize size = parse_image_size(like.size, "--size");
  const CameraBatch cameras = orbit_cameras(1, like.views, size, device);
  const Tensor images = torch::rand({1, like.views, 3, size.height, size.width}).to(device);
  RenderTiming timing = like;
  timing.what = "reconstruct";
  for (const Form form : parse_forms(options.form)) {
    timing.form = form_name(form);
    cases.add(timing,
              to_its_end(
                  [=] {
                    const torch::InferenceMode no_graph;
                    model->reconstruct(images, cameras, form);
                  },
                  device));
  }
  const SceneState state = model->reconstruct(images, cameras, Form::kParallel);
  timing.what = "view";
  timing.form = "";
  cases.add(timing,
            to_its_end(
                [=, target = cameras.slice(0, 1)] {
                  const torch::InferenceMode no_graph;
                  model->render(state, target);
                },
                device));
}

// Of one training step; Newton-Schulz counts as the model's rule has it.
double training_operations(const LactNvs& model,
                           const BenchRenderOptions& options,
                           const CameraBatch& inputs) {
  const int64_t patch = model.options().patch_size;
  return training_flops(model.options(),
                        model.rule().newton_schulz,
                        {.batch = inputs.batch(),
                         .input_views = inputs.views(),
                         .target_views = options.target_views,
                         .tokens_per_view = (inputs.height / patch) * (inputs.width / patch)});
}

void add_training(const BenchRenderOptions& options,
                  const std::string& dtype,
                  const RenderTiming& like,
                  TimedCases& cases) {
  const auto model = make_model(options);
  const torch::Device device = parse_device(options.bench.device);
  for (Tensor& parameter :
       model->parameters()) {  // a stored model's parameters require no gradients
    parameter.set_requires_grad(true);
  }
  model->freeze_unused();
  const ImageSize size = parse_image_size(like.size, "--size");
  const CameraBatch inputs = orbit_cameras(options.batch_size, like.views, size, device);
  const CameraBatch targets = orbit_cameras(options.batch_size, options.target_views, size, device);
  const auto pictures = [&](int64_t views) {
    return torch::rand({options.batch_size, views, 3, size.height, size.width}).to(device);
  };
  const Tensor images = pictures(like.views);
  const Tensor truth = pictures(options.target_views);
  RenderTiming timing = like;
  timing.what = "train step";
  timing.operations = training_operations(*model, options, inputs);
  for (const Form form : parse_forms(options.form)) {
    timing.form = form_name(form);
    cases.add(timing,
              to_its_end(
                  [=] {
                    model->zero_grad();
                    Tensor loss;
                    {
                      const AutocastGuard mixed(device, parse_dtype(dtype));
                      loss =
                          (model->forward(images, inputs, targets, form) - truth).square().mean();
                    }
                    loss.backward();
                  },
                  device));
  }
}

// The peaks of every dtype, over all sizes.
using PeaksByDtype = std::map<std::string, PeakMeasurement>;

std::vector<RenderTiming> time_cases(const BenchRenderOptions& options,
                                     const std::string& size,
                                     int views,
                                     PeaksByDtype& peaks) {
  TimedCases cases;
  for (const std::string& dtype : options.dtypes) {
    const RenderTiming like{.dtype = dtype, .size = size, .views = views};
    if (options.train_step) {
      add_training(options, dtype, like, cases);
    } else {
      add_inference(options, dtype, like, cases);
    }
  }
  std::map<std::string, size_t> products;  // where the times of LibTorch's will be
  for (auto& [dtype, peak] : peaks) {
    cases.runs.push_back(peak.burst_case());
    products[dtype] = cases.runs.size();
    cases.runs.push_back(peak.product_case());
  }
  const auto seconds = paired_seconds(cases.runs, timing_options(options.bench));
  for (size_t i = 0; i < cases.timings.size(); ++i) {
    RenderTiming& timing = cases.timings[i];
    timing.seconds = median(seconds[i]);
    if (timing.operations > 0) {
      timing.product_seconds = median(seconds.at(products.at(timing.dtype)));
    }
  }
  return cases.timings;
}

nlohmann::json timing_json(const RenderTiming& t) {
  nlohmann::json json = {{"what", t.what},
                         {"dtype", t.dtype},
                         {"form", t.form.empty() ? nlohmann::json() : nlohmann::json(t.form)},
                         {"size", t.size},
                         {"input_views", t.views},
                         {"seconds", t.seconds}};
  if (t.speed) {
    json["needed_operations"] = t.operations;
    json.update(speed_json(*t.speed));
  }
  return json;
}

// All sizes and numbers of views.
std::vector<RenderTiming> time_sizes(const BenchRenderOptions& options) {
  PeaksByDtype peaks;
  if (options.train_step) {  // what else there is has no count of operations
    for (const std::string& dtype : options.dtypes) {
      peaks.try_emplace(dtype, parse_dtype(dtype), parse_device(options.bench.device));
    }
  }
  std::vector<RenderTiming> timings;
  Progress progress("bench render",
                    static_cast<int64_t>(options.sizes.size() * options.input_views.size()),
                    options.common.quiet);
  for (const std::string& size : options.sizes) {
    for (const int views : options.input_views) {
      const auto some = time_cases(options, size, views, peaks);
      timings.insert(timings.end(), some.begin(), some.end());
      progress.advance();
    }
  }
  progress.finish();
  for (RenderTiming& t : timings) {
    if (t.operations > 0) {
      t.speed = peaks.at(t.dtype).speed(t.operations / t.seconds, t.product_seconds);
    }
  }
  return timings;
}

std::string render_table(const std::vector<RenderTiming>& timings) {
  std::vector<std::string> headings = {
      "work", "dtype", "form", "size", "input views", "ms", "per second"};
  append(headings, speed_headings());
  std::vector<std::vector<std::string>> rows = {headings};
  std::vector<Speed> speeds;
  for (const RenderTiming& t : timings) {
    std::vector<std::string> row = {t.what,
                                    t.dtype,
                                    t.form.empty() ? "-" : t.form,
                                    t.size,
                                    std::to_string(t.views),
                                    fmt::format("{:.2f}", t.seconds * 1e3),
                                    fmt::format("{:.2f}", 1 / t.seconds)};
    append(row, speed_cells(t.speed ? &*t.speed : nullptr));
    rows.push_back(std::move(row));
    if (t.speed) {
      speeds.push_back(*t.speed);
    }
  }
  return format_table(rows) + describe_peaks(speeds);
}

int run_bench_render(const BenchRenderOptions& options) {
  configure_threads(options.common);
  for (const int views : options.input_views) {
    if (views < 1) {
      throw UsageError("--input-views takes positive numbers");
    }
  }
  check_lact_options(options.architecture, "command line");
  nlohmann::json settings = options_to_json(options);
  settings["architecture"] = options_to_json(architecture_of(options));
  nlohmann::json json = bench_header(std::move(settings));
  const std::vector<RenderTiming> timings = time_sizes(options);
  for (const RenderTiming& t : timings) {
    json["results"].push_back(timing_json(t));
  }
  report_bench(options.bench, render_table(timings), json);
  return kExitDone;
}

}  // namespace

Command add_bench_render_command(CLI::App& bench) {
  auto options = std::make_shared<BenchRenderOptions>();
  CLI::App* app = add_subcommand(
      bench,
      "render",
      "Time to read a scene and to render a view, or of a training step",
      "Example:\n  parallax bench render --model random --dim 768 --layers 12 --size 128x128 "
      "--input-views 2");
  add_options(*app, *options);
  add_options(*app, options->architecture);
  add_options(*app, options->bench);
  add_options(*app, options->common);
  return {app, [options] { return run_bench_render(*options); }};
}

}  // namespace parallax
