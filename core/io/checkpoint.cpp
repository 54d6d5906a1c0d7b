// Tells checkpoint formats apart by their first bytes and names the unsupported ones.
#include "core/io/checkpoint.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/base/error.h"
#include "core/io/input_file.h"
#include "core/io/safetensors.h"
#include "core/io/torch_zip.h"
#include "core/io/zip_archive.h"

namespace parallax {
namespace {

using std::string_view_literals::operator""sv;

struct ForeignFormat {
  std::string_view start;
  const char* what;
  const char* remedy;
};
constexpr const char* kResave =
    "Load it in PyTorch 1.6 or newer and save it again with torch.save(state_dict, path).";
constexpr std::array kForeignFormats = {
    ForeignFormat{"\x80\x02"sv, "this is a PyTorch file of the old, non-zip format", kResave},
    ForeignFormat{"\x80\x03"sv, "this is a bare pickle, not a zip archive", kResave},
    ForeignFormat{"\x80\x04"sv, "this is a bare pickle, not a zip archive", kResave},
    ForeignFormat{"\x80\x05"sv, "this is a bare pickle, not a zip archive", kResave},
    ForeignFormat{"version https://git-lfs"sv,
                  "this is a Git LFS pointer, not the file itself",
                  "Fetch the file with 'git lfs pull'."},
    ForeignFormat{"<"sv, "this is a web page, not a checkpoint", "Download the file itself."},
    ForeignFormat{"\x1f\x8b"sv, "this is a gzip file", "Unpack it with gunzip."},
};

constexpr std::size_t kLongestStart = 32;

[[noreturn]] void refuse(const InputFile& file, const std::string& start) {
  if (start.empty()) {
    throw Error({.what = "the checkpoint is empty", .where = file.name()});
  }
  for (const ForeignFormat& format : kForeignFormats) {
    if (start.starts_with(format.start)) {
      throw Error({.what = format.what, .where = file.name(), .remedy = format.remedy});
    }
  }
  throw Error({.what = "this is not a checkpoint",
               .where = file.name(),
               .expected = "a safetensors file or a PyTorch zip file (.pt, .pth)",
               .got = "unknown content"});
}

}  // namespace

Checkpoint load_checkpoint(const std::filesystem::path& path) {
  const InputFile file(path);
  const std::string start = file.read(0, std::min<std::uint64_t>(file.size(), kLongestStart));
  if (looks_like_safetensors(file)) {
    return load_safetensors(file);
  }
  if (looks_like_zip(file)) {
    return load_torch_zip(file);
  }
  refuse(file, start);
}

}  // namespace parallax
