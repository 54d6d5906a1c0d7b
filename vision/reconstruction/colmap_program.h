// COLMAP's program: which version is installed, what its commands accept, running them.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace parallax {

// How a command's run is watched.
struct ColmapWatch {
  std::function<void(const std::string&)> on_line;  // each line that it prints
  std::function<bool()> should_stop;
};

// The installed program. Its options were renamed over the years (3.12 moved use_gpu from
// SiftExtraction to FeatureExtraction), so each command is asked for those that it has.
class ColmapProgram {
 public:
  // Throws Error if there is no program of that name, with how to install it.
  ColmapProgram(const std::string& name, const std::filesystem::path& log);

  // Runs a command, appending its output to the log. An option is a name without dashes and a
  // value; of a name with alternatives, "FeatureExtraction.use_gpu|SiftExtraction.use_gpu", the
  // first that the command has is given, or none. Returns false if it was stopped. Throws Error,
  // with the last lines that it printed, if it failed.
  bool run(const std::string& command,
           const std::vector<std::pair<std::string, std::string>>& options,
           const ColmapWatch& watch) const;

  // "COLMAP 3.8".
  const std::string& version() const { return version_; }
  // Whether it was built for GPUs and there is one.
  bool has_gpu() const { return has_gpu_; }

 private:
  std::string help(const std::string& command) const;

  std::filesystem::path program_;
  std::filesystem::path log_;
  std::string version_;
  bool has_gpu_ = false;
};

}  // namespace parallax
