// A bounds-checked cursor over the bytes of a pickle.
#pragma once

#include <c10/util/StringUtil.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "core/base/error.h"

namespace parallax {

// Reads `bytes` from front to back; reading past their end throws Error at `where`.
class PickleInput {
 public:
  PickleInput(std::string_view bytes, std::string where)
      : bytes_(bytes), where_(std::move(where)) {}

  std::size_t size() const { return bytes_.size(); }

  // Throws Error at `where`, naming the position.
  [[noreturn]] void fail(const std::string& what) const {
    throw Error(
        {.what = c10::str(what, " before byte ", position_, " of the pickle"), .where = where_});
  }

  // Throws Error unless `count` more bytes follow.
  void require(std::uint64_t count) const {
    if (count > bytes_.size() - position_) {
      fail("the data ends too early");
    }
  }

  // The next `count` bytes.
  std::string_view take(std::uint64_t count) {
    require(count);
    const std::string_view result = bytes_.substr(position_, count);
    position_ += count;
    return result;
  }

  // The text up to the next line feed, which is skipped.
  std::string_view line() {
    const std::size_t end = bytes_.find('\n', position_);
    if (end == std::string_view::npos) {
      fail("a name has no end");
    }
    const std::string_view result = take(end - position_);
    ++position_;
    return result;
  }

  // Little-endian, like all numbers of the format except one.
  template <typename Integer>
  Integer integer() {
    Integer value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  // The exception: a double with its bytes in big-endian order.
  double big_endian_double() {
    const std::uint64_t bits = __builtin_bswap64(integer<std::uint64_t>());
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }

 private:
  std::string_view bytes_;
  std::string where_;
  std::size_t position_ = 0;
};

}  // namespace parallax
