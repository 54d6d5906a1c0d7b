// Chooses weights by their names: groups them by what precedes the names, and compares the groups.
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <set>

#include "core/base/error.h"
#include "core/io/stored_checkpoint.h"
#include "core/io/wrapper_names.h"

namespace parallax {
namespace {

std::string joined(const std::string& a, const std::string& b) {
  return a + (a.empty() || b.empty() ? "" : ".") + b;
}

// "module." as "module".
std::string without_dot(const std::string& prefix) {
  return prefix.empty() ? prefix : prefix.substr(0, prefix.size() - 1);
}

std::string place_of(const WeightsChoice& choice) {
  return joined(choice.key, without_dot(choice.prefix));
}

// A stored tensor's dictionary and name once `wanted` is taken off their beginning.
struct Place {
  std::string key;
  std::string_view name;
};

std::optional<Place> place_below(const StoredTensor& tensor, const std::string& wanted) {
  if (wanted.empty() || tensor.key == wanted || tensor.key.starts_with(wanted + ".")) {
    return Place{tensor.key, tensor.name};
  }
  // The rest of the wanted key is the beginning of the name.
  const std::string before = tensor.key.empty() ? "" : tensor.key + ".";
  if (!wanted.starts_with(before)) {
    return std::nullopt;
  }
  const std::string rest = wanted.substr(before.size()) + ".";
  if (!tensor.name.starts_with(rest)) {
    return std::nullopt;
  }
  return Place{wanted, std::string_view(tensor.name).substr(rest.size())};
}

[[noreturn]] void refuse_key(const StoredCheckpoint& stored, const std::string& wanted) {
  std::set<std::string> places(stored.other_keys.begin(), stored.other_keys.end());
  for (const StoredTensor& tensor : stored.tensors) {
    const auto parts = name_parts(tensor.name);
    const std::string first = parts.size() > 1 ? std::string(parts[0]) : "";
    places.insert(tensor.key.empty() ? first : tensor.key);
  }
  places.erase("");
  std::string list;
  for (const std::string& place : places) {
    list += (list.empty() ? "'" : ", '") + place + "'";
  }
  throw UsageError(ErrorParts{.what = "the checkpoint has no weights under '" + wanted + "'",
                              .where = stored.file,
                              .expected = list.empty() ? "no --checkpoint-key" : "one of " + list});
}

using Groups = std::vector<WeightsChoice>;

WeightsChoice& group_of(Groups& groups, const std::string& key, const std::string& prefix) {
  const auto found = std::find_if(groups.begin(), groups.end(), [&](const WeightsChoice& group) {
    return group.key == key && group.prefix == prefix;
  });
  return found != groups.end() ? *found
                               : groups.emplace_back(WeightsChoice{.key = key, .prefix = prefix});
}

// Whether a dictionary or the prefix of its names says that the weights are averaged.
bool is_averaged(const WeightsChoice& choice) {
  const std::string place = place_of(choice);
  const auto parts = name_parts(place);
  return std::any_of(parts.begin(), parts.end(), is_averaged_key);
}

// AveragedModel (torch.optim.swa_utils) counts what it averaged beside "module.".
void mark_averaged(Groups& groups) {
  for (WeightsChoice& group : groups) {
    group.averaged = is_averaged(group);
    for (const WeightsChoice& other : groups) {
      const std::string beside = joined(place_of(other), "module");
      const std::string place = place_of(group);
      group.averaged = group.averaged || (other.tensors.contains("n_averaged") &&
                                          (place == beside || place.starts_with(beside + ".")));
    }
  }
}

// Groups by dictionary and by the wrappers' words before the names.
Groups group_by_wrappers(const StoredCheckpoint& stored, const std::string& wanted) {
  Groups groups;
  for (const StoredTensor& tensor : stored.tensors) {
    const auto place = place_below(tensor, wanted);
    if (!place) {
      continue;
    }
    const auto parts = name_parts(place->name);
    std::size_t first = 0;
    std::string prefix;
    while (first + 1 < parts.size() && is_weights_key(parts[first])) {
      prefix += std::string(parts[first++]) + ".";
    }
    WeightsChoice& group = group_of(groups, place->key, prefix);
    std::vector<std::string_view> left;
    for (std::size_t i = first; i < parts.size(); ++i) {
      if (is_module_wrapper(parts[i]) && i + 1 < parts.size()) {
        group.inner.insert(std::string(parts[i]) + ".");
      } else {
        left.push_back(parts[i]);
      }
    }
    if (!group.tensors.emplace(join_parts(left), &tensor).second) {
      group.tensors.emplace(place->name, &tensor);  // a name that fits no model
    }
  }
  return groups;
}

// Latent diffusion's LitEma keeps averages as buffers, whose names must not have dots, and removes
// these. The model's own names tell where they were.
void restore_dots(WeightsChoice& group, const Groups& groups) {
  const auto has_dots = [](const auto& item) { return item.first.find('.') != std::string::npos; };
  if (!is_averaged(group) || std::any_of(group.tensors.begin(), group.tensors.end(), has_dots)) {
    return;
  }
  std::map<std::string, const StoredTensor*> restored;
  for (const WeightsChoice& other : groups) {
    for (const auto& [name, tensor] : other.tensors) {
      std::string dotless = name;
      std::erase(dotless, '.');
      const auto found = group.tensors.find(dotless);
      if (dotless != name && found != group.tensors.end()) {
        restored.emplace(name, found->second);
      }
    }
  }
  if (!restored.empty()) {
    group.tensors = std::move(restored);  // the rest counts the averages
  }
}

std::set<std::string> names_of(const WeightsChoice& choice) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : choice.tensors) {
    names.insert(name);
  }
  return names;
}

// The wrappers' word that every name begins with, with its dot, or nothing.
std::string common_wrapper(const WeightsChoice& choice) {
  const std::string& any = choice.tensors.begin()->first;
  const std::string word = any.substr(0, any.find('.') + 1);
  const bool all = !word.empty() && is_module_wrapper(without_dot(word)) &&
                   std::all_of(choice.tensors.begin(), choice.tensors.end(), [&](const auto& item) {
                     return item.first.starts_with(word) && item.first.size() > word.size();
                   });
  return all ? word : "";
}

void remove_common_wrappers(WeightsChoice& choice) {
  for (std::string word; !(word = common_wrapper(choice)).empty();) {
    std::map<std::string, const StoredTensor*> shorter;
    for (const auto& [name, tensor] : choice.tensors) {
      shorter.emplace(name.substr(word.size()), tensor);
    }
    choice.tensors = std::move(shorter);
    choice.prefix += word;
  }
}

}  // namespace

std::optional<WeightsChoice> choose_weights(const StoredCheckpoint& stored,
                                            const std::string& key,
                                            const NameFit& fit) {
  Groups groups = group_by_wrappers(stored, key);
  if (groups.empty() && !key.empty()) {
    refuse_key(stored, key);
  }
  mark_averaged(groups);
  for (WeightsChoice& group : groups) {
    restore_dots(group, groups);
  }
  std::vector<std::pair<std::size_t, WeightsChoice*>> fitting;
  for (WeightsChoice& group : groups) {
    if (const std::size_t count = fit(names_of(group)); count > 0) {
      fitting.emplace_back(count, &group);
    }
  }
  std::stable_sort(fitting.begin(), fitting.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first, a.second->averaged) > std::pair(b.first, b.second->averaged);
  });
  if (fitting.empty()) {
    return std::nullopt;
  }
  WeightsChoice best = *fitting.front().second;
  for (std::size_t i = 1; i < fitting.size(); ++i) {
    const std::string place = place_of(*fitting[i].second);
    best.others.push_back(place.empty() ? "names without a prefix" : "'" + place + "'");
  }
  return best;
}

WeightsChoice choose_largest(const StoredCheckpoint& stored, const std::string& key) {
  Groups groups;
  for (const StoredTensor& tensor : stored.tensors) {
    if (const auto place = place_below(tensor, key)) {
      group_of(groups, place->key, "").tensors.emplace(place->name, &tensor);
    }
  }
  if (groups.empty() && !key.empty()) {
    refuse_key(stored, key);
  }
  if (groups.empty()) {
    return {};
  }
  mark_averaged(groups);
  WeightsChoice& largest =
      *std::max_element(groups.begin(), groups.end(), [](const auto& a, const auto& b) {
        return std::pair(a.tensors.size(), a.averaged) < std::pair(b.tensors.size(), b.averaged);
      });
  remove_common_wrappers(largest);
  return largest;
}

}  // namespace parallax
