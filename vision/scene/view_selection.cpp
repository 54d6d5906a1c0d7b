// Parses counts and lists of views.
#include "vision/scene/view_selection.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "core/base/error.h"
#include "vision/scene/plausible_cameras.h"

namespace parallax {
namespace {

int parse_number(const std::string& text, const std::string& option) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end || value < 0) {
    throw UsageError(ErrorParts{.what = "the choice of views cannot be read",
                                .where = option,
                                .expected = "a count (8) or a list of indices (0,5,9)",
                                .got = "'" + text + "'"});
  }
  return value;
}

std::vector<int> parse_list(const std::string& text, size_t views, const std::string& option) {
  std::vector<int> indices;
  for (size_t start = 0; start < text.size();) {
    const size_t comma = std::min(text.find(',', start), text.size());
    const int index = parse_number(text.substr(start, comma - start), option);
    if (static_cast<size_t>(index) >= views) {
      throw UsageError(ErrorParts{.what = "the scene has no such view",
                                  .where = option,
                                  .expected = fmt::format("0 to {}", views - 1),
                                  .got = std::to_string(index)});
    }
    if (std::find(indices.begin(), indices.end(), index) == indices.end()) {
      indices.push_back(index);
    }
    start = comma + 1;
  }
  return indices;
}

bool is_list(const std::string& text) { return text.find(',') != std::string::npos; }

std::vector<int> choose_inputs(const Scene& scene,
                               const std::string& text,
                               const std::vector<int>& stray) {
  const std::string option = "--input-views";
  if (is_list(text)) {
    return parse_list(text, scene.views.size(), option);
  }
  std::vector<int> plausible;
  std::vector<int> others;  // better than none where more views are asked for
  for (int i = 0; i < static_cast<int>(scene.views.size()); ++i) {
    if (!scene.views[i].is_unreadable && !scene.views[i].is_held_out) {
      const bool is_stray = std::find(stray.begin(), stray.end(), i) != stray.end();
      (is_stray ? others : plausible).push_back(i);
    }
  }
  const int count = parse_number(text, option);
  const size_t readable = plausible.size() + others.size();
  if (count < 1 || static_cast<size_t>(count) > readable) {
    throw UsageError(ErrorParts{.what = "the number of input views does not fit the scene",
                                .where = option,
                                .expected = fmt::format("1 to {}", readable),
                                .got = text});
  }
  const int chosen = std::min(count, static_cast<int>(plausible.size()));
  std::vector<int> inputs = farthest_point_sample(scene_cameras(scene, plausible), chosen);
  for (int& input : inputs) {
    input = plausible[input];
  }
  inputs.insert(inputs.end(), others.begin(), others.begin() + (count - chosen));
  return inputs;
}

std::vector<int> choose_targets(const Scene& scene,
                                const std::string& text,
                                const std::vector<int>& inputs,
                                const std::vector<int>& stray) {
  const std::string option = "--target-views";
  if (is_list(text)) {
    return parse_list(text, scene.views.size(), option);
  }
  // A scene that says which views are for testing means those and no other.
  const bool has_split = std::any_of(
      scene.views.begin(), scene.views.end(), [](const View& view) { return view.is_held_out; });
  std::vector<int> others;
  for (int i = 0; i < static_cast<int>(scene.views.size()); ++i) {
    const auto is_in = [i](const std::vector<int>& views) {
      return std::find(views.begin(), views.end(), i) != views.end();
    };
    const View& view = scene.views[i];
    const bool is_candidate = !view.is_unreadable && (view.is_held_out || !has_split);
    if (is_candidate && !is_in(inputs) && !is_in(stray)) {
      others.push_back(i);
    }
  }
  if (text.empty() || text == "all") {
    return others;
  }
  const auto count = static_cast<size_t>(parse_number(text, option));
  if (count > others.size()) {
    throw UsageError(ErrorParts{.what = "there are not that many held-out views",
                                .where = option,
                                .expected = fmt::format("0 to {}", others.size()),
                                .got = text});
  }
  std::vector<int> spread;
  for (size_t i = 0; i < count; ++i) {
    spread.push_back(others[i * others.size() / count]);
  }
  return spread;
}

std::string stray_note(const Scene& scene, const std::vector<int>& stray) {
  constexpr size_t kMostNames = 3;
  std::string names;
  for (size_t i = 0; i < std::min(stray.size(), kMostNames); ++i) {
    names += (i == 0 ? "" : ", ") + scene.views[stray[i]].name;
  }
  names += stray.size() > kMostNames ? ", …" : "";
  return fmt::format(
      "{} of {} cameras {} far outside the others ({}): neither read nor rendered unless "
      "--input-views or --target-views list them.",
      stray.size(),
      scene.views.size(),
      stray.size() == 1 ? "is" : "are",
      names);
}

}  // namespace

ViewSelection select_views(const Scene& scene,
                           const std::string& inputs,
                           const std::string& targets) {
  const std::vector<int> stray = find_stray_cameras(scene_cameras(scene));
  ViewSelection selection{.inputs = choose_inputs(scene, inputs, stray)};
  selection.targets = choose_targets(scene, targets, selection.inputs, stray);
  if (!stray.empty() && !(is_list(inputs) && is_list(targets))) {
    selection.notes.push_back(stray_note(scene, stray));
  }
  return selection;
}

}  // namespace parallax
