// Unicode's decomposition, by utf8proc.
#include "core/files/letter_marks.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>

namespace parallax {

std::string decomposed(std::string_view text) {
  utf8proc_uint8_t* split = nullptr;
  const utf8proc_ssize_t length =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()),
                   &split,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(split, &std::free);
  if (length < 0) {
    return std::string(text);
  }
  return {reinterpret_cast<const char*>(split), static_cast<size_t>(length)};
}

}  // namespace parallax
