// Timings of the six published classifiers at 224×224 with random weights: images per second by
// batch size, precision and form.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "tests/benchmarks/benchmark_classify.h"
#include "vision/models/vit3/vit3.h"

namespace parallax {
namespace {

void time_classifier(benchmark::State& state,
                     const Vit3Options& options,
                     int64_t batch,
                     torch::Dtype dtype,
                     Form form) {
  const torch::InferenceMode inference;
  torch::manual_seed(1);
  const auto model = make_classifier(options);
  model->initialise();
  model->eval();
  if (dtype == torch::kBFloat16) {
    model->use_bfloat16();
  }
  const Tensor images = torch::randn({batch, 3, options.image_size, options.image_size}).to(dtype);
  model->forward(images, {.form = form});  // the first pass also prepares the kernels
  for (auto _ : state) {
    benchmark::DoNotOptimize(model->forward(images, {.form = form}));
  }
  state.SetItemsProcessed(state.iterations() * batch);
}

}  // namespace

void register_classify_benchmarks() {
  for (const Vit3Preset& preset : vit3_presets()) {
    for (const torch::Dtype dtype : {torch::kFloat32, torch::kBFloat16}) {
      for (const int64_t batch : {1, 8}) {
        for (const Form form : {Form::kParallel, Form::kRecurrent}) {
          const std::string name = fmt::format("classify/{}/{}/batch:{}/{}",
                                               preset.name,
                                               dtype == torch::kFloat32 ? "float32" : "bfloat16",
                                               batch,
                                               form_name(form));
          benchmark::RegisterBenchmark(name.c_str(),
                                       [&preset, batch, dtype, form](benchmark::State& state) {
                                         time_classifier(state, preset.options, batch, dtype, form);
                                       })
              ->Unit(benchmark::kMillisecond)
              ->UseRealTime();
        }
      }
    }
  }
}

}  // namespace parallax
