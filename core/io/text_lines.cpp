// Lines out of a buffer that is refilled from the file.
#include "core/io/text_lines.h"

#include <algorithm>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 18;
constexpr std::size_t kLongestLine = std::size_t{64} << 20;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

TextLines::TextLines(const std::filesystem::path& path) : file_(path) {}

// Adds a piece of the file to the buffer, in place of the lines that were given; false at the
// file's end.
bool TextLines::fill() {
  const std::uint64_t left = file_.size() - offset_;
  if (left == 0) {
    return false;
  }
  buffer_.erase(0, begin_);
  begin_ = 0;
  if (buffer_.size() > kLongestLine) {
    throw Error({.what = "the line is too long to be text",
                 .where = file_.name() + ", line " + std::to_string(number_ + 1)});
  }
  const std::size_t kept = buffer_.size();
  const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, left));
  buffer_.resize(kept + count);
  file_.read(offset_, buffer_.data() + kept, count);
  offset_ += count;
  return true;
}

bool TextLines::next() {
  std::size_t searched = 0;  // bytes after begin_ that hold no line end
  std::size_t end = std::string::npos;
  while ((end = buffer_.find('\n', begin_ + searched)) == std::string::npos) {
    searched = buffer_.size() - begin_;
    if (!fill()) {
      if (begin_ == buffer_.size()) {
        return false;
      }
      end = buffer_.size();
      break;
    }
  }
  text_ = std::string_view(buffer_).substr(begin_, end - begin_);
  begin_ = std::min(end + 1, buffer_.size());
  ++number_;
  if (number_ == 1 && text_.starts_with(kByteOrderMark)) {
    text_.remove_prefix(kByteOrderMark.size());
  }
  if (text_.ends_with('\r')) {
    text_.remove_suffix(1);
  }
  return true;
}

}  // namespace parallax
