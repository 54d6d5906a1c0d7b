// From the viewer's state to options, from options to words.
#include "apps/viewer/laboratory/lab_command.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "apps/lab/lab_probes.h"
#include "apps/lab/lab_run.h"

namespace parallax {
namespace {

using view::ViewState;

constexpr std::size_t kLongestName = 100;  // bytes of a scene's or a model's name in a folder's

// A word that no option parser takes for an option.
std::string plain_path(const std::string& path) {
  return path.starts_with("-") ? "./" + path : path;
}

// A name as a part of a file's name, the end of it if it is long.
std::string file_name_of(const std::string& name) {
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool fits = std::isalnum(byte) != 0 || byte >= 0x80 || c == '-' || c == '_' || c == '.';
    text += fits ? c : '_';
  }
  std::size_t begin = text.size() > kLongestName ? text.size() - kLongestName : 0;
  // Neither the middle of a character of UTF-8 nor what hides files or begins options.
  const auto may_begin = [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U && c != '.' && c != '-' && c != '_';
  };
  while (begin < text.size() && !may_begin(text[begin])) {
    ++begin;
  }
  return begin < text.size() ? text.substr(begin) : "unnamed";
}

// The views to read; empty: as `lab` chooses them, which is how the window does unless told
// otherwise.
std::string input_views_of(const ViewState& state) {
  const std::vector<int> inputs = view::input_views(state);
  if (!state.scene->added.empty() || inputs == state.scene->inputs) {
    const std::string usual = view::OpenRequest().input_views;
    return state.open.input_views == usual ? "" : state.open.input_views;
  }
  return fmt::format("{}{}", fmt::join(inputs, ","), inputs.size() == 1 ? "," : "");
}

SceneViewOptions views_of(const ViewState& state) {
  SceneViewOptions views;
  const view::OpenRequest& open = state.open;
  if (open.height > 0) {
    views.size = fmt::format("{}x{}", open.width, open.height);
  }
  views.input_views = input_views_of(state);
  views.normalise_poses = open.normalise_poses;
  if (open.background != view::OpenRequest().background) {
    const cv::Vec3b& rgb = open.background;
    views.background = fmt::format("#{:02x}{:02x}{:02x}", rgb[0], rgb[1], rgb[2]);
  }
  views.image_folder = plain_path(open.image_folder);
  return views;
}

}  // namespace

std::vector<view::LabProbeChoice> list_lab_probes() {
  std::vector<view::LabProbeChoice> choices;
  for (const LabProbe& probe : lab_probes()) {
    choices.push_back({.name = probe.name, .title = probe.title, .summary = probe.summary});
  }
  return choices;
}

std::optional<LabOptions> shown_lab_options(const ViewState& state) {
  if (state.scene == nullptr || state.probe.model.empty() || view::input_views(state).empty()) {
    return std::nullopt;
  }
  LabOptions options;
  options.paths = {plain_path(state.scene->path)};
  options.models = {plain_path(state.probe.model)};
  const std::vector<view::LabProbeChoice>& probes = state.lab.probes;
  if (!std::all_of(probes.begin(), probes.end(), [](const auto& p) { return p.chosen; })) {
    for (const view::LabProbeChoice& probe : probes) {
      if (probe.chosen) {
        options.probes.push_back(probe.name);
      }
    }
  }
  options.resume = true;
  options.views = views_of(state);
  return options;
}

std::string find_lab_folder(const ViewState& state, LabOptions options) {
  const std::string first = fmt::format("{}/lab/{}-{}",
                                        plain_path(state.output),
                                        file_name_of(state.scene->name),
                                        file_name_of(state.probe.model));
  options.output = first;
  for (int number = 2; !fits_lab_folder(options); ++number) {
    options.output = fmt::format("{}-{}", first, number);
  }
  return options.output;
}

std::vector<std::string> lab_words(const LabOptions& options) {
  std::vector<std::string> words = {"lab"};
  const auto add = [&](const char* name, const std::vector<std::string>& values) {
    words.emplace_back(name);
    words.insert(words.end(), values.begin(), values.end());
  };
  words.insert(words.end(), options.paths.begin(), options.paths.end());
  add("--model", options.models);
  if (!options.probes.empty()) {
    add("--probe", options.probes);
  }
  const SceneViewOptions usual;
  const SceneViewOptions& views = options.views;
  const auto add_unless_usual =
      [&](const char* name, const std::string& value, const std::string& usual_value) {
        if (value != usual_value) {
          add(name, {value});
        }
      };
  add_unless_usual("--size", views.size, usual.size);
  add_unless_usual("--input-views", views.input_views, usual.input_views);
  add_unless_usual("--normalise-poses", views.normalise_poses, usual.normalise_poses);
  add_unless_usual("--background", views.background, usual.background);
  add_unless_usual("--image-folder", views.image_folder, usual.image_folder);
  add("--output", {options.output});
  words.emplace_back("--resume");
  return words;
}

}  // namespace parallax
