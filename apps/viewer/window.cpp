// GLFW, OpenGL 3.3 and ImGui's backends for them.
#include "apps/viewer/window.h"

#include <epoxy/gl.h>
// Comes after the loader, which brings OpenGL's declarations.
#include <GLFW/glfw3.h>
#include <backends/imgui_impl_glfw.h>
#include <backends/imgui_impl_opengl3.h>
#include <imgui.h>

#include <cstdlib>
#include <opencv2/core.hpp>

#include "apps/report/text.h"
#include "core/base/error.h"

namespace parallax {
namespace {

constexpr float kFontSize = 15;
constexpr float kWidth = 1280;
constexpr float kHeight = 720;

std::string glfw_problem() {
  const char* text = nullptr;
  glfwGetError(&text);
  return text != nullptr ? text : "no reason given";
}

void load_font(float scale) {
  ImGuiIO& io = ImGui::GetIO();
  io.Fonts->Clear();
  std::error_code ignored;
  if (!std::filesystem::exists(kFontFile, ignored)) {
    io.FontGlobalScale = scale;
    return;
  }
  // Latin, hats and Greek, raised letters, arrows and operators, as the variants' summaries and the
  // laboratory's sentences have them: φ, q̂, kᵀ, −.
  static const ImWchar ranges[] = {
      0x20, 0xFF, 0x300, 0x3FF, 0x1D2C, 0x1D6A, 0x2010, 0x2027, 0x2070, 0x209F, 0x2190, 0x2299, 0};
  io.Fonts->AddFontFromFileTTF(kFontFile, kFontSize * scale, nullptr, ranges);
}

void set_style(float scale) {
  ImGuiStyle& style = ImGui::GetStyle();
  style = {};
  ImGui::StyleColorsDark();
  style.WindowRounding = 0;
  style.Colors[ImGuiCol_WindowBg].w = 1;
  style.Colors[ImGuiCol_PopupBg].w = 1;
  style.ChildBorderSize = 1;
  style.WindowPadding = {6, 6};
  style.ItemSpacing = {6, 4};
  style.ScaleAllSizes(scale);
}

// The window's size where none is asked for: on the monitor, as large as on one of ordinary
// density.
cv::Size default_size() {
  GLFWmonitor* monitor = glfwGetPrimaryMonitor();
  float scale = 1;
  cv::Rect area;
  if (monitor != nullptr) {
    glfwGetMonitorContentScale(monitor, &scale, nullptr);
    glfwGetMonitorWorkarea(monitor, &area.x, &area.y, &area.width, &area.height);
  }
  const auto side = [&](float standard, int most) {
    const auto wanted = static_cast<int>(standard * scale);
    return most > 0 ? std::min(wanted, most) : wanted;
  };
  return {side(kWidth, area.width), side(kHeight, area.height)};
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

}  // namespace

void require_display() {
  if (!is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY")) {
    throw Error(ErrorParts{
        .what = "there is no display to open a window on: neither DISPLAY nor WAYLAND_DISPLAY is "
                "set",
        .remedy = "Run it in a desktop session or under Xvfb (xvfb-run); every other command works "
                  "without a display."});
  }
  if (glfwInit() == GLFW_FALSE) {
    throw Error(ErrorParts{.what = "the display cannot be used: " + glfw_problem(),
                           .where = is_set("DISPLAY") ? std::getenv("DISPLAY") : "Wayland"});
  }
}

Window::Window(const WindowOptions& options) {
  require_display();
  glfwWindowHint(GLFW_CONTEXT_VERSION_MAJOR, 3);
  glfwWindowHint(GLFW_CONTEXT_VERSION_MINOR, 3);
  glfwWindowHint(GLFW_OPENGL_PROFILE, GLFW_OPENGL_CORE_PROFILE);
  glfwWindowHint(GLFW_OPENGL_FORWARD_COMPAT, GLFW_TRUE);
  const cv::Size size =
      options.width > 0 ? cv::Size(options.width, options.height) : default_size();
  window_ = glfwCreateWindow(size.width, size.height, options.title.c_str(), nullptr, nullptr);
  if (window_ == nullptr) {
    const std::string problem = glfw_problem();
    glfwTerminate();
    throw Error(ErrorParts{.what = "no window with OpenGL 3.3 can be opened: " + problem,
                           .remedy = "A graphics driver may be missing (Debian: "
                                     "libgl1-mesa-dri)."});
  }
  glfwMakeContextCurrent(window_);
  glfwSwapInterval(0);
  glfwSetWindowUserPointer(window_, this);
  glfwSetDropCallback(window_, [](GLFWwindow* window, int count, const char** paths) {
    auto* self = static_cast<Window*>(glfwGetWindowUserPointer(window));
    self->drops_.insert(self->drops_.end(), paths, paths + count);
  });
  // ImGui's backend calls this callback from its own.
  glfwSetKeyCallback(window_, [](GLFWwindow* window, int key, int, int action, int modifiers) {
    auto* self = static_cast<Window*>(glfwGetWindowUserPointer(window));
    const bool is_modifier = key >= GLFW_KEY_LEFT_SHIFT && key <= GLFW_KEY_RIGHT_SUPER;
    if (action == GLFW_PRESS && key >= 0 && !is_modifier) {
      self->taps_.press(key, modifiers);
    }
  });
  ImGui::CreateContext();
  ImGui::GetIO().IniFilename = nullptr;
  ImGui_ImplGlfw_InitForOpenGL(window_, true);
  ImGui_ImplOpenGL3_Init("#version 330 core");
  set_scale(0);
}

float Window::monitor_scale() const {
  float scale = 1;
  glfwGetWindowContentScale(window_, &scale, nullptr);
  // Where the desktop enlarges windows itself (Wayland), window coordinates are scaled already.
  int coordinates = 0;
  glfwGetWindowSize(window_, &coordinates, nullptr);
  scale *= static_cast<float>(std::max(coordinates, 1)) / static_cast<float>(width());
  return scale > 0 ? scale : 1;
}

void Window::set_scale(float scale) {
  scale = scale > 0 ? scale : monitor_scale();
  if (scale == scale_) {
    return;
  }
  scale_ = scale;
  set_style(scale);
  load_font(scale);
  // The first frame uploads the font by itself. Only the texture is replaced: the backend of ImGui
  // 1.86 draws nothing after all of its objects were destroyed between two frames.
  if (has_begun_) {
    ImGui_ImplOpenGL3_DestroyFontsTexture();
    ImGui_ImplOpenGL3_CreateFontsTexture();
  }
}

Window::~Window() {
  ImGui_ImplOpenGL3_Shutdown();
  ImGui_ImplGlfw_Shutdown();
  ImGui::DestroyContext();
  glfwDestroyWindow(window_);
  glfwTerminate();
}

bool Window::should_close() const { return glfwWindowShouldClose(window_) != 0; }

void Window::wait(double seconds) {
  if (seconds > 0) {
    glfwWaitEventsTimeout(seconds);
  } else {
    glfwPollEvents();
  }
}

void Window::wake() { glfwPostEmptyEvent(); }

void Window::begin_frame(const std::function<void()>& inject) {
  has_begun_ = true;
  ImGui_ImplOpenGL3_NewFrame();
  ImGui_ImplGlfw_NewFrame();
  apply_taps();
  inject();
  ImGui::NewFrame();
}

void Window::apply_taps() {
  ImGuiIO& io = ImGui::GetIO();
  const auto is_held = [this](int key) { return glfwGetKey(window_, key) == GLFW_PRESS; };
  // ImGui's backend asks only when a key moves.
  io.KeyCtrl = is_held(GLFW_KEY_LEFT_CONTROL) || is_held(GLFW_KEY_RIGHT_CONTROL);
  io.KeyShift = is_held(GLFW_KEY_LEFT_SHIFT) || is_held(GLFW_KEY_RIGHT_SHIFT);
  const KeyTaps::Frame frame = taps_.next(is_held);
  for (const int key : frame.up) {
    io.KeysDown[key] = false;
  }
  for (const int key : frame.down) {
    io.KeysDown[key] = true;
    io.KeyCtrl = (frame.modifiers & GLFW_MOD_CONTROL) != 0;
    io.KeyShift = (frame.modifiers & GLFW_MOD_SHIFT) != 0;
  }
}

void Window::end_frame() {
  ImGui::Render();
  glBindFramebuffer(GL_FRAMEBUFFER, 0);
  glViewport(0, 0, width(), height());
  glClearColor(0.08F, 0.08F, 0.09F, 1);
  glClear(GL_COLOR_BUFFER_BIT);
  ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
  on_drawn();
  glfwSwapBuffers(window_);
}

cv::Mat Window::pixels() const {
  cv::Mat image(height(), width(), CV_8UC3);
  glPixelStorei(GL_PACK_ALIGNMENT, 1);
  glReadPixels(0, 0, width(), height(), GL_RGB, GL_UNSIGNED_BYTE, image.data);
  cv::flip(image, image, 0);
  return image;
}

int Window::width() const {
  int width = 0;
  glfwGetFramebufferSize(window_, &width, nullptr);
  return std::max(width, 1);
}

int Window::height() const {
  int height = 0;
  glfwGetFramebufferSize(window_, nullptr, &height);
  return std::max(height, 1);
}

std::vector<std::string> Window::take_drops() { return std::exchange(drops_, {}); }

}  // namespace parallax
