// Copies weights by name and reports every mismatch at once.
#include "vision/models/module_weights.h"

#include <fmt/ranges.h>

#include <vector>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr size_t kListed = 12;  // names in an error before "and N more"

void append_list(std::string& text, const char* title, const std::vector<std::string>& names) {
  if (names.empty()) {
    return;
  }
  const size_t listed = std::min(kListed, names.size());
  text += fmt::format("{}{} {}: {}",
                      text.empty() ? "" : "; ",
                      names.size(),
                      title,
                      fmt::join(names.begin(), names.begin() + static_cast<long>(listed), ", "));
  if (names.size() > listed) {
    text += fmt::format(" and {} more", names.size() - listed);
  }
}

// THOP counts in buffers of every module; older versions left them in the state dict.
bool is_operation_count(const std::string& name) {
  const std::string last = name.substr(name.rfind('.') + 1);
  return last == "total_ops" || last == "total_params";
}

}  // namespace

void load_weights(torch::nn::Module& module, const TensorMap& tensors, const std::string& where) {
  const torch::NoGradGuard no_grad;
  std::vector<std::string> missing;
  std::vector<std::string> mis_shaped;
  std::vector<std::string> mis_typed;
  TensorMap surplus = tensors;
  std::vector<std::pair<Tensor, Tensor>> copies;
  const auto take = [&](const std::string& name, const Tensor& target) {
    const auto it = tensors.find(name);
    surplus.erase(name);
    if (it == tensors.end()) {
      missing.push_back(name);
    } else if (it->second.sizes() != target.sizes()) {
      mis_shaped.push_back(fmt::format("{} (expected [{}], got [{}])",
                                       name,
                                       fmt::join(target.sizes(), ", "),
                                       fmt::join(it->second.sizes(), ", ")));
    } else if (target.is_floating_point() && !it->second.is_floating_point()) {
      // Integers are quantised weights without their scales, or another type's bits.
      mis_typed.push_back(fmt::format("{} ({})", name, torch::toString(it->second.scalar_type())));
    } else {
      copies.emplace_back(target, it->second);
    }
  };
  for (const auto& item : module.named_parameters()) {
    take(item.key(), item.value());
  }
  for (const auto& item : module.named_buffers()) {
    take(item.key(), item.value());
  }
  std::vector<std::string> surplus_names;
  for (const auto& item : surplus) {
    if (!is_operation_count(item.first)) {
      surplus_names.push_back(item.first);
    }
  }
  std::string problems;
  append_list(problems, "missing", missing);
  append_list(problems, "surplus", surplus_names);
  append_list(problems, "wrong shape", mis_shaped);
  append_list(problems, "of integers in place of floating-point numbers", mis_typed);
  if (!problems.empty()) {
    std::string remedy = "Check that the file belongs to this kind of model and variant.";
    if (!mis_typed.empty()) {
      remedy =
          "Save the weights as float32, float16 or bfloat16: dequantised, or, if the integers "
          "are bfloat16's bits, as .view(torch.bfloat16).";
    }
    throw Error(ErrorParts{
        .what = "the tensors do not fit the model: " + problems, .where = where, .remedy = remedy});
  }
  for (auto& [target, source] : copies) {
    target.copy_(source);
  }
}

std::vector<std::string> load_fitting_weights(torch::nn::Module& module, const TensorMap& tensors) {
  const torch::NoGradGuard no_grad;
  std::vector<std::string> left;
  for (auto& item : module.named_parameters()) {
    const auto it = tensors.find(item.key());
    if (it != tensors.end() && it->second.sizes() == item.value().sizes()) {
      item.value().copy_(it->second);
    } else {
      left.push_back(item.key());
    }
  }
  return left;
}

TensorMap collect_weights(const torch::nn::Module& module, torch::Dtype dtype) {
  TensorMap tensors;
  const auto put = [&](const std::string& name, const Tensor& tensor) {
    const Tensor value = tensor.detach().to(torch::kCPU);
    tensors[name] = (value.is_floating_point() ? value.to(dtype) : value).contiguous().clone();
  };
  for (const auto& item : module.named_parameters()) {
    put(item.key(), item.value());
  }
  for (const auto& item : module.named_buffers()) {
    put(item.key(), item.value());
  }
  return tensors;
}

}  // namespace parallax
