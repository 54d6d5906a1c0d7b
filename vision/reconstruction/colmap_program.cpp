// Asks COLMAP for its options, runs it.
#include "vision/reconstruction/colmap_program.h"

#include <fmt/format.h>

#include <deque>
#include <fstream>

#include "core/base/child_process.h"
#include "core/base/error.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLinesInError = 3;

// Qt, which even COLMAP's commands without a window may start, needs no display.
const std::vector<std::pair<std::string, std::string>> kHeadless = {
    {"QT_QPA_PLATFORM", "offscreen"}};

// Whether the help text has the option, as a whole word.
bool has_option(const std::string& help, const std::string& name) {
  const std::string flag = "--" + name;
  for (std::size_t at = help.find(flag); at != std::string::npos; at = help.find(flag, at + 1)) {
    const std::size_t end = at + flag.size();
    if (end == help.size() || help[end] == ' ' || help[end] == '\n' || help[end] == '=') {
      return true;
    }
  }
  return false;
}

}  // namespace

ColmapProgram::ColmapProgram(const std::string& name, const fs::path& log)
    : program_(find_program(name)), log_(log) {
  if (program_.empty()) {
    throw Error(ErrorParts{
        .what = fmt::format("'{}', which finds the cameras of photographs, is not installed", name),
        .remedy =
            "On Debian: apt-get install colmap. Installed elsewhere, name it with --colmap."});
  }
  const std::string text = help("help");
  const std::size_t begin = text.find("COLMAP ");
  version_ = begin == std::string::npos
                 ? "COLMAP"
                 : text.substr(begin, text.find_first_of(" \n", begin + 7) - begin);
  has_gpu_ = text.find("with CUDA") != std::string::npos && fs::exists("/dev/nvidiactl");
}

std::string ColmapProgram::help(const std::string& command) const {
  std::string text;
  run_child({.program = program_,
             .arguments = {command, "-h"},
             .environment = kHeadless,
             .on_line = [&](const std::string& line) { text += line + "\n"; }});
  return text;
}

bool ColmapProgram::run(const std::string& command,
                        const std::vector<std::pair<std::string, std::string>>& options,
                        const ColmapWatch& watch) const {
  const std::string accepted = help(command);
  std::vector<std::string> arguments = {command};
  for (const auto& [names, value] : options) {
    const bool has_alternatives = names.find('.') != std::string::npos;
    for (std::size_t begin = 0; begin < names.size();) {
      const std::size_t end = std::min(names.find('|', begin), names.size());
      const std::string name = names.substr(begin, end - begin);
      // What every version has goes without asking, also where the help cannot be understood.
      if (!has_alternatives || has_option(accepted, name)) {
        arguments.push_back("--" + name);
        arguments.push_back(value);
        break;
      }
      begin = end + 1;
    }
  }
  std::ofstream log(log_, std::ios::app);
  log << "\n$ " << program_.string();
  for (const std::string& argument : arguments) {
    log << ' ' << argument;
  }
  log << std::endl;
  std::deque<std::string> last;
  const ChildEnd end = run_child({.program = program_,
                                  .arguments = arguments,
                                  .environment = kHeadless,
                                  .on_line =
                                      [&](const std::string& line) {
                                        log << line << std::endl;
                                        last.push_back(line);
                                        if (last.size() > kLinesInError) {
                                          last.pop_front();
                                        }
                                        watch.on_line(line);
                                      },
                                  .should_stop = watch.should_stop});
  if (end.stopped) {
    return false;
  }
  if (end.exit_code != 0) {
    std::string lines;
    for (const std::string& line : last) {
      lines += (lines.empty() ? "" : " / ") + line;
    }
    throw Error(
        ErrorParts{.what = fmt::format("{} failed in its {}", version_, command),
                   .got = end.exit_code > 128
                              ? fmt::format("signal {}{}",
                                            end.exit_code - 128,
                                            end.exit_code == 137 ? ", as when memory is full" : "")
                              : fmt::format("exit code {}: {}", end.exit_code, lines),
                   .remedy = fmt::format("All that it said is in {}.", log_.string())});
  }
  return true;
}

}  // namespace parallax
