// Runs `parallax lab` as a child process for the Probe screen, and knows what its folder holds.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/viewer/laboratory/page_opener.h"
#include "vision/viewer/view_state.h"

namespace parallax {

// The command `parallax` that belongs to the running program; the program itself where there is
// none beside it.
std::filesystem::path parallax_command();

// Takes a line that the command wrote as news on the run.
void read_lab_line(view::LabRun& run, const std::string& line);

// One run at a time. Its end ends the run.
class Laboratory {
 public:
  // `on_news` is called on another thread when there is something for update().
  explicit Laboratory(std::function<void()> on_news,
                      std::filesystem::path program = parallax_command());
  ~Laboratory();
  Laboratory(const Laboratory&) = delete;
  Laboratory& operator=(const Laboratory&) = delete;

  // To be called once per frame: merges news, and looks into the shown folder if it has changed.
  void update(view::ViewState& state);

  // Carries out a command that is the laboratory's; false for any other.
  bool carry_out(view::ViewState& state, const view::Command& command);

  bool is_running() const { return child_ != nullptr; }

 private:
  struct Child;
  void start(view::ViewState& state);
  void take_news(view::ViewState& state);
  void end(view::ViewState& state);
  void look(view::ViewState& state);

  std::function<void()> on_news_;
  std::filesystem::path program_;
  PageOpener pages_;
  std::unique_ptr<Child> child_;
  // What the folder was chosen for, and what it held when last read.
  std::vector<std::string> looked_for_;
  std::string folder_;
  std::optional<std::string> stamp_;
};

}  // namespace parallax
