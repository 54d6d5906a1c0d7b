// Compares settings, repairs rows.
#include "apps/report/run_settings.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>

#include <unistd.h>

#include "core/base/error.h"
#include "core/base/json_text.h"

namespace parallax {

void check_settings(const std::filesystem::path& file, const nlohmann::json& settings) {
  std::ifstream stream(file);
  const nlohmann::json before = nlohmann::json::parse(stream, nullptr, false);
  std::string differences;
  for (const auto& item : settings.items()) {
    const nlohmann::json old =
        before.is_object() ? before.value(item.key(), nlohmann::json()) : nlohmann::json();
    if (old != item.value()) {
      differences += fmt::format("{}{} was {}, is {}",
                                 differences.empty() ? "" : "; ",
                                 item.key(),
                                 dump_json(old),
                                 dump_json(item.value()));
    }
  }
  if (!differences.empty()) {
    throw UsageError(
        ErrorParts{.what = "the results there were made with other options: " + differences,
                   .where = file.parent_path().string(),
                   .remedy = "Name another --output, or leave out --resume to start over."});
  }
}

void read_whole_lines(const std::filesystem::path& file,
                      const std::function<void(const std::string&)>& visit) {
  off_t good_end = 0;
  {
    std::ifstream stream(file, std::ios::binary);
    std::string line;
    while (std::getline(stream, line) && !stream.eof()) {  // at eof: no newline, so incomplete
      good_end += static_cast<off_t>(line.size()) + 1;
      visit(line);
    }
  }
  if (::truncate(file.c_str(), good_end) != 0) {
    throw Error(ErrorParts{
        .what = "the results cannot be repaired: " + std::generic_category().message(errno),
        .where = file.string()});
  }
}

}  // namespace parallax
