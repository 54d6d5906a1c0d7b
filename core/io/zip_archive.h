// The table of contents of a zip archive whose entries are stored uncompressed, as torch.save
// writes it, or compressed, as numpy.savez_compressed does.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "core/io/input_file.h"

namespace parallax {

// Whether the file begins like a zip archive.
bool looks_like_zip(const InputFile& file);

// Where one entry is stored in the archive, in bytes.
struct ZipEntry {
  std::uint64_t header = 0;  // offset of the local header
  std::uint64_t size = 0;    // of the data
  std::uint64_t packed = 0;  // of what the archive holds of it
  std::uint64_t limit = 0;   // where the next entry, or the central directory, begins
  bool stored = true;        // neither compressed nor encrypted
  bool deflated = false;     // compressed as nearly all archives are, and not encrypted
};

// A zip archive, ZIP64 included. Checksums are not verified: torch.save can be told not to write
// them.
class ZipArchive {
 public:
  // Reads the central directory. Throws Error when it is damaged or entries overlap. `file` must
  // outlive the archive.
  explicit ZipArchive(const InputFile& file);

  const InputFile& file() const { return file_; }
  const std::map<std::string, ZipEntry>& entries() const { return entries_; }
  bool contains(const std::string& name) const { return entries_.contains(name); }

  // The size of the entry's data. Throws Error if there is no such entry or it is compressed or
  // encrypted.
  std::uint64_t size(const std::string& name) const { return stored_entry(name).size; }
  // Where in the file the entry's data is. Throws Error as size() does, and for a damaged entry.
  ByteRange place(const std::string& name) const;
  // Reads the first `count` bytes of the entry, at most its size. Throws Error as place() does.
  void read(const std::string& name, void* destination, std::uint64_t count) const;
  // Reads the whole entry.
  std::string read(const std::string& name) const;
  // The same of an entry that may be compressed and has at most `most` bytes of data.
  std::string unpack(const std::string& name, std::uint64_t most) const;

 private:
  const ZipEntry& entry(const std::string& name) const;
  const ZipEntry& stored_entry(const std::string& name) const;
  ByteRange place_of(const ZipEntry& entry, const std::string& name) const;
  void add_entries(const std::string& directory, std::uint64_t count);
  void limit_entries(std::uint64_t directory_offset);

  const InputFile& file_;
  std::map<std::string, ZipEntry> entries_;
};

}  // namespace parallax
