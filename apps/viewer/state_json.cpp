// Reads and writes the state.
#include "apps/viewer/state_json.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "apps/report/results.h"
#include "apps/viewer/laboratory/lab_state_json.h"
#include "core/base/paths.h"
#include "vision/metrics/image_metrics.h"
#include "vision/scene/formats/common/json_fields.h"
#include "vision/viewer/keyframes.h"

namespace parallax {
namespace {

using nlohmann::json;
using view::ViewState;

Error wrong(const std::string& field, const std::string& expected, const json& got) {
  return Error(ErrorParts{.what = "the field does not fit",
                          .where = "field '" + field + "'",
                          .expected = expected,
                          .got = got.dump()});
}

// The index of a name in a list of names.
template <class Names>
int index_of(const json& value, const Names& names, const std::string& field) {
  std::string all;
  int index = 0;
  for (const char* name : names) {
    if (value == name) {
      return index;
    }
    ++index;
    all += (all.empty() ? "" : ", ") + std::string(name);
  }
  throw wrong(field, all, value);
}

constexpr const char* kForms[] = {"recurrent", "parallel"};
constexpr const char* kReadings[] = {"batch", "streamed"};
constexpr const char* kFilters[] = {"all", "disagreements", "mistakes"};

json pane_json(const view::Pane& pane) {
  return {{"kind", view::kPaneKindNames[static_cast<int>(pane.kind)]},
          {"model", pane.source.model},
          {"form", kForms[static_cast<int>(pane.source.form)]},
          {"reading", kReadings[static_cast<int>(pane.source.reading)]},
          {"first", pane.first},
          {"second", pane.second},
          {"difference", view::kDifferenceNames[static_cast<int>(pane.difference)]},
          {"gain", pane.gain},
          {"automatic_gain", pane.automatic_gain},
          {"false_colour", pane.false_colour}};
}

void apply_pane(const json& json, view::Pane& pane) {
  for (const auto& [key, value] : json.items()) {
    if (key == "kind") {
      pane.kind = static_cast<view::PaneKind>(index_of(value, view::kPaneKindNames, key));
    } else if (key == "model") {
      pane.source.model = value.get<std::string>();
    } else if (key == "form") {
      pane.source.form = static_cast<Form>(index_of(value, kForms, key));
    } else if (key == "reading") {
      pane.source.reading = static_cast<view::ReadMode>(index_of(value, kReadings, key));
    } else if (key == "first") {
      pane.first = std::clamp(value.get<int>(), 0, view::kMaxPanes - 1);
    } else if (key == "second") {
      pane.second = std::clamp(value.get<int>(), 0, view::kMaxPanes - 1);
    } else if (key == "difference") {
      pane.difference =
          static_cast<view::DifferenceKind>(index_of(value, view::kDifferenceNames, key));
    } else if (key == "gain") {
      pane.gain = value.get<float>();
      pane.automatic_gain = false;
    } else if (key == "automatic_gain") {
      pane.automatic_gain = value.get<bool>();
    } else if (key == "false_colour") {
      pane.false_colour = value.get<bool>();
    } else {
      throw wrong("panes." + key, "a field of a pane", value);
    }
  }
}

void apply_panes(const json& list, ViewState& state) {
  if (!list.is_array() || list.empty() || list.size() > view::kMaxPanes) {
    throw wrong("panes", fmt::format("a list of 1 to {}", view::kMaxPanes), list);
  }
  state.panes.resize(list.size());
  for (size_t i = 0; i < list.size(); ++i) {
    apply_pane(list[i], state.panes[i]);
  }
}

void apply_inputs(const json& list, ViewState& state) {
  const auto inputs = list.get<std::vector<int>>();
  std::fill(state.reads.begin(), state.reads.end(), 0);
  for (const int view : inputs) {
    if (view < 0 || view >= static_cast<int>(state.reads.size())) {
      throw wrong("inputs", fmt::format("views below {}", state.reads.size()), list);
    }
    state.reads[view] = 1;
  }
}

void apply_probe(const json& fields, view::ProbeState& probe) {
  for (const auto& [key, value] : fields.items()) {
    if (key == "model") {
      probe.model = value.get<std::string>();
    } else if (key == "form") {
      probe.form = static_cast<Form>(index_of(value, kForms, key));
    } else if (key == "inner_steps") {
      probe.change.inner_steps = std::clamp(value.get<int>(), 1, 64);
    } else if (key == "ascent") {
      probe.change.ascent = value.get<bool>();
    } else if (key == "mse") {
      probe.change.mse = value.get<bool>();
    } else if (key == "key_as_query") {
      probe.change.key_as_query = value.get<bool>();
    } else if (key == "block") {
      probe.block = value.get<int>();
    } else {
      throw wrong("probe." + key, "a field of the probe", value);
    }
  }
}

void apply_classify(const json& fields, view::ClassifyState& classify) {
  for (const auto& [key, value] : fields.items()) {
    if (key == "folder") {
      classify.folder = value.get<std::string>();
    } else if (key == "model") {
      classify.model = value.get<std::string>();
    } else if (key == "variant") {
      classify.variant = value.get<std::string>();
    } else if (key == "filter") {
      classify.filter = static_cast<view::ClassifyState::Filter>(index_of(value, kFilters, key));
    } else {
      throw wrong("classify." + key, "a field of the classify screen", value);
    }
  }
}

void apply_keyframes(const json& scenes, ViewState& state) {
  for (const auto& [scene, cameras] : scenes.items()) {
    std::vector<Camera> keyframes;
    for (const json& camera : cameras) {
      keyframes.push_back(view::read_camera_json(camera, "the stored keyframes of " + scene));
    }
    state.kept_keyframes[scene] = std::move(keyframes);
  }
}

Shown shown_of(const json& value, const std::string& field) {
  return static_cast<Shown>(index_of(value, kShownNames, field));
}

// A field and what setting it does.
struct Field {
  const char* name;
  void (*apply)(const json& value, ViewState& state, Ui& ui);
};

constexpr Field kFields[] = {
    {"screen",
     [](const json& value, ViewState& state, Ui&) {
       state.screen = static_cast<view::Screen>(index_of(value, view::kScreenNames, "screen"));
     }},
    {"panes", [](const json& value, ViewState& state, Ui&) { apply_panes(value, state); }},
    {"view",
     [](const json& value, ViewState& state, Ui&) { view::snap_to_view(state, value.get<int>()); }},
    {"inputs", [](const json& value, ViewState& state, Ui&) { apply_inputs(value, state); }},
    {"field_of_view",
     [](const json& value, ViewState& state, Ui&) {
       view::set_vertical_fov(state.view.camera, value.get<double>());
       view::camera_moved(state);
     }},
    {"zoom",
     [](const json& value, ViewState& state, Ui&) {
       state.zoom.factor = std::max(value.get<float>(), 1.0F);
     }},
    {"whole_pixels",
     [](const json& value, ViewState& state, Ui&) { state.whole_pixels = value.get<bool>(); }},
    {"split", [](const json& value, ViewState& state, Ui&) { state.split = value.get<bool>(); }},
    {"split_at",
     [](const json& value, ViewState& state, Ui&) { state.split_at = value.get<float>(); }},
    {"output",
     [](const json& value, ViewState& state, Ui&) { state.output = value.get<std::string>(); }},
    {"recent",
     [](const json& value, ViewState& state, Ui&) {
       state.recent = value.get<std::vector<std::string>>();
     }},
    {"probe", [](const json& value, ViewState& state, Ui&) { apply_probe(value, state.probe); }},
    {"lab_probes",
     [](const json& value, ViewState& state, Ui&) { choose_lab_probes(value, state.lab); }},
    {"classify",
     [](const json& value, ViewState& state, Ui&) { apply_classify(value, state.classify); }},
    {"track_frames",
     [](const json& value, ViewState& state, Ui&) {
       state.track.frames = std::max(value.get<int>(), 2);
     }},
    {"keyframes", [](const json& value, ViewState& state, Ui&) { apply_keyframes(value, state); }},
    {"side_tab", [](const json& value, ViewState&, Ui& ui) { ui.side_tab = value.get<int>(); }},
    {"side", [](const json& value, ViewState&, Ui& ui) { ui.side = shown_of(value, "side"); }},
    {"side_width",
     [](const json& value, ViewState&, Ui& ui) {
       ui.side_width = std::max(value.get<float>(), 0.0F);
     }},
    {"thumbnails",
     [](const json& value, ViewState&, Ui& ui) { ui.strip = shown_of(value, "thumbnails"); }},
    {"pictures_only",
     [](const json& value, ViewState&, Ui& ui) { ui.pictures_only = value.get<bool>(); }},
    {"ui_scale",
     [](const json& value, ViewState&, Ui& ui) {
       const auto scale = value.get<float>();
       ui.scale_option = 0;
       ui.wanted_scale = scale > 0 ? std::clamp(scale, kLeastScale, kLargestScale) : 0;
     }},
    {"show",
     [](const json& value, ViewState&, Ui& ui) {
       ui.show_help = value == "help";
       ui.show_messages = value == "messages";
       ui.show_open = value == "open";
     }},
};

void apply_field(const std::string& key, const json& value, ViewState& state, Ui& ui) {
  const auto* field = std::find_if(
      std::begin(kFields), std::end(kFields), [&](const Field& f) { return key == f.name; });
  if (field != std::end(kFields)) {
    field->apply(value, state, ui);
  } else if (key != "camera" && key != "scene") {
    throw wrong(key, fmt::format("one of {}", fmt::join(settings_fields(), ", ")), value);
  }
}

json rect_json(const ItemRect& rect) { return {rect.min.x, rect.min.y, rect.max.x, rect.max.y}; }

json frame_json(const view::Frame& frame) {
  json sources = json::array();
  for (const view::SourceFrame& source : frame.sources) {
    sources.push_back({{"label", view::source_label(source.source)},
                       {"error", source.error},
                       {"psnr", metric_json(source.quality.psnr)},
                       {"ssim", metric_json(source.quality.ssim)},
                       {"masked_psnr", metric_json(source.quality.masked_psnr)},
                       {"render_ms", metric_json(source.render_ms)},
                       {"reconstruct_ms", metric_json(source.reconstruct_ms)},
                       {"tokens_per_second", metric_json(source.tokens_per_second)}});
  }
  json pairs = json::array();
  for (const view::FormPair& pair : frame.pairs) {
    pairs.push_back({{"label", view::source_label(pair.source)},
                     {"psnr", metric_json(pair.psnr)},
                     {"max_absolute", metric_json(pair.max_absolute)},
                     {"missing", pair.missing}});
  }
  return {{"serial", frame.serial},
          {"full", frame.full},
          {"view", frame.view},
          {"sources", std::move(sources)},
          {"pairs", std::move(pairs)}};
}

}  // namespace

std::filesystem::path settings_path() { return user_config_folder() / "viewer.json"; }

json read_settings() {
  std::error_code ignored;
  if (!std::filesystem::exists(settings_path(), ignored)) {
    return json::object();
  }
  try {
    json settings = read_json_file(settings_path());
    return settings.is_object() ? settings : json::object();
  } catch (const Error&) {
    return json::object();  // a damaged layout must not prevent the start
  }
}

std::vector<std::string> settings_fields() {
  std::vector<std::string> names;
  for (const Field& field : kFields) {
    names.emplace_back(field.name);
  }
  return names;
}

json settings_json(const ViewState& state, const Ui& ui) {
  json panes = json::array();
  for (const view::Pane& pane : state.panes) {
    panes.push_back(pane_json(pane));
  }
  json settings = {{"screen", view::kScreenNames[static_cast<int>(state.screen)]},
                   {"panes", std::move(panes)},
                   {"split_at", state.split_at},
                   {"output", state.output},
                   {"recent", state.recent},
                   {"track_frames", state.track.frames},
                   {"whole_pixels", state.whole_pixels},
                   {"side", kShownNames[static_cast<int>(ui.side)]},
                   {"side_width", ui.side_width},
                   {"thumbnails", kShownNames[static_cast<int>(ui.strip)]},
                   {"ui_scale", ui.wanted_scale}};
  for (const auto& [scene, cameras] : view::all_keyframes(state)) {
    for (const Camera& camera : cameras) {
      settings["keyframes"][scene].push_back(view::camera_json(camera));
    }
  }
  if (state.scene != nullptr) {
    settings["scene"] = state.scene->path;
    settings["camera"] = view::camera_json(state.view.camera);
  }
  return settings;
}

std::optional<Camera> kept_camera(const json& settings, const std::string& scene) {
  try {
    if (settings.value("scene", "") == scene && settings.contains("camera")) {
      return view::read_camera_json(settings.at("camera"), "the stored camera");
    }
  } catch (const std::exception&) {
    return std::nullopt;  // likewise
  }
  return std::nullopt;
}

void apply_settings(const json& fields, ViewState& state, Ui& ui) {
  if (!fields.is_object()) {
    throw wrong("set", "an object", fields);
  }
  for (const auto& [key, value] : fields.items()) {
    try {
      apply_field(key, value, state, ui);
    } catch (const json::exception&) {
      throw wrong(key, "a value of a different type", value);
    }
  }
}

json describe_state(const ViewState& state, const Ui& ui) {
  json description = settings_json(state, ui);
  description["opening"] = state.opening;
  description["loading"] = state.loading;
  description["snapped"] = state.snapped;
  description["inputs"] = view::input_views(state);
  description["hovered"] = {state.hovered_row, state.hovered_col};
  description["table_rows"] = state.table.size();
  description["curve_points"] = state.curve.size();
  description["keyframe_count"] = state.track.keyframes.size();
  description["scale"] = ui.scale;
  description["window"] = {ImGui::GetIO().DisplaySize.x, ImGui::GetIO().DisplaySize.y};
  description["classifier"] = state.classify.model;
  description["question"] = ui.question ? ui.question->text : "";
  description["open"] = {{"help", ui.show_help},
                         {"messages", ui.show_messages},
                         {"open", ui.show_open},
                         {"list", ImGui::IsPopupOpen(nullptr, ImGuiPopupFlags_AnyPopup)}};
  description["videos"] = state.videos.size();
  description["classified"] = state.classify.rows.size();
  description["probe_losses"] = state.probe.projection.losses;
  description["lab"] = describe_lab(state.lab);
  for (const view::Message& message : state.messages) {
    description["messages"].push_back({{"text", message.text}, {"error", message.is_error}});
  }
  for (const auto& [name, rect] : ui.items) {
    description["items"][name] = rect_json(rect);
  }
  for (const view::Pane& pane : state.panes) {
    const auto item = ui.items.find(fmt::format("pane/{}", &pane - state.panes.data()));
    if (state.scene == nullptr || item == ui.items.end()) {
      continue;
    }
    const ItemRect& rect = item->second;
    const PaneDrawing drawing = place_picture(state,
                                              static_cast<int>(rect.max.x - rect.min.x),
                                              static_cast<int>(rect.max.y - rect.min.y));
    description["drawings"].push_back({{"x", rect.min.x + drawing.x},
                                       {"y", rect.min.y + drawing.y},
                                       {"width", drawing.shown_width},
                                       {"height", drawing.shown_height},
                                       {"note", view::pane_note(state, pane)},
                                       {"title", view::pane_title(state, pane)}});
  }
  if (state.frame) {
    description["frame"] = frame_json(*state.frame);
  }
  return description;
}

}  // namespace parallax
