// Environment variables for the injector, and the file of its counts.
#include "tests/support/faults.h"

#include <cstdlib>
#include <fstream>
#include <set>

#include "tests/support/scratch_folder.h"

namespace parallax::testing {

std::vector<std::pair<std::string, std::string>> fault_environment(
    const Fault& fault,
    const std::filesystem::path& count) {
  return {{"LD_PRELOAD", PARALLAX_FAULT_LIBRARY},
          // The sanitizers' library wants to be the first.
          {"ASAN_OPTIONS", "verify_asan_link_order=0"},
          {"PARALLAX_FAULT_FOLDER", std::filesystem::weakly_canonical(fault.folder).string()},
          {"PARALLAX_FAULT_KIND", fault.kind},
          {"PARALLAX_FAULT_AT", std::to_string(fault.at)},
          {"PARALLAX_FAULT_COUNT", count.string()}};
}

FaultyRun run_with_fault(const std::vector<std::string>& arguments,
                         const Fault& fault,
                         ProgramOptions options) {
  const ScratchFolder counts;
  const std::filesystem::path count = counts.path() / "count";
  const auto environment = fault_environment(fault, count);
  options.environment.insert(options.environment.end(), environment.begin(), environment.end());
  FaultyRun run{.result = run_program_with(arguments, options)};
  std::ifstream file(count);
  file >> run.calls;
  std::getline(file >> std::ws, run.last_call);
  return run;
}

std::vector<long> calls_to_fail(long all, long sample) {
  std::set<long> chosen;
  const bool every = std::getenv("PARALLAX_ALL_FAULTS") != nullptr || all <= sample;
  const long count = every ? all : sample;
  for (long i = 0; i < count; ++i) {
    chosen.insert(count == 1 ? 1 : 1 + i * (all - 1) / (count - 1));
  }
  return {chosen.begin(), chosen.end()};
}

}  // namespace parallax::testing
