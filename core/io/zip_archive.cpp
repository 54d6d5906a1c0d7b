// Reads zip structures as laid out in PKWARE's APPNOTE 6.3, sections 4.3 and 4.5.
#include "core/io/zip_archive.h"

#include <c10/util/StringUtil.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr std::uint32_t kLocalSignature = 0x04034b50;
constexpr std::uint32_t kCentralSignature = 0x02014b50;
constexpr std::uint32_t kEndSignature = 0x06054b50;
constexpr std::uint32_t kEnd64Signature = 0x06064b50;
constexpr std::uint32_t kLocator64Signature = 0x07064b50;
constexpr std::uint64_t kLocalBytes = 30;
constexpr std::uint64_t kCentralBytes = 46;
constexpr std::uint64_t kEndBytes = 22;
constexpr std::uint64_t kEnd64Bytes = 56;
constexpr std::uint64_t kLocator64Bytes = 20;
constexpr std::uint64_t kLongestComment = 0xffff;
constexpr std::uint32_t kSeeZip64 = 0xffffffff;
constexpr std::uint64_t kLargestDirectory = std::uint64_t{64} << 20;
constexpr std::uint16_t kZip64Field = 1;
constexpr std::uint16_t kEncryptedFlag = 1;
constexpr std::uint16_t kStored = 0;
constexpr std::uint16_t kDeflated = 8;

[[noreturn]] void fail(const InputFile& file, const std::string& what) {
  throw Error({.what = what,
               .where = file.name(),
               .remedy = "The file is truncated or damaged; copy it again."});
}

// Little-endian fields; the caller has checked that they are inside.
template <typename Integer>
Integer get(std::string_view bytes, std::size_t offset) {
  Integer value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

struct Directory {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint64_t count = 0;
};

// The offset of the end record: the last one whose comment ends with the file.
std::uint64_t find_end_record(const InputFile& file) {
  const std::uint64_t length = std::min(file.size(), kEndBytes + kLongestComment);
  const std::string tail = file.read(file.size() - length, length);
  for (std::uint64_t i = length < kEndBytes ? 0 : length - kEndBytes + 1; i-- > 0;) {
    if (get<std::uint32_t>(tail, i) == kEndSignature &&
        i + kEndBytes + get<std::uint16_t>(tail, i + 20) == length) {
      return file.size() - length + i;
    }
  }
  fail(file, "the zip archive has no end record");
}

std::optional<Directory> read_zip64_directory(const InputFile& file, std::uint64_t end_record) {
  if (end_record < kLocator64Bytes) {
    return std::nullopt;
  }
  const std::string locator = file.read(end_record - kLocator64Bytes, kLocator64Bytes);
  if (get<std::uint32_t>(locator, 0) != kLocator64Signature) {
    return std::nullopt;
  }
  const auto position = get<std::uint64_t>(locator, 8);
  if (position > end_record || end_record - position < kEnd64Bytes + kLocator64Bytes) {
    fail(file, "the ZIP64 end record lies outside the file");
  }
  const std::string record = file.read(position, kEnd64Bytes);
  if (get<std::uint32_t>(record, 0) != kEnd64Signature) {
    fail(file, "the ZIP64 end record is damaged");
  }
  return Directory{.offset = get<std::uint64_t>(record, 48),
                   .size = get<std::uint64_t>(record, 40),
                   .count = get<std::uint64_t>(record, 32)};
}

Directory find_directory(const InputFile& file) {
  const std::uint64_t end_record = find_end_record(file);
  const std::string record = file.read(end_record, kEndBytes);
  Directory directory{.offset = get<std::uint32_t>(record, 16),
                      .size = get<std::uint32_t>(record, 12),
                      .count = get<std::uint16_t>(record, 10)};
  directory = read_zip64_directory(file, end_record).value_or(directory);
  if (directory.offset > end_record || directory.size > end_record - directory.offset) {
    fail(file, "the zip archive's directory lies outside the file");
  }
  if (directory.size > kLargestDirectory) {
    fail(file, "the zip archive's directory is too large");
  }
  if (directory.count > directory.size / kCentralBytes) {
    fail(file, "the zip archive's directory is shorter than its number of entries");
  }
  return directory;
}

struct CentralSizes {
  std::uint64_t compressed;
  std::uint64_t size;
  std::uint64_t header;
};

// Fields that do not fit 32 bits are moved, in this order, to an extra field.
void apply_zip64_field(const InputFile& file, std::string_view extra, CentralSizes& sizes) {
  while (extra.size() >= 4) {
    const auto id = get<std::uint16_t>(extra, 0);
    const auto length = get<std::uint16_t>(extra, 2);
    if (length > extra.size() - 4) {
      fail(file, "an extra field of the zip archive's directory is damaged");
    }
    std::string_view field = extra.substr(4, length);
    extra.remove_prefix(4 + std::size_t{length});
    if (id != kZip64Field) {
      continue;
    }
    for (std::uint64_t* value : {&sizes.size, &sizes.compressed, &sizes.header}) {
      if (*value == kSeeZip64 && field.size() >= 8) {
        *value = get<std::uint64_t>(field, 0);
        field.remove_prefix(8);
      }
    }
  }
}

// The `size` bytes that `packed` was made of; nothing if it is damaged or holds more or fewer.
std::optional<std::string> inflated(const std::string& packed, std::size_t size) {
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

}  // namespace

bool looks_like_zip(const InputFile& file) {
  return file.size() >= 4 && get<std::uint32_t>(file.read(0, 4), 0) == kLocalSignature;
}

ZipArchive::ZipArchive(const InputFile& file) : file_(file) {
  const Directory directory = find_directory(file);
  add_entries(file.read(directory.offset, directory.size), directory.count);
  limit_entries(directory.offset);
}

void ZipArchive::add_entries(const std::string& directory, std::uint64_t count) {
  std::string_view rest = directory;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (rest.size() < kCentralBytes || get<std::uint32_t>(rest, 0) != kCentralSignature) {
      fail(file_, "the zip archive's directory is damaged");
    }
    const std::size_t name_length = get<std::uint16_t>(rest, 28);
    const std::size_t extra_length = get<std::uint16_t>(rest, 30);
    const std::size_t comment_length = get<std::uint16_t>(rest, 32);
    if (name_length + extra_length + comment_length > rest.size() - kCentralBytes) {
      fail(file_, "the zip archive's directory is damaged");
    }
    CentralSizes sizes{.compressed = get<std::uint32_t>(rest, 20),
                       .size = get<std::uint32_t>(rest, 24),
                       .header = get<std::uint32_t>(rest, 42)};
    apply_zip64_field(file_, rest.substr(kCentralBytes + name_length, extra_length), sizes);
    const auto method = get<std::uint16_t>(rest, 10);
    const bool encrypted = (get<std::uint16_t>(rest, 8) & kEncryptedFlag) != 0;
    const bool stored = method == kStored && !encrypted && sizes.compressed == sizes.size;
    const std::string name(rest.substr(kCentralBytes, name_length));
    const ZipEntry entry{.header = sizes.header,
                         .size = sizes.size,
                         .packed = sizes.compressed,
                         .stored = stored,
                         .deflated = method == kDeflated && !encrypted};
    if (!entries_.emplace(name, entry).second) {
      fail(file_, c10::str("the zip archive holds the entry '", name, "' twice"));
    }
    rest.remove_prefix(kCentralBytes + name_length + extra_length + comment_length);
  }
}

// Entries must not share bytes: else a small file could claim any amount of data.
void ZipArchive::limit_entries(std::uint64_t directory_offset) {
  std::vector<std::pair<std::uint64_t, ZipEntry*>> order;
  for (auto& [name, entry] : entries_) {
    order.emplace_back(entry.header, &entry);
  }
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < order.size(); ++i) {
    ZipEntry& entry = *order[i].second;
    entry.limit = i + 1 < order.size() ? order[i + 1].first : directory_offset;
    if (entry.header > directory_offset || entry.limit - entry.header < kLocalBytes) {
      fail(file_, "entries of the zip archive overlap or lie outside the file");
    }
    // A compressed entry is refused when it is read; its size says nothing about the file.
    if (entry.stored && entry.size > entry.limit - entry.header - kLocalBytes) {
      fail(file_, "entries of the zip archive overlap or lie outside the file");
    }
  }
}

const ZipEntry& ZipArchive::entry(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) {
    fail(file_, c10::str("the zip archive has no entry '", name, "'"));
  }
  return found->second;
}

const ZipEntry& ZipArchive::stored_entry(const std::string& name) const {
  const ZipEntry& found = entry(name);
  if (!found.stored) {
    throw Error({.what = c10::str("the zip entry '", name, "' is compressed or encrypted"),
                 .where = file_.name(),
                 .remedy = "Save the checkpoint with torch.save again, or repack with 'zip -0'."});
  }
  return found;
}

ByteRange ZipArchive::place(const std::string& name) const {
  return place_of(stored_entry(name), name);
}

ByteRange ZipArchive::place_of(const ZipEntry& found, const std::string& name) const {
  const std::string header = file_.read(found.header, kLocalBytes);
  // The local header's own name and padding fields say where the data begins.
  const std::uint64_t start =
      kLocalBytes + get<std::uint16_t>(header, 26) + get<std::uint16_t>(header, 28);
  const std::uint64_t room = found.limit - found.header;
  if (get<std::uint32_t>(header, 0) != kLocalSignature || start > room ||
      found.packed > room - start) {
    fail(file_, c10::str("the zip entry '", name, "' is damaged"));
  }
  return {.offset = found.header + start, .size = found.packed};
}

void ZipArchive::read(const std::string& name, void* destination, std::uint64_t count) const {
  const ByteRange found = place(name);
  if (count > found.size) {
    fail(file_, c10::str("the zip entry '", name, "' is damaged"));
  }
  file_.read(found.offset, destination, count);
}

std::string ZipArchive::read(const std::string& name) const {
  std::string bytes(size(name), '\0');
  read(name, bytes.data(), bytes.size());
  return bytes;
}

std::string ZipArchive::unpack(const std::string& name, std::uint64_t most) const {
  const ZipEntry& found = entry(name);
  if (!found.stored && !found.deflated) {
    throw Error({.what = c10::str("the zip entry '",
                                  name,
                                  "' is encrypted or compressed by a "
                                  "method other than deflate"),
                 .where = file_.name(),
                 .remedy = "Write the archive again without, as numpy.savez does."});
  }
  // What a damaged directory claims must not decide how much memory is taken.
  constexpr std::uint64_t kMostOfZlib = 0x7fffffff;
  const std::uint64_t larger = std::max(found.size, found.packed);
  if (larger > std::min(most, kMostOfZlib)) {
    throw Error({.what = c10::str("the zip entry '", name, "' is too large for what it is"),
                 .where = file_.name(),
                 .expected = c10::str("at most ", most, " bytes"),
                 .got = c10::str(larger)});
  }
  const ByteRange place = place_of(found, name);
  std::string bytes = file_.read(place.offset, place.size);
  if (found.stored) {
    return bytes;
  }
  std::optional<std::string> data = inflated(bytes, found.size);
  if (!data) {
    fail(file_, c10::str("the zip entry '", name, "' is damaged"));
  }
  return *std::move(data);
}

}  // namespace parallax
