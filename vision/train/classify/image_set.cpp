// Decodes images into a cache file.
#include "vision/train/classify/image_set.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "core/base/error.h"
#include "core/base/json_text.h"
#include "core/base/paths.h"
#include "core/image/image.h"
#include "core/io/atomic_file.h"
#include "vision/images/folder_contents.h"
#include "vision/images/image_files.h"
#include "vision/images/image_loader.h"
#include "vision/images/truth_finder.h"
#include "vision/synth/random.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

constexpr size_t kBatch = 64;
constexpr uint64_t kCacheVersion = 2;  // of the format and of how images are read and resized

std::vector<ImageFile> list_labelled_images(const fs::path& folder,
                                            const ClassLabels& labels,
                                            const fs::path& truth_file,
                                            ImageSet& set) {
  ImageFiles files(
      {.paths = {folder.string()}, .labels = &labels, .truth_file = truth_file, .archives = true});
  std::vector<ImageFile> found;
  while (auto file = files.next()) {
    if (file->truth) {
      found.push_back(std::move(*file));
    } else {
      ++set.unlabelled;
    }
  }
  set.notes = files.notes();
  return found;
}

// A hash that changes with the path, size or time of any image or archive.
std::string image_set_fingerprint(const std::vector<ImageFile>& files,
                                  const fs::path& folder,
                                  int side) {
  uint64_t hash = mix_bits(kCacheVersion * 65536 + static_cast<uint64_t>(side));
  const auto add = [&](uint64_t value) { hash = mix_bits(hash ^ mix_bits(value)); };
  for (const ImageFile& file : files) {
    for (const char c : file.path.lexically_relative(folder).string()) {
      add(static_cast<unsigned char>(c));
    }
    struct stat status {};
    if (::stat((file.archive.empty() ? file.path : file.archive).c_str(), &status) == 0) {
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

// An image that could not be read when the cache was made.
struct SkippedImage {
  size_t image = 0;
  std::string reason;
};

// The list beside the cache. Throws Error if it is damaged: blanks would be trained on.
std::vector<SkippedImage> read_skipped(fs::path path) {
  path.replace_extension(".json");
  const InputFile file(path);
  std::vector<SkippedImage> skipped;
  try {
    for (const nlohmann::json& entry : parse_json(file.read(0, file.size()), path.string())) {
      skipped.push_back({entry.at(0).get<size_t>(), entry.at(1).get<std::string>()});
    }
  } catch (const nlohmann::json::exception&) {
    throw Error(
        ErrorParts{.what = "the list of images that cannot be read is damaged",
                   .where = path.string(),
                   .remedy = "Remove it and the file of pixels beside it; they are made anew."});
  }
  return skipped;
}

}  // namespace

cv::Mat ImageSet::pixels(int64_t image) const {
  cv::Mat read(side, side, CV_8UC3);
  file->read(offsets.at(static_cast<size_t>(image)), read.data, read.total() * read.elemSize());
  return read;
}

TrainingClasses training_classes(const fs::path& folder, const fs::path& truth_file) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    throw Error(ErrorParts{.what = "there is no such folder", .where = folder.string()});
  }
  TrainingClasses classes{.truth_file = truth_file};
  if (truth_file.empty()) {
    ClassFolders folders = class_folders(folder);
    classes.without_images = std::move(folders.without_images);
    classes.truth_file = folders.names.size() < 2 ? find_truth_file(folder) : "";
    if (classes.truth_file.empty()) {
      classes.labels = labels_of_words(folders.names);
    }
  }
  if (!classes.truth_file.empty()) {
    classes.labels = labels_of_truth_table(read_truth_table(classes.truth_file));
  }
  if (classes.labels.size() == 0) {
    throw Error(ErrorParts{.what = "no sub-folder with images names a class",
                           .where = folder.string(),
                           .expected = "one sub-folder of images per class, or a file of labels "
                                       "beside the images"});
  }
  return classes;
}

ImageSet load_image_set(const fs::path& folder,
                        const ClassLabels& labels,
                        const ImageSetOptions& options) {
  ImageSet set;
  const std::vector<ImageFile> files =
      list_labelled_images(folder, labels, options.truth_file, set);
  if (files.empty()) {
    throw Error(ErrorParts{.what = "there are no images of known classes",
                           .where = folder.string(),
                           .expected = "one sub-folder of images per class, or a file of labels "
                                       "beside the images",
                           .got = fmt::format("{} images of no known class", set.unlabelled)});
  }
  const fs::path cache = options.cache.empty() ? user_cache_folder() / "images" : options.cache;
  create_folder(cache);
  const fs::path path = cache / (image_set_fingerprint(files, folder, options.side) + ".pixels");
  const auto bytes = static_cast<uint64_t>(options.side) * static_cast<uint64_t>(options.side) * 3;
  std::error_code error;
  if (fs::file_size(path, error) != files.size() * bytes || error) {
    write_cache(path, files, options);
  }
  set.side = options.side;
  set.file = std::make_shared<const InputFile>(path);
  const std::vector<SkippedImage> skipped = read_skipped(path);
  size_t next_bad = 0;
  for (size_t i = 0; i < files.size(); ++i) {
    if (next_bad < skipped.size() && skipped[next_bad].image == i) {
      set.skipped.push_back(files[i].path.string() + ": " + skipped[next_bad++].reason);
    } else {
      set.offsets.push_back(i * bytes);
      set.classes.push_back(*files[i].truth);
    }
  }
  return set;
}

}  // namespace parallax
