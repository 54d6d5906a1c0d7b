// The viewer unattended: steps from a JSON file, done one after the other while the window runs.
//
//   [{"open": "scenes/a"}, {"wait": "idle"}, {"set": {"view": 3}}, {"wait": "frame"}, {"wait":
//   0.5},
//    {"click": "screen/Probe"}, {"drag": {"item": "pane/0", "by": [40, 0], "button": "left"}},
//    {"scroll": {"item": "pane/0", "by": 1, "ctrl": true}}, {"move": "pane/1"}, {"key": "ctrl+o"},
//    {"hold": {"key": "w", "seconds": 0.5}}, {"type": "text"}, {"drop": ["a", "b"]},
//    {"capture": "a.png"}, {"describe": "a.json"}, {"quit": true}]
//
// Mouse and keys go through the interface as a user's do. Items are named in ui.h's `items`.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "apps/viewer/ui.h"

namespace parallax {

class Script {
 public:
  // Throws Error naming a step that is unknown.
  explicit Script(nlohmann::json steps);

  bool is_done() const { return next_ >= steps_.size(); }

  // What the program does for a script, set by its owner.
  struct Actions {
    std::function<bool()> is_idle;   // nothing under way at all
    std::function<bool()> is_shown;  // the full frame of what is asked for is on the screen
    std::function<void(const std::string& path)> open;
    std::function<void(const nlohmann::json&)> set;
    std::function<void(const std::string& path)> capture;
    std::function<void(const std::string& path)> describe;
    std::function<void(const std::vector<std::string>&)> drop;
    std::function<void()> quit;
  };

  // Once a frame, after the window's own input: puts the script's mouse and keys into ImGui's
  // state. Throws Error naming the step where an item is not on the screen.
  void inject(const Ui& ui);

  // Once a frame, when the interface has been built: does the steps that are due.
  void advance(const Actions& actions, double now);

 private:
  struct Gesture {  // one input state a frame
    ImVec2 mouse;
    int button = -1;  // held
    float wheel = 0;
    int key = -1;
    bool ctrl = false;
    bool shift = false;
    std::string text;
    double until = 0;  // repeated until this time; 0: once
  };

  [[noreturn]] void fail(const std::string& what) const;
  void begin_gesture(const Ui& ui);
  ImVec2 centre_of(const Ui& ui, const std::string& item) const;
  void begin_drag(const Ui& ui, const nlohmann::json& drag);
  void begin_key(const std::string& name, double seconds);
  void do_step(const Actions& actions, double now);

  nlohmann::json steps_;
  size_t next_ = 0;
  double wait_until_ = -1;
  int idle_frames_ = 0;   // in a row
  int shown_frames_ = 0;  // likewise
  double now_ = 0;
  ImVec2 mouse_{-1000, -1000};
  bool has_mouse_ = false;
  bool begun_ = false;
  std::vector<Gesture> gestures_;  // left to do, the next one last
};

}  // namespace parallax
