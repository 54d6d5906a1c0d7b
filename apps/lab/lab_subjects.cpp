// Loading, with each refusal in a sentence.
#include "apps/lab/lab_subjects.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "core/base/paths.h"
#include "vision/images/folder_contents.h"
#include "vision/images/image_loader.h"
#include "vision/models/model_files.h"
#include "vision/scene/formats/load_scene.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;

int64_t changed_seconds(const fs::path& file) {
  std::error_code ignored;
  const auto changed = fs::last_write_time(file, ignored).time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(changed).count();
}

template <class Listings>
bool has_name(const Listings& listings, const std::string& name) {
  return std::any_of(
      listings.begin(), listings.end(), [&](const auto& one) { return one.name == name; });
}

// A file that cannot be read is left to loading, which says so without ending the run.
bool is_classifier(const fs::path& file, const LabData& data) {
  try {
    return holds_model(file, classifier_names());
  } catch (const Error&) {
    return data.scenes.empty();
  }
}

LabModel find_model(const std::string& word, const LabData& data) {
  const ModelWord parsed = parse_model_word(word);
  LabModel model{.word = word};
  if (has_name(list_classifiers(), parsed.where)) {
    model.classifies = true;
    model.file = find_model_file(parsed.where, [] { return std::vector<std::string>(); });
  } else {
    model.file = find_nvs_model(parsed);
    model.classifies = is_classifier(model.file, data);
  }
  model.time = changed_seconds(model.file);
  return model;
}

// As many images of known classes as wanted, evenly over all files; 0: all.
std::vector<ImageFile> choose_images(const ImageFilesOptions& files, int64_t wanted) {
  const int64_t all = count_image_files(files).images;
  const int64_t count = wanted > 0 ? std::min(wanted, all) : all;
  ImageFiles walk(files);
  std::vector<ImageFile> chosen;
  int64_t next = 0;  // the number of the next part, of which the first image is taken
  for (int64_t index = 0; auto file = walk.next(); ++index) {
    if (index * count / std::max<int64_t>(1, all) == next) {
      ++next;
      if (file->truth) {
        chosen.push_back(*std::move(file));
      }
    }
  }
  return chosen;
}

void load_images(const LabOptions& options, const LabData& data, LabSubject& subject) {
  const ClassifierCard& card = subject.classifier->card;
  const ImageFilesOptions files{
      .paths = data.folders, .labels = &card.labels, .truth_file = options.truth};
  const std::vector<ImageFile> chosen = choose_images(files, options.images);
  const int side = card.options.image_size;
  const ImageLoaderOptions loader{
      .view = {.height = side, .width = side, .resize_side = card.resize_side}};
  std::vector<Tensor> pixels;
  for (const ImageFile& file : chosen) {
    const LoadedImage image = load_image(file, loader);
    if (!image.file.error.empty()) {
      fmt::print(stderr, "note: {}: {}\n", file.path.string(), image.file.error);
      continue;
    }
    pixels.push_back(image.pixels);
    subject.images.right.push_back(file.also_right);
    subject.images.right.back().push_back(*file.truth);
  }
  if (pixels.empty()) {
    throw Error(ErrorParts{
        .what = "no image of a class that the model knows",
        .where = data.folders.front(),
        .remedy =
            "Name folders after classes, or name a file of the images' classes with --truth."});
  }
  subject.images.images = torch::stack(pixels);
  subject.images.model = &*subject.classifier;
}

}  // namespace

LabData find_lab_data(const LabOptions& options) {
  LabData data;
  for (const std::string& path : options.paths) {
    std::error_code ignored;
    if (!fs::exists(path, ignored)) {
      throw UsageError(ErrorParts{.what = "there is no such file or folder", .where = path});
    }
    if (fs::is_directory(path, ignored) && !looks_like_scene(path) && holds_images(path)) {
      data.folders.push_back(path);
      continue;
    }
    try {
      data.scenes.push_back(load_scene(path, {.image_folder = options.views.image_folder}));
    } catch (const Error& error) {
      data.failures.emplace_back(error.what());
      fmt::print(stderr, "parallax: {}\n", error.what());
    }
  }
  return data;
}

std::vector<LabModel> find_lab_models(const LabOptions& options, const LabData& data) {
  std::vector<std::string> words = with_distinct_names(options.models);
  if (words.empty()) {
    if (!data.scenes.empty()) {
      for (const ModelListing& listing : list_nvs_models()) {
        words.push_back(listing.name);
      }
    }
    if (!data.folders.empty()) {
      for (const ClassifierListing& listing : list_classifiers()) {
        words.push_back(listing.name);
      }
    }
  }
  std::vector<LabModel> models;
  for (const std::string& word : words) {
    models.push_back(find_model(word, data));
    const bool has_data = models.back().classifies ? !data.folders.empty() : !data.scenes.empty();
    if (!has_data && data.failures.empty()) {
      throw UsageError(
          ErrorParts{.what = models.back().classifies
                                 ? "a classifier needs a folder of images, and none was named"
                                 : "a model of novel views needs a scene, and none was named",
                     .where = "--model " + word});
    }
    if (!has_data) {
      models.pop_back();
    }
  }
  return models;
}

std::unique_ptr<LabSubject> load_lab_subject(const LabOptions& options,
                                             const LabModel& model,
                                             const LabData& data) {
  auto subject = std::make_unique<LabSubject>();
  if (model.classifies) {
    subject->classifier = load_classifier(model.word);
    load_images(options, data, *subject);
    return subject;
  }
  subject->nvs_model = load_nvs_model(model.word);
  subject->nvs.model = &*subject->nvs_model;
  for (const Scene& scene : data.scenes) {
    PreparedScene prepared =
        prepare_scene(scene, *subject->nvs_model, prepare_options(options.views));
    if (prepared.targets.indices.empty()) {
      throw Error(ErrorParts{.what = "every view is an input: none is left to compare with",
                             .where = prepared.name,
                             .remedy = "Use fewer --input-views, or name --target-views."});
    }
    subject->nvs.scenes.push_back(std::move(prepared));
  }
  return subject;
}

}  // namespace parallax
