// The members of a tar archive, one after the other, without unpacking it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/io/input_file.h"

namespace parallax {

// A file in an archive.
struct TarMember {
  std::string name;  // its path in the archive
  ByteRange data;    // where in the archive its content is
};

// Reads POSIX's ustar and pax, and GNU's long names. Holds one member's header at a time.
class TarArchive {
 public:
  // Throws Error when the file is missing, unreadable, or not a regular file.
  explicit TarArchive(const std::filesystem::path& path);

  // The next regular file; empty after the last one. Throws Error naming the archive where it is no
  // tar archive, damaged or cut off, a compressed one included.
  std::optional<TarMember> next();

  const InputFile& file() const { return *file_; }

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& remedy) const;
  std::string read_text(const ByteRange& range) const;

  std::unique_ptr<const InputFile> file_;
  std::uint64_t offset_ = 0;  // of the next header
};

}  // namespace parallax
