// Tells checkpoint formats apart by their first bytes and names the unsupported ones.
#include "core/io/checkpoint.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "core/base/error.h"
#include "core/io/input_file.h"
#include "core/io/safetensors.h"
#include "core/io/shards.h"
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
    ForeignFormat{"GGUF"sv,
                  "this is a GGUF file, whose tensors are mostly quantised",
                  "Use the file that it was converted from."},
    ForeignFormat{"\x89HDF\r\n"sv,
                  "this is an HDF5 file",
                  "Load it and save a dictionary of tensors with torch.save."},
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
               .expected = "a safetensors file, a PyTorch zip file (.pt, .pth, .ckpt, .bin) or "
                           "the index of a checkpoint in shards",
               .got = "unknown content"});
}

}  // namespace

namespace {

// Where the weights were, in words.
std::string describe_source(const StoredCheckpoint& stored, const WeightsChoice& choice) {
  std::string text = choice.key.empty() ? "" : "read from '" + choice.key + "'";
  if (!choice.prefix.empty()) {
    text += (text.empty() ? "" : ", ") + ("prefix '" + choice.prefix + "' removed from the names");
  }
  for (const std::string& wrapper : choice.inner) {
    text += (text.empty() ? "" : ", ") + ("'" + wrapper + "' removed inside names");
  }
  if (!choice.others.empty()) {
    text += "; weights are also under ";
    for (const std::string& other : choice.others) {
      text += (&other == choice.others.data() ? "" : ", ") + other;
    }
    text += " (--checkpoint-key chooses)";
  }
  for (const std::string& list : stored.nameless) {
    text += (text.empty() ? "" : "; ") + ("the averaged weights under '" + list +
                                          "' were passed over: a list without names, whose "
                                          "shapes are not those of the named weights");
  }
  return text;
}

std::string start_of(const InputFile& file) {
  return file.read(0, std::min<std::uint64_t>(file.size(), kLongestStart));
}

// Opens a file that holds tensors itself.
StoredCheckpoint open_file(const std::filesystem::path& path, const std::string& key) {
  const auto file = std::make_shared<const InputFile>(path);
  if (looks_like_safetensors(*file)) {
    return open_safetensors(file);
  }
  if (looks_like_zip(*file)) {
    return open_torch_zip(file, key);
  }
  refuse(*file, start_of(*file));
}

}  // namespace

StoredCheckpoint open_checkpoint(const std::filesystem::path& path, const std::string& key) {
  std::error_code ignored;
  const std::filesystem::path file =
      std::filesystem::is_directory(path, ignored) ? find_in_folder(path) : path;
  if (looks_like_shard_index(start_of(InputFile(file)))) {
    return open_shards(read_shard_index(file),
                       [&](const std::filesystem::path& shard) { return open_file(shard, key); });
  }
  return open_file(file, key);
}

Checkpoint read_weights(const StoredCheckpoint& stored, const WeightsChoice& choice) {
  Checkpoint checkpoint{.metadata = stored.metadata, .source = describe_source(stored, choice)};
  for (const auto& [name, tensor] : choice.tensors) {
    checkpoint.tensors.emplace(name, tensor->read());
  }
  return checkpoint;
}

Checkpoint load_checkpoint(const std::filesystem::path& path, const std::string& key) {
  const StoredCheckpoint stored = open_checkpoint(path, key);
  return read_weights(stored, choose_largest(stored, key));
}

}  // namespace parallax
