// Processor times from /proc/stat and of this process.
#include "core/base/free_cores.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace parallax {
namespace {

// The system counts in steps of 10 ms.
constexpr double kShortestInterval = 0.15;

std::vector<int> allowed_cores() {
  cpu_set_t set;
  std::vector<int> cores;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (int core = 0; core < CPU_SETSIZE; ++core) {
      if (CPU_ISSET(core, &set)) {
        cores.push_back(core);
      }
    }
  }
  return cores;
}

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Whether processes with a niceness make way for this one. Where Linux schedules by sessions
// (autogroup, on in most distributions), they do so within their own session alone.
bool niced_make_way() {
  int by_session = 0;
  std::ifstream("/proc/sys/kernel/sched_autogroup_enabled") >> by_session;
  return by_session == 0 && getpriority(PRIO_PROCESS, 0) <= 0;
}

}  // namespace

std::optional<double> busy_seconds(std::string_view stat,
                                   const std::vector<int>& cores,
                                   bool with_niced) {
  const double tick = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  double sum = 0;
  for (const int core : cores) {
    const std::string name = fmt::format("\ncpu{} ", core);
    const size_t start = stat.find(name);
    if (start == std::string_view::npos) {
      return std::nullopt;
    }
    // proc(5): user, nice, system, idle, iowait, irq, softirq, steal.
    std::istringstream row{std::string(stat.substr(start + name.size(), 200))};
    double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, soft_irq = 0, steal = 0;
    if (!(row >> user >> nice >> system >> idle >> waiting >> irq >> soft_irq >> steal)) {
      return std::nullopt;
    }
    sum += tick * (user + (with_niced ? nice : 0) + system + irq + soft_irq + steal);
  }
  return sum;
}

int cores_left_free(const CoreTimes& before, const CoreTimes& now, int cores) {
  const double others = ((now.busy - before.busy) - (now.own - before.own)) / (now.at - before.at);
  return std::clamp(static_cast<int>(std::lround(cores - others)), 1, std::max(1, cores));
}

FreeCores::FreeCores() : cores_(allowed_cores()), before_(read()) {}

std::optional<CoreTimes> FreeCores::read() const {
  std::ifstream file("/proc/stat");
  const std::string stat{std::istreambuf_iterator<char>(file), {}};
  const auto busy = busy_seconds(stat, cores_, !niced_make_way());
  if (cores_.empty() || !busy) {
    return std::nullopt;
  }
  return CoreTimes{seconds_of(CLOCK_MONOTONIC), *busy, seconds_of(CLOCK_PROCESS_CPUTIME_ID)};
}

std::optional<int> FreeCores::ask() {
  if (!before_ || seconds_of(CLOCK_MONOTONIC) - before_->at < kShortestInterval) {
    return std::nullopt;
  }
  const auto now = read();
  if (!now) {
    return std::nullopt;
  }
  const int free = cores_left_free(*before_, *now, static_cast<int>(cores_.size()));
  before_ = now;
  return free;
}

}  // namespace parallax
