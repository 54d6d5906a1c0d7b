// Lists of words, and dotted names taken apart.
#include "core/io/wrapper_names.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace parallax {
namespace {

constexpr std::array<std::string_view, 4> kModuleWrappers = {"module",
                                                             "_orig_mod",
                                                             "_checkpoint_wrapped_module",
                                                             "_fsdp_wrapped_module"};
constexpr std::array<std::string_view, 3> kWeightsKeys = {"model",
                                                          "state_dict",
                                                          "model_state_dict"};
constexpr std::array<std::string_view, 6> kAveragedWords = {"ema",
                                                            "swa",
                                                            "averaged",
                                                            "avg",
                                                            "shadow",  // what ema classes call them
                                                            "polyak"};
// Of averages of something else: Adam's moments are "exp_avg" and "exp_avg_sq".
constexpr std::array<std::string_view, 12> kNotWeightsWords = {"exp",
                                                               "sq",
                                                               "grad",
                                                               "grads",
                                                               "gradient",
                                                               "gradients",
                                                               "momentum",
                                                               "moment",
                                                               "optim",
                                                               "optimizer",
                                                               "optimiser",
                                                               "opt"};

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

// The words of a key in lower case: "model", "ema" of "model_ema", "model-ema", "modelEMA",
// "ModelEma2". Digits end a word and are none.
std::vector<std::string> words_of_key(std::string_view key) {
  std::vector<std::string> words = {""};
  char before = '\0';
  for (const char c : key) {
    const auto code = static_cast<unsigned char>(c);
    const bool begins =
        std::isupper(code) != 0 && std::islower(static_cast<unsigned char>(before)) != 0;
    if (std::isalpha(code) == 0 || begins) {
      words.emplace_back();
    }
    if (std::isalpha(code) != 0) {
      words.back() += static_cast<char>(std::tolower(code));
    }
    before = c;
  }
  return words;
}

template <std::size_t Count>
bool has_one_of(const std::vector<std::string>& words,
                const std::array<std::string_view, Count>& list) {
  return std::any_of(
      words.begin(), words.end(), [&](const std::string& word) { return holds(list, word); });
}

}  // namespace

bool is_module_wrapper(std::string_view part) { return holds(kModuleWrappers, part); }

bool is_averaged_key(std::string_view key) {
  return has_one_of(words_of_key(key), kAveragedWords) && !is_optimiser_key(key);
}

bool is_optimiser_key(std::string_view key) {
  return has_one_of(words_of_key(key), kNotWeightsWords);
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
