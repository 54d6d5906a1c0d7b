// Decodes images into a cache file and maps it.
#include "vision/train/classify/image_set.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/base/paths.h"
#include "core/image/image.h"
#include "core/io/atomic_file.h"
#include "vision/images/image_files.h"
#include "vision/images/image_loader.h"
#include "vision/synth/random.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBatch = 64;
constexpr uint64_t kCacheVersion = 1;  // of the format and of how images are resized

std::vector<ImageFile> list_images(const fs::path& folder, const ClassLabels& labels) {
  ImageFiles files({.paths = {folder.string()}, .labels = &labels});
  std::vector<ImageFile> found;
  while (auto file = files.next()) {
    if (file->truth) {
      found.push_back(std::move(*file));
    }
  }
  return found;
}

// A hash that changes with the path, size or time of any image.
std::string fingerprint(const std::vector<ImageFile>& files, const fs::path& folder, int side) {
  uint64_t hash = mix_bits(kCacheVersion * 65536 + static_cast<uint64_t>(side));
  const auto add = [&](uint64_t value) { hash = mix_bits(hash ^ mix_bits(value)); };
  for (const ImageFile& file : files) {
    for (const char c : file.path.lexically_relative(folder).string()) {
      add(static_cast<unsigned char>(c));
    }
    struct stat status {};
    if (::stat(file.path.c_str(), &status) == 0) {
      add(static_cast<uint64_t>(status.st_size));
      add(static_cast<uint64_t>(status.st_mtim.tv_sec));
    }
  }
  return fmt::format("{:016x}", hash);
}

// Writes the images one after the other, and a list of unreadable ones next to them.
void write_cache(const fs::path& path,
                 const std::vector<ImageFile>& files,
                 const ImageSetOptions& options) {
  AtomicFile file(path);
  nlohmann::json skipped = nlohmann::json::array();
  const auto bytes = static_cast<size_t>(options.side) * static_cast<size_t>(options.side) * 3;
  const std::string blank(bytes, '\0');
  const ImageLoaderOptions loader_options{
      .view = {.height = options.side, .width = options.side, .resize_side = options.side},
      .workers = options.workers,
      .ahead = 2 * kBatch,
      .normalise = false};
  size_t next = 0;
  ImageLoader loader(
      [&]() -> std::optional<ImageFile> {
        return next < files.size() ? std::optional(files[next++]) : std::nullopt;
      },
      loader_options);
  int64_t done = 0;
  for (auto batch = loader.next_batch(kBatch); !batch.empty(); batch = loader.next_batch(kBatch)) {
    for (const LoadedImage& image : batch) {
      if (image.pixels.defined()) {
        file.write(image.pixels.data_ptr(), bytes);
      } else {
        skipped.push_back({done, image.file.error});
        file.write(blank.data(), bytes);
      }
      ++done;
      if (options.on_image) {
        options.on_image(done, static_cast<int64_t>(files.size()));
      }
    }
  }
  // The list comes first: images without a list would all be considered readable.
  fs::path list = path;
  write_file_atomically(list.replace_extension(".json"), dump_json(skipped));
  file.commit();
}

}  // namespace

ClassLabels labels_of_folder(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory()) {
      names.push_back(entry.path().filename().string());
    }
  }
  if (names.empty()) {
    throw Error(ErrorParts{.what = error ? "the folder cannot be read: " + error.message()
                                         : "the folder has no sub-folders, which name the classes",
                           .where = folder.string()});
  }
  std::sort(names.begin(), names.end());
  const ClassLabels imagenet = imagenet_labels();
  std::vector<ClassLabel> labels;
  for (const std::string& name : names) {
    const auto known = imagenet.find(name);
    labels.push_back(known && imagenet[*known].id == name ? imagenet[*known]
                                                          : ClassLabel{"", name});
  }
  return ClassLabels(std::move(labels));
}

ImageSet load_image_set(const fs::path& folder,
                        const ClassLabels& labels,
                        const ImageSetOptions& options) {
  const std::vector<ImageFile> files = list_images(folder, labels);
  if (files.empty()) {
    throw Error(ErrorParts{.what = "there are no images of known classes",
                           .where = folder.string(),
                           .expected = "one sub-folder of images per class"});
  }
  const fs::path cache = options.cache.empty() ? user_cache_folder() / "images" : options.cache;
  create_folder(cache);
  const fs::path path = cache / (fingerprint(files, folder, options.side) + ".pixels");
  const int64_t count = static_cast<int64_t>(files.size());
  const int64_t bytes = count * options.side * options.side * 3;
  std::error_code error;
  if (static_cast<int64_t>(fs::file_size(path, error)) != bytes || error) {
    write_cache(path, files, options);
  }
  ImageSet set{.pixels = torch::from_file(path.string(), false, bytes, torch::kUInt8)
                             .view({count, options.side, options.side, 3})};
  for (const ImageFile& file : files) {
    set.classes.push_back(*file.truth);
  }
  fs::path list = path;
  std::ifstream stream(list.replace_extension(".json"));
  const nlohmann::json skipped = nlohmann::json::parse(stream, nullptr, false);
  std::vector<int64_t> good;
  std::vector<int> good_classes;
  size_t next_bad = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (next_bad < skipped.size() && skipped[next_bad].at(0) == i) {
      set.skipped.push_back(files[static_cast<size_t>(i)].path.string() + ": " +
                            skipped[next_bad++].at(1).get<std::string>());
    } else {
      good.push_back(i);
      good_classes.push_back(set.classes[static_cast<size_t>(i)]);
    }
  }
  if (!set.skipped.empty()) {
    set.pixels = set.pixels.index_select(0, torch::tensor(good));
    set.classes = good_classes;
  }
  return set;
}

}  // namespace parallax
