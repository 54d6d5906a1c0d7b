// ViT³ and H-ViT³ against the reference implementation: the layer, whole models, checkpoint files.
#include <gtest/gtest.h>

#include "tests/golden/golden.h"
#include "tests/support/test_device.h"
#include "vision/models/module_weights.h"
#include "vision/models/vit3/model_store.h"

namespace parallax::testing {
namespace {

const Vit3Variant& variant_of_loss(const std::string& loss) {
  for (const Vit3Variant& variant : vit3_variants()) {
    if (variant.reference_name == loss) {
      return variant;
    }
  }
  throw Error("the golden case has an unknown loss type " + loss);
}

// The parallel form, and recurrent ones whose steps do and do not divide the grid's rows.
std::vector<Vit3Pass> all_passes() {
  return {{.form = Form::kParallel},
          {.form = Form::kRecurrent, .rows_per_step = 1},
          {.form = Form::kRecurrent, .rows_per_step = 3}};
}

void expect_near(const GoldenCase& golden,
                 const std::string& name,
                 const Tensor& got,
                 double tolerance) {
  const Tensor expected = golden.tensor("ref." + name).to(torch::kFloat64);
  ASSERT_EQ(got.sizes(), expected.sizes()) << golden.name() << " " << name;
  EXPECT_LE((got.to(torch::kFloat64) - expected).abs().max().item<double>(), tolerance)
      << golden.name() << " " << name;
}

double atol(const GoldenCase& golden, const std::string& name) {
  return golden.json.at("tolerance").at(name).at("suggested_atol");
}

// Our tensors have the heads first, the reference's the batch.
Tensor batch_first(const Tensor& x) { return x.transpose(0, 1); }

void check_layer_trace(const GoldenCase& golden, const Vit3LayerTrace& trace) {
  const Vit3Projections& p = trace.projections;
  const int64_t batch = p.q1.size(1);
  const auto per_image = [&](const Tensor& w, const std::string& name) {
    // Weights that are not updated remain a single copy, in the reference and in ours.
    const Tensor expected = golden.tensor("ref." + name);
    return expected.size(0) == batch ? batch_first(w.expand({-1, batch, -1, -1})) : batch_first(w);
  };
  // Our tensors have the channels last, and the taps of an image's kernels before them.
  const auto channels_first = [](const Tensor& x) { return x.permute({0, 3, 1, 2}); };
  const Tensor w3 = trace.w3.transpose(1, 2).reshape({-1, 1, 3, 3});
  const std::pair<const char*, Tensor> values[] = {{"q1", batch_first(p.q1)},
                                                   {"k1", batch_first(p.k1)},
                                                   {"v1", batch_first(p.v1)},
                                                   {"q2", channels_first(p.q2)},
                                                   {"k2", channels_first(p.k2)},
                                                   {"v2", channels_first(p.v2)},
                                                   {"w1_new", per_image(trace.glu.w1, "w1_new")},
                                                   {"w2_new", per_image(trace.glu.w2, "w2_new")},
                                                   {"w3_new", w3},
                                                   {"x1", trace.glu_output},
                                                   {"x2", trace.kernel_output}};
  for (const auto& [name, got] : values) {
    expect_near(golden, name, got, atol(golden, name));
  }
}

TEST(Golden, Vit3LayerInEveryVariantAndForm) {
  const auto cases = golden_cases("vittt_block");
  const torch::NoGradGuard no_grad;
  for (const auto& folder : cases) {
    const GoldenCase golden = load_golden_case(folder);
    const auto& config = golden.json.at("config");
    const TokenGrid grid{config.at("h"), config.at("w")};
    Vit3Layer layer(config.at("dim"),
                    config.at("num_heads"),
                    config.at("qkv_bias"),
                    variant_of_loss(golden.json.at("loss_type")).rule);
    load_weights(layer, golden.tensors_under("weights."), golden.name());
    const bool has_rope = golden.json.at("rope").get<bool>();
    const Tensor stored = has_rope ? golden.tensor("rope.rotations") : Tensor();
    if (has_rope) {
      const Tensor table = rotary_table(grid.rows, grid.cols, config.at("dim"));
      EXPECT_LE((table - stored.to(torch::kCPU)).abs().max().item<double>(), 2e-6) << golden.name();
    }
    for (const torch::Dtype dtype : {torch::kFloat32, torch::kFloat64}) {
      layer.to(test_device(), dtype);
      const Tensor x = golden.tensor("x").to(dtype);
      for (const Vit3Pass& pass : all_passes()) {
        Vit3LayerTrace trace;
        const Tensor out = layer.forward(x, grid, stored, pass, &trace);
        if (dtype == torch::kFloat32) {
          check_layer_trace(golden, trace);
          expect_near(golden, "out", out, atol(golden, "out"));
          // Untraced, the gated unit runs in one fused pass.
          expect_near(golden, "out", layer.forward(x, grid, stored, pass), atol(golden, "out"));
        } else {
          // The float64 reference uses the same tables: only float64 rounding remains.
          const double magnitude = golden.tensor("ref.out.f64").abs().max().item<double>();
          expect_near(golden, "out.f64", out, 1e-9 * magnitude);
        }
      }
    }
  }
}

Vit3Options vit3_options_of(const nlohmann::json& config) {
  Vit3Options options{.image_size = config.at("img_size"), .num_classes = config.at("num_classes")};
  options.hierarchical = config.contains("depths");
  options.patch_size = config.value("patch_size", 4);
  options.mlp_ratio = config.value("mlp_ratio", 4.0);
  options.qkv_bias = config.value("qkv_bias", true);
  if (options.hierarchical) {
    options.dims = config.at("dim").get<std::vector<int>>();
    options.depths = config.at("depths").get<std::vector<int>>();
    options.heads = config.at("num_heads").get<std::vector<int>>();
  } else {
    options.dims = {config.at("embed_dim").get<int>()};
    options.depths = {config.at("depth").get<int>()};
    options.heads = {config.at("num_heads").get<int>()};
  }
  return options;
}

void check_model(const std::filesystem::path& folder) {
  const GoldenCase golden = load_golden_case(folder);
  Vit3Options options = vit3_options_of(golden.json.at("config"));
  options.variant = variant_of_loss(golden.json.at("loss_type")).name;
  const TensorMap weights = golden.tensors_under("weights.");
  Vit3Options told = vit3_options_from_shapes(weights, golden.name());
  EXPECT_EQ(told.dims, options.dims) << golden.name();
  EXPECT_EQ(told.depths, options.depths) << golden.name();
  EXPECT_EQ(told.heads, options.heads) << golden.name();
  EXPECT_EQ(told.num_classes, options.num_classes) << golden.name();
  EXPECT_EQ(told.patch_size, options.patch_size) << golden.name();
  const auto model = make_classifier(options);
  model->eval();
  load_weights(*model, weights, golden.name());
  model->to(test_device());
  if (golden.json.contains("parameters")) {
    EXPECT_EQ(count_parameters(options), golden.json.at("parameters")) << golden.name();
  }
  for (const Vit3Pass& pass : all_passes()) {
    ClassifierTrace trace;
    const Tensor logits = model->forward(golden.tensor("x"), pass, &trace);
    expect_near(golden, "logits", logits, atol(golden, "logits"));
    for (const auto& [name, got] : trace) {
      expect_near(golden, name, got, atol(golden, name));
    }
  }
  // Modules converted to float64 keep the float32 tables' values, as the reference does.
  model->to(torch::kFloat64);
  const double magnitude = golden.tensor("ref.logits.f64").abs().max().item<double>();
  for (const Vit3Pass& pass : all_passes()) {
    const Tensor logits = model->forward(golden.tensor("x").to(torch::kFloat64), pass);
    expect_near(golden, "logits.f64", logits, 1e-8 * magnitude);
  }
}

TEST(Golden, Vit3Models) {
  const auto cases = golden_cases("vittt_model");
  const torch::NoGradGuard no_grad;
  for (const auto& folder : cases) {
    check_model(folder);
  }
}

TEST(Golden, HierarchicalVit3Models) {
  const auto cases = golden_cases("h_vittt_model");
  const torch::NoGradGuard no_grad;
  for (const auto& folder : cases) {
    check_model(folder);
  }
}

// The name of the reference logits in a file's precision.
std::string logits_of_file(const std::string& file) {
  if (file.find("bf16") != std::string::npos) {
    return "logits.bf16_weights";
  }
  return file.find("half") != std::string::npos || file.find("f16") != std::string::npos
             ? "logits.f16_weights"
             : "logits.f32_weights";
}

TEST(Golden, ClassifierCheckpointFiles) {
  const auto cases = golden_cases("checkpoint_io");
  const torch::NoGradGuard no_grad;
  for (const auto& folder : cases) {
    const GoldenCase golden = load_golden_case(folder);
    for (const auto& file : golden.json.at("files").items()) {
      SCOPED_TRACE(golden.name() + "/" + file.key());
      const Classifier classifier = load_classifier((folder / file.key()).string());
      classifier.module->to(test_device());
      const std::string name = logits_of_file(file.key());
      for (const Vit3Pass& pass : all_passes()) {
        expect_near(
            golden, name, classifier.module->forward(golden.tensor("x"), pass), atol(golden, name));
      }
    }
  }
}

}  // namespace
}  // namespace parallax::testing
