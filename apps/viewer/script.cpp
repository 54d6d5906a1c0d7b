// Turns steps into one input state per frame.
#include "apps/viewer/script.h"

#include <GLFW/glfw3.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>

#include "core/base/error.h"

namespace parallax {
namespace {

using nlohmann::json;

constexpr int kDragFrames = 12;
constexpr int kSettledFrames = 3;

const std::map<std::string, int>& named_keys() {
  static const std::map<std::string, int> keys = {
      {"esc", GLFW_KEY_ESCAPE},    {"escape", GLFW_KEY_ESCAPE},  {"enter", GLFW_KEY_ENTER},
      {"tab", GLFW_KEY_TAB},       {"space", GLFW_KEY_SPACE},    {"backspace", GLFW_KEY_BACKSPACE},
      {"delete", GLFW_KEY_DELETE}, {"up", GLFW_KEY_UP},          {"down", GLFW_KEY_DOWN},
      {"left", GLFW_KEY_LEFT},     {"right", GLFW_KEY_RIGHT},    {"home", GLFW_KEY_HOME},
      {"end", GLFW_KEY_END},       {"[", GLFW_KEY_LEFT_BRACKET}, {"]", GLFW_KEY_RIGHT_BRACKET},
      {"/", GLFW_KEY_SLASH},       {"+", GLFW_KEY_EQUAL},        {"=", GLFW_KEY_EQUAL},
      {"-", GLFW_KEY_MINUS},       {"f1", GLFW_KEY_F1},          {"f2", GLFW_KEY_F2},
      {"f3", GLFW_KEY_F3},         {"f11", GLFW_KEY_F11},        {"f12", GLFW_KEY_F12}};
  return keys;
}

// A step, and whether it goes through the interface like a user's mouse and keys.
struct Step {
  const char* name;
  bool is_gesture;
};
constexpr Step kSteps[] = {{"open", false},
                           {"wait", false},
                           {"set", false},
                           {"drop", false},
                           {"capture", false},
                           {"describe", false},
                           {"quit", false},
                           {"click", true},
                           {"drag", true},
                           {"scroll", true},
                           {"move", true},
                           {"key", true},
                           {"hold", true},
                           {"type", true}};

const Step* find_step(const std::string& name) {
  const auto* found = std::find_if(
      std::begin(kSteps), std::end(kSteps), [&](const Step& step) { return name == step.name; });
  return found == std::end(kSteps) ? nullptr : found;
}

bool is_gesture(const std::string& step) {
  const Step* found = find_step(step);
  return found != nullptr && found->is_gesture;
}

bool is_action(const std::string& step) {
  const Step* found = find_step(step);
  return found != nullptr && !found->is_gesture;
}

// A key and its modifiers; empty if there is none of this name.
struct KeyPress {
  int key = -1;
  bool ctrl = false;
  bool shift = false;
};

std::optional<KeyPress> parse_key(const std::string& name) {
  KeyPress press;
  std::string rest = name;
  for (size_t plus = rest.find('+'); plus != std::string::npos && plus + 1 < rest.size();
       plus = rest.find('+')) {
    const std::string modifier = rest.substr(0, plus);
    if (modifier != "ctrl" && modifier != "shift") {
      return std::nullopt;
    }
    press.ctrl |= modifier == "ctrl";
    press.shift |= modifier == "shift";
    rest = rest.substr(plus + 1);
  }
  if (rest == "?") {
    press.shift = true;
    rest = "/";
  }
  if (const auto known = named_keys().find(rest); known != named_keys().end()) {
    press.key = known->second;
  } else if (rest.size() == 1 && std::isalnum(static_cast<unsigned char>(rest[0])) != 0) {
    press.key = std::toupper(static_cast<unsigned char>(rest[0]));
  } else {
    return std::nullopt;
  }
  return press;
}

int button_of(const std::string& name) {
  constexpr const char* kButtons[] = {"left", "right", "middle"};
  for (int i = 0; i < 3; ++i) {
    if (name == kButtons[i]) {
      return i;
    }
  }
  return -1;
}

}  // namespace

Script::Script(json steps) : steps_(std::move(steps)) {
  if (!steps_.is_array()) {
    throw Error("the script is not a list of steps");
  }
  for (next_ = 0; next_ < steps_.size(); ++next_) {
    const json& step = steps_[next_];
    if (!step.is_object() || step.size() != 1) {
      fail("a step is an object with one field");
    }
    if (!is_gesture(step.begin().key()) && !is_action(step.begin().key())) {
      fail("there is no such step", fmt::format("{}", fmt::join(script_steps(), ", ")));
    }
    check_step(step.begin().key(), step.begin().value());
  }
  next_ = 0;
}

// What can be known before the script runs.
void Script::check_step(const std::string& name, const json& value) const {
  try {
    if (name == "key" || name == "hold") {
      const json& key = name == "hold" ? value.at("key") : value;
      if (!parse_key(key.get<std::string>())) {
        fail("there is no such key",
             fmt::format("a letter, a digit, {}; with ctrl+ or shift+ in front",
                         fmt::join(script_keys(), " ")));
      }
    } else if (name == "wait" && value.is_object()) {
      value.at("item").get<std::string>();
    } else if (name == "wait" && value != "idle" && value != "frame" && !value.is_number()) {
      fail("there is nothing to wait for by this name",
           "idle, frame, a number of seconds or an object with the field 'item'");
    } else if (name == "drag" && button_of(value.value("button", "left")) < 0) {
      fail("there is no such button", "left, right or middle");
    }
  } catch (const json::exception&) {
    fail("the step's fields do not fit");
  }
}

std::vector<std::string> script_steps() {
  std::vector<std::string> names;
  for (const Step& step : kSteps) {
    names.emplace_back(step.name);
  }
  return names;
}

std::vector<std::string> script_keys() {
  std::vector<std::string> names = {"?"};
  for (const auto& [name, code] : named_keys()) {
    names.push_back(name);
  }
  return names;
}

void Script::fail(const std::string& what, const std::string& expected) const {
  throw Error(ErrorParts{.what = what,
                         .where = fmt::format("script, step {}", next_),
                         .expected = expected,
                         .got = next_ < steps_.size() ? steps_[next_].dump() : "the end"});
}

ImVec2 Script::centre_of(const Ui& ui, const std::string& item) const {
  const auto found = ui.items.find(item);
  if (found == ui.items.end()) {
    std::vector<std::string> names;
    const std::string kind = item.substr(0, item.find('/'));
    for (const auto& [name, rect] : ui.items) {
      // Those of the same kind, or else one line of all kinds.
      if (name.substr(0, name.find('/')) == kind) {
        names.push_back(name);
      }
    }
    if (names.empty()) {
      for (const auto& [name, rect] : ui.items) {
        if (std::string first = name.substr(0, name.find('/'));
            names.empty() || names.back() != first) {
          names.push_back(std::move(first));
        }
      }
    }
    fail("there is no '" + item + "' on the screen", fmt::format("{}", fmt::join(names, ", ")));
  }
  return {(found->second.min.x + found->second.max.x) / 2,
          (found->second.min.y + found->second.max.y) / 2};
}

void Script::begin_drag(const Ui& ui, const json& drag) {
  const ImVec2 from = centre_of(ui, drag.at("item").get<std::string>());
  const auto by = drag.at("by").get<std::vector<float>>();
  if (by.size() != 2) {
    fail("'by' is two numbers");
  }
  const int button = button_of(drag.value("button", "left"));
  const ImVec2 to{from.x + by[0], from.y + by[1]};
  gestures_.push_back({.mouse = to});
  for (int i = kDragFrames; i >= 0; --i) {
    const float share = static_cast<float>(i) / kDragFrames;
    gestures_.push_back(
        {.mouse = {from.x + by[0] * share, from.y + by[1] * share}, .button = button});
  }
  gestures_.push_back({.mouse = from});
}

void Script::begin_key(const std::string& name, double seconds) {
  const KeyPress key = parse_key(name).value();  // checked by the constructor
  Gesture press{.mouse = mouse_, .key = key.key, .ctrl = key.ctrl, .shift = key.shift};
  press.until = seconds > 0 ? now_ + seconds : 0;
  gestures_ = {{.mouse = mouse_}, press};
}

void Script::begin_gesture(const Ui& ui) {
  const std::string name = steps_[next_].begin().key();
  const json& value = steps_[next_].begin().value();
  try {
    if (name == "click") {
      const ImVec2 at = centre_of(ui, value.get<std::string>());
      // Menus take two frames to open and determine their size.
      gestures_ = {{.mouse = at},
                   {.mouse = at},
                   {.mouse = at},
                   {.mouse = at, .button = 0},
                   {.mouse = at},
                   {.mouse = at}};
    } else if (name == "move") {
      gestures_ = {{.mouse = centre_of(ui, value.get<std::string>())}};
    } else if (name == "drag") {
      begin_drag(ui, value);
    } else if (name == "scroll") {
      const ImVec2 at = centre_of(ui, value.at("item").get<std::string>());
      gestures_ = {
          {.mouse = at},
          {.mouse = at, .wheel = value.value("by", 1.0F), .ctrl = value.value("ctrl", false)},
          {.mouse = at}};
    } else if (name == "key") {
      begin_key(value.get<std::string>(), 0);
    } else if (name == "hold") {
      begin_key(value.at("key").get<std::string>(), value.at("seconds").get<double>());
    } else {
      gestures_ = {{.mouse = mouse_}, {.mouse = mouse_, .text = value.get<std::string>()}};
    }
  } catch (const json::exception&) {
    fail("the step's fields do not fit");
  }
}

void Script::inject(const Ui& ui) {
  ImGuiIO& io = ImGui::GetIO();
  if (!is_done() && gestures_.empty() && is_gesture(steps_[next_].begin().key())) {
    begin_gesture(ui);
    begun_ = true;
  }
  if (gestures_.empty()) {
    if (has_mouse_) {
      io.MousePos = mouse_;
    }
    return;
  }
  const Gesture gesture = gestures_.back();
  if (gesture.until <= now_) {
    gestures_.pop_back();
  }
  mouse_ = gesture.mouse;
  has_mouse_ = true;
  io.MousePos = mouse_;
  for (int button = 0; button < 3; ++button) {
    io.MouseDown[button] = gesture.button == button;
  }
  io.MouseWheel = gesture.wheel;
  io.KeyCtrl = gesture.ctrl;
  io.KeyShift = gesture.shift;
  std::fill(std::begin(io.KeysDown), std::end(io.KeysDown), false);
  if (gesture.key >= 0) {
    io.KeysDown[gesture.key] = true;
  }
  io.AddInputCharactersUTF8(gesture.text.c_str());
  if (gestures_.empty()) {
    ++next_;
    begun_ = false;
  }
}

void Script::advance(const Actions& actions, double now) {
  now_ = now;
  ++step_frames_;
  idle_frames_ = actions.is_idle() ? idle_frames_ + 1 : 0;
  shown_frames_ = actions.is_shown() ? shown_frames_ + 1 : 0;
  const json* what =
      is_done() || !steps_[next_].contains("wait") ? nullptr : &steps_[next_]["wait"];
  item_frames_ = what != nullptr && what->is_object() && actions.has_item(what->at("item"))
                     ? item_frames_ + 1
                     : 0;
  while (!is_done() && gestures_.empty() && !begun_ && is_action(steps_[next_].begin().key())) {
    const size_t before = next_;
    try {
      do_step(actions, now);
    } catch (const json::exception&) {
      fail("the step's field does not fit");
    }
    if (next_ == before) {
      return;  // waiting
    }
  }
}

bool Script::awaits_work() const {
  if (is_done() || !gestures_.empty() || begun_ || !steps_[next_].contains("wait")) {
    return false;
  }
  const json& what = steps_[next_]["wait"];
  return !what.is_number() && frames_so_far(what) == 0;
}

int Script::frames_so_far(const json& what) const {
  return what.is_object() ? item_frames_ : what == "frame" ? shown_frames_ : idle_frames_;
}

void Script::do_step(const Actions& actions, double now) {
  const std::string name = steps_[next_].begin().key();
  const json& value = steps_[next_].begin().value();
  if (name == "wait") {
    if (!value.is_number()) {
      if (std::min(step_frames_, frames_so_far(value)) < kSettledFrames) {
        return;
      }
    } else {
      wait_until_ = wait_until_ < 0 ? now + value.get<double>() : wait_until_;
      if (now < wait_until_) {
        return;
      }
      wait_until_ = -1;
    }
  } else if (name == "open") {
    actions.open(value.get<std::string>());
  } else if (name == "set") {
    actions.set(value);
  } else if (name == "drop") {
    actions.drop(value.get<std::vector<std::string>>());
  } else if (name == "capture") {
    actions.capture(value.get<std::string>());
  } else if (name == "describe") {
    actions.describe(value.get<std::string>());
  } else {
    actions.quit();
  }
  ++next_;
  step_frames_ = 0;
}

}  // namespace parallax
