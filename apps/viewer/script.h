// Runs the viewer unattended: steps from a JSON file, carried out one after the other.
//
//   [{"open": "scenes/a"}, {"wait": "idle"}, {"set": {"view": 3}}, {"wait": "frame"}, {"wait":
//   0.5}, {"wait": {"item": "probe/lab/page"}},
//    {"click": "screen/Probe"}, {"drag": {"item": "pane/0", "by": [40, 0], "button": "left"}},
//    {"scroll": {"item": "pane/0", "by": 1, "ctrl": true}}, {"move": "pane/1"}, {"key": "ctrl+o"},
//    {"hold": {"key": "w", "seconds": 0.5}}, {"type": "text"}, {"drop": ["a", "b"]},
//    {"capture": "a.png"}, {"describe": "a.json"}, {"quit": true}]
//
// Mouse and keys go through the interface like a user's. Items have the names in Ui::items (ui.h).
// docs/user/viewer.md describes all steps.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/viewer/ui.h"

namespace parallax {

// The names of all steps, and of the keys that are no letters or digits.
std::vector<std::string> script_steps();
std::vector<std::string> script_keys();

// The steps of a script and the progress through them.
class Script {
 public:
  // Throws Error naming a step that is unknown or presses an unknown key, with those there are.
  explicit Script(nlohmann::json steps);

  bool is_done() const { return next_ >= steps_.size(); }
  // Whether it only waits for others' work: frames drawn meanwhile would take its processor.
  bool awaits_work() const;

  // The program's functions for scripts, set by the owner.
  struct Actions {
    std::function<bool()> is_idle;   // nothing in progress at all
    std::function<bool()> is_shown;  // the full frame of the current request is on the screen
    std::function<bool(const std::string& name)> has_item;  // it is on the screen
    std::function<void(const std::string& path)> open;
    std::function<void(const nlohmann::json&)> set;
    std::function<void(const std::string& path)> capture;
    std::function<void(const std::string& path)> describe;
    std::function<void(const std::vector<std::string>&)> drop;
    std::function<void()> quit;
  };

  // To be called once per frame, after the window's own input: puts the script's mouse and keys
  // into ImGui's state. Throws Error naming the step if an item is not on the screen.
  void inject(const Ui& ui);

  // To be called once per frame, after the interface is built: carries out the steps that are due.
  void advance(const Actions& actions, double now);

 private:
  struct Gesture {  // one input state per frame
    ImVec2 mouse;
    int button = -1;  // held down; −1: none
    float wheel = 0;
    int key = -1;
    bool ctrl = false;
    bool shift = false;
    std::string text;
    double until = 0;  // repeat until this time; 0: once
  };

  [[noreturn]] void fail(const std::string& what, const std::string& expected = "") const;
  void check_step(const std::string& name, const nlohmann::json& value) const;
  void begin_gesture(const Ui& ui);
  ImVec2 centre_of(const Ui& ui, const std::string& item) const;
  void begin_drag(const Ui& ui, const nlohmann::json& drag);
  // The frames in a row in which what the present step waits for was so.
  int frames_so_far(const nlohmann::json& what) const;
  void begin_key(const std::string& name, double seconds);
  void do_step(const Actions& actions, double now);

  nlohmann::json steps_;
  size_t next_ = 0;
  double wait_until_ = -1;
  int idle_frames_ = 0;   // in a row
  int shown_frames_ = 0;  // likewise
  int item_frames_ = 0;   // likewise, with the item that is waited for
  int step_frames_ = 0;   // since the last step that was no gesture
  double now_ = 0;
  ImVec2 mouse_{-1000, -1000};
  bool has_mouse_ = false;
  bool begun_ = false;
  std::vector<Gesture> gestures_;  // remaining ones, the next one last
};

}  // namespace parallax
