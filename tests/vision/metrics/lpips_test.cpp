// LPIPS against the package that defines it, and files of weights that do not fit.
#include "vision/metrics/lpips.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "tests/support/lpips_weights.h"
#include "tests/support/scratch_folder.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Float32 sums of some thousand products differ by about 1e-6 of the distance between two orders of
// addition; the package itself is 1e-6 away from its float64 values.
TEST(Lpips, IsWhatThePackageGives) {
  const Lpips lpips(testing::lpips_weights(), "formula");
  std::ifstream stream(fs::path(PARALLAX_SOURCE_DIR) / "tests/vision/metrics/data/lpips.json");
  const nlohmann::json golden = nlohmann::json::parse(stream);
  ASSERT_EQ(golden.at("cases").size(), 3);
  for (const nlohmann::json& entry : golden.at("cases")) {
    const int64_t height = entry.at("height");
    const int64_t width = entry.at("width");
    SCOPED_TRACE(fmt::format("{} x {}", height, width));
    const std::uint32_t seed = entry.at("seed");
    const Tensor a = testing::formula_numbers(seed, {1, 3, height, width}, 0.5, 0.5);
    const Tensor b =
        0.75 * a + 0.25 * testing::formula_numbers(seed + 1, {1, 3, height, width}, 0.5, 0.5);
    const double expected = entry.at("lpips_float64");
    // Pairs do not mix.
    const Tensor distances = lpips.per_image(torch::cat({a, b, b}), torch::cat({b, b, a}));
    EXPECT_NEAR(distances[0].item<double>(), expected, 1e-5 * expected);
    EXPECT_EQ(distances[1].item<double>(), 0);
    EXPECT_NEAR(distances[2].item<double>(), expected, 1e-5 * expected);
  }
}

TEST(Lpips, ReadsTheNamesThatWritersGive) {
  const TensorMap torchvision = testing::lpips_weights();
  TensorMap package;  // lpips.LPIPS(net="vgg").state_dict()
  for (const auto& [name, tensor] : torchvision) {
    const int position = name.starts_with("features.") ? std::stoi(name.substr(9)) : -1;
    const int slice = position < 4    ? 1
                      : position < 9  ? 2
                      : position < 16 ? 3
                      : position < 23 ? 4
                                      : 5;
    package[position < 0 ? name : fmt::format("net.slice{}.{}", slice, name.substr(9))] = tensor;
  }
  package["scaling_layer.shift"] = torch::zeros({1, 3, 1, 1});
  package["lins.0.model.1.weight"] = package.at("lin0.model.1.weight");
  const Tensor a = torch::rand({1, 3, 16, 16});
  const Tensor b = torch::rand({1, 3, 16, 16});
  EXPECT_TRUE(
      torch::equal(Lpips(torchvision, "").per_image(a, b), Lpips(package, "").per_image(a, b)));
  EXPECT_THROW(Lpips(torchvision, "").per_image(a, b.slice(2, 0, 15)), Error);
  EXPECT_THROW(Lpips(torchvision, "").per_image(a.slice(2, 0, 15), b.slice(2, 0, 15)), Error);
}

std::string message_of(const std::function<void()>& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Lpips, WeightsThatDoNotFitAreNamed) {
  const testing::ScratchFolder scratch;
  const auto saved = [&](const char* name, const TensorMap& tensors) {
    const fs::path path = scratch.path() / name;
    save_safetensors(path, {.tensors = tensors});
    return path.string();
  };
  TensorMap weights = testing::lpips_weights();
  TensorMap differences;
  for (int i = 0; i < 5; ++i) {
    const std::string name = fmt::format("lin{}.model.1.weight", i);
    differences[name] = weights.at(name);
    weights.erase(name);
  }
  const std::string trunk = saved("vgg16.safetensors", weights);
  const std::string heads = saved("lpips.safetensors", differences);
  EXPECT_EQ(message_of([&] { load_lpips({trunk, heads}); }), "no error");
  EXPECT_THAT(
      message_of([&] { load_lpips({trunk}); }),
      AllOf(HasSubstr("lack lin0"), HasSubstr("vgg16.safetensors"), HasSubstr("import lpips")));
  EXPECT_THAT(message_of([&] { load_lpips({heads}); }),
              HasSubstr("lack VGG-16's features.0.weight"));
  EXPECT_THAT(message_of([&] { load_lpips({(scratch.path() / "none.pth").string()}); }),
              AllOf(HasSubstr("missing"), HasSubstr("none.pth"), HasSubstr("import lpips")));
  // torchvision's own files are older than PyTorch's zip archives.
  EXPECT_THAT(
      message_of([&] { load_lpips({scratch.write("vgg.pth", "\x80\x02l\x03.").string()}); }),
      AllOf(HasSubstr("vgg.pth"), HasSubstr("import lpips")));
  weights.merge(differences);
  // A name that is no convolution's, of a length that exhausts the stack of a search by recursion.
  weights[std::string(2'000'000, 'a') + ".features.0.weight"] = torch::zeros({1});
  EXPECT_EQ(message_of([&] { Lpips(weights, "vgg16"); }), "no error");
  weights["features.3.weight"] = torch::zeros({64});  // with batch normalisation: other positions
  weights["features.5.weight"] = torch::zeros({64, 64, 3, 3});
  EXPECT_THAT(message_of([&] { Lpips(weights, "vgg16_bn"); }),
              AllOf(HasSubstr("does not fit VGG-16"), HasSubstr("vgg16_bn")));
}

}  // namespace
}  // namespace parallax
