// Models on the device under test against float64 on the CPU, as users run them.
#include <gtest/gtest.h>

#include "tests/support/test_device.h"
#include "vision/models/lact_nvs/lact_nvs.h"
#include "vision/models/vit3/vit3.h"
#include "vision/synth/scene_generator.h"

namespace parallax::testing {
namespace {

CameraBatch ring_of_cameras(int views, double shift) {
  std::vector<Camera> cameras;
  for (int i = 0; i < views; ++i) {
    cameras.push_back(orbit_camera(shift + 360.0 * i / views, 20, 2.7, 50, 32, 32));
  }
  return to_camera_batch(cameras);
}

CameraBatch moved_cameras(const CameraBatch& cameras, torch::Device device, torch::Dtype dtype) {
  return {cameras.fxfycxcy.to(device, dtype),
          cameras.c2w.to(device, dtype),
          cameras.height,
          cameras.width};
}

// Every view is rendered four times, each time with other cameras: as it is, recorded, and twice
// from the recording.
TEST(DeviceModel, ViewsAreThoseOfFloat64EachTime) {
  const torch::InferenceMode inference;
  for (const char* variant : {"0", "2", "6"}) {
    LactNvsOptions options;
    options.patch_size = 8;
    options.dim = 64;
    options.layers = 2;
    options.attention_head_dim = 32;
    options.ttt_head_dim = 32;
    options.inter_multi = 1;
    options.variant = variant;
    torch::manual_seed(5);
    LactNvs exact(options);
    exact.initialise();
    LactNvs model(options);
    {
      const auto from = exact.named_parameters();
      for (auto& item : model.named_parameters()) {
        item.value().copy_(from[item.key()]);
      }
    }
    exact.to(torch::kFloat64);
    model.to(test_device());
    const Tensor images = torch::rand({1, 3, 3, 32, 32});
    const CameraBatch inputs = ring_of_cameras(3, 0);
    const SceneState expected_state =
        exact.reconstruct(images.to(torch::kFloat64),
                          moved_cameras(inputs, torch::kCPU, torch::kFloat64),
                          Form::kParallel);
    const SceneState state =
        model.reconstruct(images.to(test_device()),
                          moved_cameras(inputs, test_device(), torch::kFloat32),
                          Form::kParallel);
    for (const int views : {1, 2}) {
      for (int time = 0; time < 4; ++time) {
        const CameraBatch targets = ring_of_cameras(views, 17.0 * time + 5);
        const Tensor expected =
            exact.render(expected_state, moved_cameras(targets, torch::kCPU, torch::kFloat64));
        const Tensor got =
            model.render(state, moved_cameras(targets, test_device(), torch::kFloat32));
        EXPECT_LT(device_error(got, expected), 1e-3) << variant << ", time " << time;
      }
    }
  }
}

// A pass that waits for the device cannot be recorded.
TEST(DeviceModel, PassesThatCannotBeRecordedRunAsTheyAre) {
  CapturedRender captured;
  const CameraBatch cameras = ring_of_cameras(2, 0);
  for (int time = 0; time < 4; ++time) {
    // In and outside of inference mode.
    const c10::InferenceMode inference(time % 2 == 0);
    const torch::NoGradGuard no_grad;
    for (const bool waits : {true, false}) {
      const CameraBatch here = moved_cameras(cameras, test_device(), torch::kFloat32);
      const auto render = [&](const CameraBatch& c) {
        return waits ? c.c2w * c.c2w.sum().item<double>() : c.c2w * c.c2w.sum();
      };
      const CameraBatch own = {here.fxfycxcy, here.c2w * (time + 1), waits ? 32 : 64, 32};
      EXPECT_LT(device_error(captured.run(own, render), render(own)), 1e-6) << time;
    }
  }
}

Vit3Options small_classifier(bool hierarchical, int head_width) {
  Vit3Options options;
  options.hierarchical = hierarchical;
  options.image_size = hierarchical ? 64 : 48;
  options.num_classes = 10;
  options.patch_size = hierarchical ? 4 : 8;
  options.dims = {2 * head_width};
  options.depths = {3};
  options.heads = {2};
  if (hierarchical) {
    options.dims = {head_width, 2 * head_width, 2 * head_width, 4 * head_width};
    options.depths = {1, 1, 2, 1};
    options.heads = {1, 2, 2, 4};
  }
  return options;
}

// Classifiers of both kinds in bfloat16, with heads that kernels take and others, in both forms.
TEST(DeviceModel, ClassifiersAreThoseOfFloat64) {
  const torch::InferenceMode inference;
  for (const bool hierarchical : {false, true}) {
    for (const int head_width : {32, 24}) {
      for (const char* variant : {"0", "1", "ascent"}) {
        Vit3Options options = small_classifier(hierarchical, head_width);
        options.variant = variant;
        torch::manual_seed(6);
        const auto model = make_classifier(options);
        model->initialise();
        for (auto& item : model->named_parameters()) {
          // So large that what the layers add is no small part of the result.
          if (item.key().find("attn") != std::string::npos) {
            item.value().mul_(item.value().dim() == 2 ? 3 : 10);
          }
        }
        model->eval();
        model->use_bfloat16();
        const auto exact = make_classifier(options);
        exact->eval();
        exact->to(torch::kFloat64);
        for (auto& item : exact->named_parameters()) {
          item.value().copy_(model->named_parameters()[item.key()]);
        }
        model->to(test_device());
        const Tensor images = torch::randn({5, 3, 64, 96}).to(torch::kBFloat16);
        const Tensor expected = exact->forward(images.to(torch::kFloat64), {});
        for (const Form form : {Form::kParallel, Form::kRecurrent}) {
          const Tensor got = model->forward(images.to(test_device()), {.form = form});
          EXPECT_LT(device_error(got, expected), 4e-2)
              << hierarchical << " " << head_width << " " << variant << " " << form_name(form);
        }
      }
    }
  }
}

}  // namespace
}  // namespace parallax::testing
