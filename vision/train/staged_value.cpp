// Parses curricula.
#include "vision/train/staged_value.h"

#include <cstdlib>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr int kMaxCount = 1 << 20;

UsageError unreadable(const std::string& text,
                      const std::string& option,
                      const std::string& expected) {
  return UsageError(ErrorParts{.what = "the value cannot be read",
                               .where = option,
                               .expected = expected,
                               .got = "'" + text + "'"});
}

}  // namespace

StagedValue::StagedValue(const std::string& text, const std::string& option) {
  const auto fail = [&] {
    return unreadable(text,
                      option,
                      "a value, or values with the shares of the run at which they begin, such as "
                      "32x32@0,64x64@0.4");
  };
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string shard = text.substr(begin, end - begin);
    const size_t at = shard.find('@');
    Stage stage{.value = shard.substr(0, at)};
    if (at != std::string::npos) {
      char* rest = nullptr;
      const std::string share = shard.substr(at + 1);
      stage.start = std::strtod(share.c_str(), &rest);
      if (share.empty() || *rest != '\0') {
        throw fail();
      }
    }
    const bool ascends = stages_.empty() ? stage.start == 0 : stage.start > stages_.back().start;
    if (stage.value.empty() || !ascends || !(stage.start < 1)) {
      throw fail();
    }
    stages_.push_back(stage);
    begin = end + 1;
  }
}

const std::string& StagedValue::at(double progress) const {
  const Stage* current = &stages_.front();
  for (const Stage& stage : stages_) {
    if (stage.start <= progress) {
      current = &stage;
    }
  }
  return current->value;
}

std::vector<std::string> StagedValue::values() const {
  std::vector<std::string> values;
  for (const Stage& stage : stages_) {
    values.push_back(stage.value);
  }
  return values;
}

int parse_count(const std::string& text, const std::string& option, int min) {
  char* rest = nullptr;
  const long value = std::strtol(text.c_str(), &rest, 10);
  if (text.empty() || *rest != '\0' || value < min || value > kMaxCount) {
    throw unreadable(text, option, "a whole number from " + std::to_string(min));
  }
  return static_cast<int>(value);
}

CountRange parse_count_range(const std::string& text, const std::string& option) {
  const size_t dash = text.find('-');
  if (dash == std::string::npos) {
    const int count = parse_count(text, option, 1);
    return {count, count};
  }
  const CountRange range{parse_count(text.substr(0, dash), option, 1),
                         parse_count(text.substr(dash + 1), option, 1)};
  if (range.min > range.max) {
    throw unreadable(text, option, "a count or a range such as 4-8");
  }
  return range;
}

}  // namespace parallax
