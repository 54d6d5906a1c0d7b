// Pages shown in the desktop's browser.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace parallax {

// Hands pages to xdg-open and never waits for it: a browser may stay for as long as it likes,
// longer than this process too.
class PageOpener {
 public:
  // Throws Error with the page's whole path if there is no xdg-open.
  void open(const std::string& page);

  // The sentences on what failed since the last call, each with the page's whole path.
  std::vector<std::string> take_failures();

 private:
  struct Opening {
    pid_t process = -1;
    std::string page;
  };
  std::vector<Opening> openings_;
};

}  // namespace parallax
