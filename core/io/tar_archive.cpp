// Headers of 512 bytes as POSIX.1-2017 (pax, "ustar Interchange Format") and GNU tar 1.34 write
// them.
#include "core/io/tar_archive.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr std::uint64_t kTarBlock = 512;
constexpr std::uint64_t kLongestTarText = std::uint64_t{1} << 20;  // of names and attributes

// A field of the header up to its first NUL.
std::string_view tar_field(std::string_view header, std::size_t offset, std::size_t size) {
  const std::string_view whole = header.substr(offset, size);
  return whole.substr(0, std::min(whole.find('\0'), whole.size()));
}

// Octal digits among blanks, or GNU's base 256 for what needs more; nullopt for anything else.
std::optional<std::uint64_t> tar_number(std::string_view header,
                                        std::size_t offset,
                                        std::size_t size) {
  const std::string_view text = header.substr(offset, size);
  std::uint64_t value = 0;
  if ((static_cast<unsigned char>(text[0]) & 0x80) != 0) {
    for (std::size_t i = 1; i < size; ++i) {
      if (value >> 55 != 0) {
        return std::nullopt;
      }
      value = value << 8 | static_cast<unsigned char>(text[i]);
    }
    return value;
  }
  for (const char c : text) {
    if (c >= '0' && c <= '7') {
      value = value * 8 + static_cast<std::uint64_t>(c - '0');
    } else if (c != ' ' && c != '\0') {
      return std::nullopt;
    }
  }
  return value;
}

// The sum of the header's bytes, with blanks for the sum itself.
bool has_right_tar_sum(std::string_view header) {
  constexpr std::size_t kSumOffset = 148;
  constexpr std::size_t kSumSize = 8;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const bool inside = i >= kSumOffset && i < kSumOffset + kSumSize;
    sum += inside ? ' ' : static_cast<unsigned char>(header[i]);
  }
  return tar_number(header, kSumOffset, kSumSize) == sum;
}

// The value of a pax attribute, of which each is "LENGTH KEY=VALUE\n"; empty if there is none.
std::string tar_attribute(std::string_view text, std::string_view key) {
  std::string value;
  while (!text.empty()) {
    std::size_t length = 0;
    std::size_t at = 0;
    for (; at < text.size() && at < 9 && text[at] >= '0' && text[at] <= '9'; ++at) {
      length = length * 10 + static_cast<std::size_t>(text[at] - '0');
    }
    if (at == 0 || at + 1 >= length || length > text.size()) {
      return value;
    }
    const std::string_view record = text.substr(at + 1, length - at - 2);
    if (record.starts_with(key) && record.substr(key.size()).starts_with('=')) {
      value = record.substr(key.size() + 1);
    }
    text.remove_prefix(length);
  }
  return value;
}

}  // namespace

TarArchive::TarArchive(const std::filesystem::path& path)
    : file_(std::make_unique<const InputFile>(path)) {}

void TarArchive::fail(const std::string& what, const std::string& remedy) const {
  throw Error(ErrorParts{.what = what,
                         .where = file_->name() + ", byte " + std::to_string(offset_),
                         .remedy = remedy});
}

std::string TarArchive::read_text(const ByteRange& range) const {
  if (range.size > kLongestTarText) {
    fail("a name in the archive is too long", "The archive is damaged; copy it again.");
  }
  return file_->read(range.offset, range.size);
}

std::optional<TarMember> TarArchive::next() {
  std::string long_name;
  std::string attributes;
  while (offset_ + kTarBlock <= file_->size()) {
    const std::string header = file_->read(offset_, kTarBlock);
    if (header.find_first_not_of('\0') == std::string::npos) {
      return std::nullopt;  // the end of the archive; what follows is padding
    }
    if (!has_right_tar_sum(header)) {
      fail(offset_ == 0 ? "this is not a tar archive" : "the tar archive is damaged",
           offset_ == 0 ? "A compressed one (.tar.gz) is to be unpacked with gunzip first." : "");
    }
    std::optional<std::uint64_t> size = tar_number(header, 124, 12);
    if (const std::string stated = tar_attribute(attributes, "size"); !stated.empty()) {
      size = std::strtoull(stated.c_str(), nullptr, 10);
    }
    if (!size || *size > file_->size() - offset_ - kTarBlock) {
      fail("the tar archive is cut off", "Copy it again.");
    }
    const ByteRange data{.offset = offset_ + kTarBlock, .size = *size};
    const char type = header[156];
    offset_ =
        std::min(data.offset + (*size + kTarBlock - 1) / kTarBlock * kTarBlock, file_->size());
    if (type == 'L') {  // GNU: the next member's name
      long_name = read_text(data);
      long_name.resize(std::strlen(long_name.c_str()));
    } else if (type == 'x') {
      attributes = read_text(data);
    } else if (type == '0' || type == '\0' || type == '7') {
      const std::string_view prefix =
          header.compare(257, 6, std::string("ustar\0", 6)) == 0 ? tar_field(header, 345, 155) : "";
      std::string name = tar_attribute(attributes, "path");
      name = !name.empty()        ? name
             : !long_name.empty() ? long_name
             : prefix.empty()     ? std::string(tar_field(header, 0, 100))
                              : std::string(prefix) + "/" + std::string(tar_field(header, 0, 100));
      return TarMember{.name = name, .data = data};
    } else {  // a folder, a link, an attribute of all members
      long_name.clear();
      attributes.clear();
    }
  }
  if (offset_ < file_->size()) {
    fail("the tar archive is cut off", "Copy it again.");
  }
  return std::nullopt;
}

}  // namespace parallax
