// Starts xdg-open, asks now and then whether it failed.
#include "apps/viewer/laboratory/page_opener.h"

#include <fmt/format.h>
#include <sys/wait.h>

#include "core/base/child_process.h"
#include "core/base/error.h"
#include "core/base/paths.h"

namespace parallax {
namespace {

Error failure(const std::string& reason, const std::string& page) {
  return Error(ErrorParts{.what = "the page cannot be shown in the desktop's browser: " + reason,
                          .where = page,
                          .remedy = "Copy its path and open it in a browser."});
}

}  // namespace

void PageOpener::open(const std::string& page) {
  const std::string path = absolute_path(page).string();  // so that no dash is in front
  const std::filesystem::path program = find_program("xdg-open");
  if (program.empty()) {
    throw failure("there is no xdg-open", path);
  }
  openings_.push_back({start_detached({.program = program, .arguments = {path}}), path});
}

std::vector<std::string> PageOpener::take_failures() {
  std::vector<std::string> failures;
  std::erase_if(openings_, [&](const Opening& opening) {
    int status = 0;
    if (::waitpid(opening.process, &status, WNOHANG) == 0) {
      return false;
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
      const std::string reason =
          WIFEXITED(status) ? fmt::format("xdg-open ended with {}", WEXITSTATUS(status))
                            : fmt::format("xdg-open was ended by signal {}", WTERMSIG(status));
      failures.emplace_back(failure(reason, opening.page).what());
    }
    return true;
  });
  return failures;
}

}  // namespace parallax
