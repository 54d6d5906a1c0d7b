// Pages in a real browser without a window: Chromium, where it is installed.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace parallax::testing {

// Where Chromium is; empty if there is none.
std::string find_browser();

// Opens the page and runs `script` after the page's own, with an `answer({…})` that may be called
// once. Returns what it was given; a failure of the test and null if it was not called. Files go
// into `folder`.
nlohmann::json ask_page(const std::string& page,
                        const std::string& script,
                        const std::filesystem::path& folder);

}  // namespace parallax::testing
