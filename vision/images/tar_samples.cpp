// Groups an archive's members by their names up to the first dot.
#include "vision/images/tar_samples.h"

#include <cstdlib>
#include <utility>

#include "core/base/error.h"
#include "core/base/lower_case.h"
#include "core/image/image_extension.h"
#include "vision/images/folder_contents.h"

namespace parallax {
namespace {

constexpr std::uint64_t kLongestLabel = 32;
constexpr size_t kMostImages = 64;  // of a sample; more are of several

// The name up to the first dot of its last part.
std::string sample_key(const std::string& name) {
  const size_t slash = name.rfind('/');
  return name.substr(0, name.find('.', slash == std::string::npos ? 0 : slash));
}

std::optional<int> parse_label(const std::string& text) {
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  while (*end == '\n' || *end == '\r' || *end == ' ') {
    ++end;
  }
  const bool whole = end != text.c_str() && *end == '\0' && value >= 0 && value < 1L << 30;
  return whole ? std::optional(static_cast<int>(value)) : std::nullopt;
}

}  // namespace

bool is_tar_file(const std::filesystem::path& path) {
  return lower_case(path.extension().string()) == ".tar";
}

// Reads members up to the first one of another sample. What is damaged is told once the images
// before it are given.
void TarSamples::read_sample() {
  if (!begun_) {
    begun_ = true;
    ahead_ = archive_.next();
  }
  const std::string key = ahead_ ? sample_key(ahead_->name) : "";
  std::optional<int> label;
  while (ahead_ && sample_key(ahead_->name) == key && images_.size() < kMostImages) {
    const TarMember member = *std::exchange(ahead_, std::nullopt);
    const std::filesystem::path name(member.name);
    if (has_image_extension(name) && !is_macos_companion(name)) {
      images_.push_back({.name = member.name, .data = member.data});
    } else if (name.extension() == ".cls" && member.data.size <= kLongestLabel) {
      label = parse_label(archive_.file().read(member.data.offset, member.data.size));
    }
    try {
      ahead_ = archive_.next();
    } catch (const Error&) {
      if (images_.empty()) {
        throw;
      }
      begun_ = false;  // the next call comes to the same place and throws
      break;
    }
  }
  for (TarImage& image : images_) {
    image.label = label;
  }
}

std::optional<TarImage> TarSamples::next() {
  while (images_.empty()) {
    read_sample();
    if (images_.empty() && !ahead_) {
      return std::nullopt;
    }
  }
  TarImage image = std::move(images_.front());
  images_.pop_front();
  return image;
}

}  // namespace parallax
