// Chromium prints the document as it is when all scripts have run; the answer stands in it.
#include "tests/support/browser.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/scene_fixture.h"

namespace parallax::testing {

std::string find_browser() {
  for (const char* name : {"/usr/bin/chromium", "/usr/bin/google-chrome"}) {
    if (std::filesystem::exists(name)) {
      return name;
    }
  }
  return "";
}

nlohmann::json ask_page(const std::string& page,
                        const std::string& script,
                        const std::filesystem::path& folder) {
  constexpr const char* kAnswer = R"(
    function answer(value) {
      const o = document.createElement("output");
      o.id = "answer";
      o.textContent = JSON.stringify(value).replace(/[<>&\u007f-\uffff]/g,
        c => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
      document.body.append(o);
    })";
  const size_t end = page.rfind("</body>");
  std::ofstream(folder / "page.html")
      << page.substr(0, end) << "<script>" << kAnswer << script << "</script>" << page.substr(end);
  const std::string command = fmt::format(
      "HOME={0} {1} --headless --no-sandbox --disable-gpu --user-data-dir={0}/profile --dump-dom "
      "'file://{0}/page.html' > {0}/document.html 2>/dev/null",
      folder.string(),
      find_browser());
  EXPECT_EQ(std::system(command.c_str()), 0);
  const std::string document = read_bytes(folder / "document.html");
  const std::string begin = "<output id=\"answer\">";
  const size_t at = document.find(begin);
  if (at == std::string::npos) {
    ADD_FAILURE() << "the page's scripts did not run to their end";
    return nullptr;
  }
  const size_t from = at + begin.size();
  return nlohmann::json::parse(document.substr(from, document.find('<', from) - from));
}

}  // namespace parallax::testing
