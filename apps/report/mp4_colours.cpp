// Boxes within boxes: four bytes of length, big-endian, four letters, content.
#include "apps/report/mp4_colours.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace parallax {
namespace {

constexpr size_t kHeader = 8;
constexpr size_t kSampleDescriptionFields = 8;  // of stsd, before its entries: version and count

struct Box {
  size_t begin = 0;  // of its header
  size_t end = 0;
};

uint64_t read_number(std::string_view bytes, size_t at, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

void write_number(std::string& bytes, size_t at, uint64_t value) {
  for (size_t i = 0; i < 4; ++i) {
    bytes[at + i] = static_cast<char>(value >> (8 * (3 - i)) & 0xFF);
  }
}

// The first box of one of these types between two positions.
std::optional<Box> find_box(std::string_view bytes,
                            size_t begin,
                            size_t end,
                            const std::vector<std::string_view>& types) {
  while (begin + kHeader <= end) {
    uint64_t length = read_number(bytes, begin, 4);
    if (length == 1 && begin + 2 * kHeader <= end) {  // pictures of more than 4 GiB
      length = read_number(bytes, begin + kHeader, 8);
    }
    if (length < kHeader || length > end - begin) {
      return std::nullopt;
    }
    for (const std::string_view type : types) {
      if (bytes.substr(begin + 4, 4) == type) {
        return Box{begin, begin + length};
      }
    }
    begin += length;
  }
  return std::nullopt;
}

// From the file's index down to the coding of the first track's pictures; empty if there is no such
// path, or if the pictures follow the index: their positions in it would have to change.
std::vector<Box> path_to_coding(std::string_view bytes) {
  const auto index = find_box(bytes, 0, bytes.size(), {"moov"});
  if (!index || find_box(bytes, index->end, bytes.size(), {"mdat"})) {
    return {};
  }
  std::vector<Box> path = {*index};
  size_t fields = 0;
  for (const std::vector<std::string_view>& types : std::vector<std::vector<std::string_view>>{
           {"trak"}, {"mdia"}, {"minf"}, {"stbl"}, {"stsd"}, {"avc1", "mp4v"}}) {
    const Box& parent = path.back();
    const auto child = find_box(bytes, parent.begin + kHeader + fields, parent.end, types);
    if (!child) {
      return {};
    }
    path.push_back(*child);
    fields = types.front() == "stsd" ? kSampleDescriptionFields : 0;
  }
  return path;
}

std::string colour_box() {
  constexpr std::array<unsigned char, 19> kBox = {0,
                                                  0,
                                                  0,
                                                  19,
                                                  'c',
                                                  'o',
                                                  'l',
                                                  'r',
                                                  'n',
                                                  'c',
                                                  'l',
                                                  'x',
                                                  0,
                                                  1,  // primaries: BT.709, which are sRGB's
                                                  0,
                                                  13,  // transfer: sRGB
                                                  0,
                                                  6,   // matrix: BT.601
                                                  0};  // limited range
  return {kBox.begin(), kBox.end()};
}

}  // namespace

std::string with_colours_told(std::string mp4) {
  const std::vector<Box> path = path_to_coding(mp4);
  if (path.empty()) {
    return mp4;
  }
  const std::string box = colour_box();
  for (const Box& outer : path) {
    write_number(mp4, outer.begin, read_number(mp4, outer.begin, 4) + box.size());
  }
  mp4.insert(path.back().end, box);
  return mp4;
}

}  // namespace parallax
