// Classifies a folder of images in both forms, one image per step.
#include <algorithm>

#include "core/image/image.h"
#include "vision/images/image_loader.h"
#include "vision/models/vit3/model_store.h"
#include "vision/viewer/view_engine.h"

namespace parallax::view {
namespace {

constexpr int kThumbnailSide = 48;
constexpr int kLargeSide = 512;  // largest longer side of the selected image, in pixels
constexpr int kTopClasses = 5;
constexpr int kMaxImages = 100000;
constexpr int kMaxThumbnails = 4000;  // further rows show none, which bounds memory

struct Folder {
  Classifier model;
  ClassifierView view;
  std::vector<ImageFile> files;
  size_t next = 0;
  torch::Device device = torch::kCPU;
};

std::vector<ImageFile> list_images(const std::string& folder, const ClassLabels& labels) {
  ImageFiles walk({.paths = {folder}, .labels = &labels});
  std::vector<ImageFile> files;
  while (const auto file = walk.next()) {
    files.push_back(*file);
    if (files.size() >= kMaxImages) {
      break;
    }
  }
  return files;
}

void classify_image(Folder& folder, const cv::Mat& crop, ClassifiedRow& row) {
  const torch::InferenceMode inference;
  const ClassLabels& labels = folder.model.card.labels;
  const Tensor input = normalised_image(crop).unsqueeze(0).to(folder.device);
  const auto probabilities = [&](Form form) {
    return folder.model.module->forward(input, {.form = form})
        .to(torch::kCPU, torch::kFloat32)
        .softmax(1)[0];
  };
  const Tensor recurrent = probabilities(Form::kRecurrent);
  const Tensor parallel = probabilities(Form::kParallel);
  const Tensor indices =
      std::get<1>(parallel.topk(std::min<int64_t>(kTopClasses, parallel.size(0))));
  for (int64_t i = 0; i < indices.size(0); ++i) {
    const auto index = indices[i].item<int64_t>();
    row.top.push_back({labels.short_name(static_cast<int>(index)),
                       recurrent[index].item<float>(),
                       parallel[index].item<float>()});
  }
  row.parallel_top1 = labels.short_name(static_cast<int>(parallel.argmax().item<int64_t>()));
  row.recurrent_top1 = labels.short_name(static_cast<int>(recurrent.argmax().item<int64_t>()));
  row.largest_difference = (recurrent - parallel).abs().max().item<float>();
}

ClassifiedRow classify_next(Folder& folder) {
  const ImageFile& file = folder.files[folder.next];
  ClassifiedRow row{
      .index = static_cast<int>(folder.next), .path = file.path.string(), .error = file.error};
  if (file.truth) {
    row.truth = folder.model.card.labels.short_name(*file.truth);
  }
  if (!row.error.empty()) {
    return row;
  }
  try {
    const StoredImage image = read_stored_image(file.path);
    if (row.index < kMaxThumbnails) {
      row.thumbnail = shrunk(composite_on(upright(image), {255, 255, 255}), kThumbnailSide);
    }
    // As stored, as `parallax classify` does.
    classify_image(folder, crop_for_classifier(image.pixels, folder.view), row);
  } catch (const std::exception& error) {
    row.error = plain_message(error);
  }
  return row;
}

}  // namespace

TaskStep begin_classify(const ClassifyFolderTask& task, torch::Device device) {
  const auto folder = std::make_shared<Folder>();
  folder->device = device;
  folder->model =
      load_classifier(task.model.empty() ? classifier_for_variant(task.variant) : task.model,
                      task.model.empty() ? "" : task.variant);
  folder->model.module->to(device);
  const ClassifierCard& card = folder->model.card;
  folder->view = {.height = card.options.image_size,
                  .width = card.options.image_size,
                  .resize_side = card.resize_side};
  folder->files = list_images(task.folder, card.labels);
  if (folder->files.empty()) {
    throw Error(ErrorParts{.what = "there are no images in this folder", .where = task.folder});
  }
  const auto started = std::make_shared<bool>(false);
  return [folder, task, started](const WorkControl& control) {
    const size_t count = folder->files.size();
    if (!*started) {
      *started = true;
      control.emit(ClassifyStarted{task.folder, folder->model.name, static_cast<int>(count)});
    }
    control.emit(classify_next(*folder));
    ++folder->next;
    control.progress(static_cast<double>(folder->next) / static_cast<double>(count), "classify");
    return folder->next < count;
  };
}

TaskStep begin_large_image(const LargeImageTask& task) {
  return [task](const WorkControl& control) {
    const cv::Mat image = composite_on(read_image(task.path), {255, 255, 255});
    control.emit(LargeImage{task.path, shrunk(image, kLargeSide)});
    return false;
  };
}

}  // namespace parallax::view
