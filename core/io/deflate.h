// Data compressed by zlib's deflate, as zip archives hold them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace parallax {

// The `size` bytes that `packed`, without zlib's own header, was made of; nothing if it is damaged
// or holds more or fewer.
std::optional<std::string> expand_deflated(std::string_view packed, std::size_t size);

}  // namespace parallax
