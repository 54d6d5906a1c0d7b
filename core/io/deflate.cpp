// Calls zlib.
#include "core/io/deflate.h"

#include <zlib.h>

#include <limits>

namespace parallax {

std::optional<std::string> expand_deflated(std::string_view packed, std::size_t size) {
  constexpr std::size_t kMost = std::numeric_limits<uInt>::max();
  if (packed.size() > kMost || size >= kMost) {
    return std::nullopt;
  }
  z_stream stream{};
  constexpr int kWithoutHeader = -MAX_WBITS;
  if (inflateInit2(&stream, kWithoutHeader) != Z_OK) {
    return std::nullopt;
  }
  std::string data(size + 1, '\0');  // room for one byte too many, which is then seen
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));  // zlib reads only
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(data.data());
  stream.avail_out = static_cast<uInt>(data.size());
  const int result = inflate(&stream, Z_FINISH);
  const bool is_whole = result == Z_STREAM_END && stream.total_out == size;
  inflateEnd(&stream);
  data.resize(size);
  return is_whole ? std::optional(std::move(data)) : std::nullopt;
}

}  // namespace parallax
