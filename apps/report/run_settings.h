// What the rows of one run have in common, kept beside them so that only the same run goes on.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>

namespace parallax {

// Throws UsageError that names each of `settings` that the file, of an earlier run, says otherwise.
void check_settings(const std::filesystem::path& file, const nlohmann::json& settings);

// The whole lines of a file of rows, from the beginning; a last line without an end is cut off, as
// its writer was killed. Throws Error if that fails. `visit` gets each line without its end.
void read_whole_lines(const std::filesystem::path& file,
                      const std::function<void(const std::string&)>& visit);

}  // namespace parallax
