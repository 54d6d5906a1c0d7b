// Lists of words, and dotted names taken apart.
#include "core/io/wrapper_names.h"

#include <algorithm>
#include <array>

namespace parallax {
namespace {

constexpr std::array<std::string_view, 4> kModuleWrappers = {"module",
                                                             "_orig_mod",
                                                             "_checkpoint_wrapped_module",
                                                             "_fsdp_wrapped_module"};
constexpr std::array<std::string_view, 3> kWeightsKeys = {"model",
                                                          "state_dict",
                                                          "model_state_dict"};
constexpr std::array<std::string_view, 4> kAveragedWords = {"ema", "swa", "averaged", "avg"};

template <std::size_t Count>
bool holds(const std::array<std::string_view, Count>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      return parts;
    }
    text.remove_prefix(end + 1);
  }
}

}  // namespace

bool is_module_wrapper(std::string_view part) { return holds(kModuleWrappers, part); }

bool is_averaged_key(std::string_view key) {
  const std::vector<std::string_view> words = split(key, '_');
  return std::any_of(words.begin(), words.end(), [](std::string_view word) {
    return holds(kAveragedWords, word);
  });
}

bool is_weights_key(std::string_view key) {
  return holds(kWeightsKeys, key) || is_module_wrapper(key) || is_averaged_key(key);
}

std::vector<std::string_view> name_parts(std::string_view name) {
  return name.empty() ? std::vector<std::string_view>{} : split(name, '.');
}

std::string join_parts(const std::vector<std::string_view>& parts, std::size_t first) {
  std::string text;
  for (std::size_t i = first; i < parts.size(); ++i) {
    text += (i > first ? "." : "") + std::string(parts[i]);
  }
  return text;
}

}  // namespace parallax
