// The window with its OpenGL context and Dear ImGui.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "apps/viewer/key_taps.h"

struct GLFWwindow;

namespace parallax {

// Size and title of a window.
struct WindowOptions {
  int width = 0;  // 0: 1280 × 720 times the monitor's scale, or what the monitor has room for
  int height = 0;
  std::string title = "Parallax";
};

// Throws Error saying what is missing if there is no display. Opens no window.
void require_display();

// A window in which Dear ImGui draws.
class Window {
 public:
  // Throws Error if no window with OpenGL 3.3 can be created.
  explicit Window(const WindowOptions& options);
  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  bool should_close() const;
  // Waits for input, another thread's wake() or `seconds`, whichever comes first.
  void wait(double seconds);
  // May be called from any thread.
  static void wake();

  // Sets the size of text and controls; 0: the monitor's scale. To be called between frames.
  void set_scale(float scale);
  // The one in effect.
  float scale() const { return scale_; }

  // Begins ImGui's frame; `inject` may change the input that it sees.
  void begin_frame(const std::function<void()>& inject);
  // Draws what was built and shows it.
  void end_frame();

  // The window's content, [rows, cols, 3] uint8 RGB. To be called between drawing and showing.
  cv::Mat pixels() const;
  // Called between drawing and showing every frame.
  std::function<void()> on_drawn = [] {};

  // Whether keys were pressed that no frame has seen yet.
  bool has_unseen_keys() const { return !taps_.is_empty(); }

  int width() const;
  int height() const;
  // Files dropped since the last call.
  std::vector<std::string> take_drops();

 private:
  // Makes a key that goes down and up between two frames count as down for one.
  void apply_taps();

  // The scale that the desktop asks for, in window coordinates.
  float monitor_scale() const;

  GLFWwindow* window_ = nullptr;
  float scale_ = 0;
  bool has_begun_ = false;  // whether a frame was
  std::vector<std::string> drops_;
  KeyTaps taps_;
};

}  // namespace parallax
