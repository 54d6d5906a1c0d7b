// Fetches one file: resumed where an earlier attempt ended, checked, and never half there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/net/http.h"

namespace parallax {

// What is fetched, and what is known of it.
struct Download {
  std::string url;
  std::vector<std::string> headers;
  std::string name;               // for progress and messages
  std::filesystem::path partial;  // grows until it is complete; goes on from what is there
  std::uint64_t size = 0;         // 0: unknown
  std::string sha256;             // empty: unknown
  bool quiet = false;             // no progress
};

// Fetches what is missing of `partial`. A transfer that breaks off goes on from where it was, as
// long as each attempt brings something. Where neither size nor hash are known, an earlier run's
// part is used only if the server says that the file is still the same (If-Range). Throws Error
// saying why not: no network, refused, not found, no room, or not the file that was promised (which
// is removed).
void download(const Download& download);

// The Error for a response that is no success.
[[noreturn]] void throw_http_error(const HttpResponse& response, const std::string& name);

// Renames the complete file; both are in the same folder. Throws Error.
void put_in_place(const std::filesystem::path& partial, const std::filesystem::path& target);

}  // namespace parallax
