// VGG-16's features, normalised per pixel, squared differences, weighted sums.
#include "vision/metrics/lpips.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <regex>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr const char* kHowToSave =
    "A file with all of them: python3 -c \"import lpips, torch; "
    "torch.save(lpips.LPIPS(net='vgg').state_dict(), 'lpips_vgg.pth')\"";

// One convolution of VGG-16: its position among the layers as torchvision counts them, its number
// of outputs, and what is done before it.
struct VggLayer {
  int position;
  int64_t outputs;
  bool pooled_before;
  bool compared_after;  // LPIPS compares what comes out of its ReLU
};
constexpr std::array kVggLayers = {VggLayer{0, 64, false, false},
                                   VggLayer{2, 64, false, true},
                                   VggLayer{5, 128, true, false},
                                   VggLayer{7, 128, false, true},
                                   VggLayer{10, 256, true, false},
                                   VggLayer{12, 256, false, false},
                                   VggLayer{14, 256, false, true},
                                   VggLayer{17, 512, true, false},
                                   VggLayer{19, 512, false, false},
                                   VggLayer{21, 512, false, true},
                                   VggLayer{24, 512, true, false},
                                   VggLayer{26, 512, false, false},
                                   VggLayer{28, 512, false, true}};
constexpr int64_t kSmallestSide = 16;  // four poolings leave one pixel
constexpr double kEps = 1e-10;
// Images in [-1, 1] are brought to ImageNet's statistics.
constexpr std::array kChannelShift = {-0.030F, -0.088F, -0.188F};
constexpr std::array kChannelScale = {0.458F, 0.448F, 0.450F};

// The names by which the class knows its weights: "0.weight" for a convolution's, "lin0".
TensorMap canonical(const TensorMap& weights) {
  // torchvision's; the package's own; the package's within torchmetrics or a whole model.
  static const std::regex kConvolution(R"((?:.*\.)?(?:features|slice[1-5])\.(\d+)\.(weight|bias))");
  static const std::regex kDifference(R"((?:.*\.)?lins?\.?([0-4])\.model\.1\.weight)");
  // std::regex goes one level of calls deeper for each character of a name.
  constexpr size_t kLongestName = 1000;
  TensorMap named;
  std::smatch match;
  for (const auto& [name, tensor] : weights) {
    if (name.size() > kLongestName) {
      continue;
    }
    if (std::regex_match(name, match, kConvolution)) {
      named[match[1].str() + "." + match[2].str()] = tensor;
    } else if (std::regex_match(name, match, kDifference)) {
      named["lin" + match[1].str()] = tensor;
    }
  }
  return named;
}

Tensor take_weight(const TensorMap& named,
                   const std::string& name,
                   const std::vector<int64_t>& shape,
                   const std::string& where) {
  const auto found = named.find(name);
  if (found == named.end()) {
    throw Error(
        ErrorParts{.what = fmt::format("the weights of LPIPS lack {}",
                                       name.starts_with("lin") ? name + ".model.1.weight"
                                                               : "VGG-16's features." + name),
                   .where = where,
                   .remedy = kHowToSave});
  }
  if (found->second.sizes() != shape || !found->second.is_floating_point()) {
    throw Error(ErrorParts{.what = fmt::format("LPIPS's weight {} does not fit VGG-16", name),
                           .where = where,
                           .expected = fmt::format("[{}]", fmt::join(shape, ", ")),
                           .got = c10::str(found->second.sizes(), " ", found->second.dtype()),
                           .remedy = kHowToSave});
  }
  return found->second.to(torch::kFloat32);
}

Tensor channel_values(const std::array<float, 3>& values, const Tensor& like) {
  return torch::tensor(at::ArrayRef<float>(values.data(), values.size()))
      .view({1, 3, 1, 1})
      .to(like.device());
}

// Each pixel's features divided by their length.
Tensor to_unit_length(const Tensor& features) {
  return features / (features.square().sum(1, /*keepdim=*/true).sqrt() + kEps);
}

}  // namespace

Lpips::Lpips(const TensorMap& weights, const std::string& where) {
  const TensorMap named = canonical(weights);
  int64_t inputs = 3;
  for (const VggLayer& layer : kVggLayers) {
    const std::string position = std::to_string(layer.position);
    convolutions_.push_back(
        {take_weight(named, position + ".weight", {layer.outputs, inputs, 3, 3}, where),
         take_weight(named, position + ".bias", {layer.outputs}, where)});
    inputs = layer.outputs;
    if (layer.compared_after) {
      const std::string name = fmt::format("lin{}", differences_.size());
      differences_.push_back(take_weight(named, name, {1, layer.outputs, 1, 1}, where));
    }
  }
}

void Lpips::to(torch::Device device) {
  for (Convolution& convolution : convolutions_) {
    convolution.weight = convolution.weight.to(device);
    convolution.bias = convolution.bias.to(device);
  }
  for (Tensor& weight : differences_) {
    weight = weight.to(device);
  }
}

std::vector<Tensor> Lpips::features(const Tensor& image) const {
  std::vector<Tensor> compared;
  Tensor x = (image - channel_values(kChannelShift, image)) / channel_values(kChannelScale, image);
  for (size_t i = 0; i < kVggLayers.size(); ++i) {
    if (kVggLayers[i].pooled_before) {
      x = torch::max_pool2d(x, 2);
    }
    x = torch::relu(torch::conv2d(x, convolutions_[i].weight, convolutions_[i].bias, 1, 1));
    if (kVggLayers[i].compared_after) {
      compared.push_back(x);
    }
  }
  return compared;
}

Tensor Lpips::per_image(const Tensor& rendered, const Tensor& truth) const {
  const bool fits = rendered.dim() == 4 && rendered.size(1) == 3 &&
                    rendered.sizes() == truth.sizes() && rendered.size(2) >= kSmallestSide &&
                    rendered.size(3) >= kSmallestSide;
  if (!fits) {
    throw Error(ErrorParts{
        .what = "LPIPS cannot compare these images",
        .expected = fmt::format("two of [B, 3, H, W], sides from {} pixels on", kSmallestSide),
        .got = c10::str(rendered.sizes(), " and ", truth.sizes())});
  }
  const torch::NoGradGuard no_grad;
  const auto options = convolutions_.front().weight.options();
  std::vector<double> distances;
  for (int64_t i = 0; i < rendered.size(0); ++i) {
    const std::vector<Tensor> a = features(rendered.slice(0, i, i + 1).to(options) * 2 - 1);
    const std::vector<Tensor> b = features(truth.slice(0, i, i + 1).to(options) * 2 - 1);
    double distance = 0;
    for (size_t layer = 0; layer < a.size(); ++layer) {
      const Tensor difference = (to_unit_length(a[layer]) - to_unit_length(b[layer])).square();
      // The weighted sum over channels, averaged over the pixels.
      distance += (difference * differences_[layer]).sum(1).mean().item<double>();
    }
    distances.push_back(distance);
  }
  return torch::tensor(distances, torch::kFloat64);
}

Lpips load_lpips(const std::vector<std::string>& files) {
  TensorMap weights;
  for (const std::string& file : files) {
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) {
      throw Error(ErrorParts{
          .what = "the file of LPIPS's weights is missing", .where = file, .remedy = kHowToSave});
    }
    try {
      weights.merge(load_checkpoint(file).tensors);
    } catch (const Error& error) {  // torchvision's own file is older than zip archives
      throw Error(ErrorParts{.what = error.what(), .remedy = kHowToSave});
    }
  }
  return Lpips(weights, fmt::format("{}", fmt::join(files, ", ")));
}

}  // namespace parallax
