// The worker's functions, carried out by the engine.
#include "vision/viewer/work_functions.h"

#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "core/base/paths.h"
#include "vision/models/variant_text.h"
#include "vision/models/vit3/model_store.h"
#include "vision/viewer/view_engine.h"
#include "vision/viewer/view_files.h"

namespace parallax::view {
namespace {

// LibTorch's messages are long and meant for its own developers; the worker passes on `what()`, so
// this replaces it.
template <class Function>
auto in_plain_words(Function&& function) {
  try {
    return function();
  } catch (const Stopped&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(plain_message(error));
  }
}

}  // namespace

WorkFunctions make_work_functions(const EngineOptions& options) {
  const auto engine = std::make_shared<ViewEngine>(options);
  WorkFunctions functions;
  functions.detect = [](const std::string& path) {
    return in_plain_words([&] { return DetectedFile{path, detect_file(path)}; });
  };
  functions.open = [engine](const OpenRequest& request, uint64_t id, const WorkControl& control) {
    return in_plain_words([&] { return engine->open(request, id, control); });
  };
  functions.load_model = [engine](const std::string& name, const WorkControl& control) {
    control.progress(0, "loading " + name);
    return in_plain_words([&] { return engine->load_model(name); });
  };
  functions.render = [engine](const FrameRequest& request, bool full, const WorkControl& control) {
    return in_plain_words([&] { return engine->render(request, full, control); });
  };
  functions.begin_task = [engine](const TaskRequest& request) {
    TaskStep step = in_plain_words([&] { return engine->begin_task(request); });
    return TaskStep([step](const WorkControl& control) {
      return in_plain_words([&] { return step(control); });
    });
  };
  functions.set_up_thread = [threads = options.threads] {
    // The window's thread should have priority, which it needs little for, as it mostly sleeps. At
    // a niceness of 10, two other busy processes on the core would leave 5 % of it for the
    // pictures; at 3, they leave 20 %. On Linux each thread has its own niceness.
    setpriority(PRIO_PROCESS, 0, 3);
    if (threads > 0) {
      at::set_num_threads(threads);
    }
  };
  // The program keeps freed memory for the next tensors (apps/compute.cpp): after a table of nine
  // models, several times what stays in use.
  functions.rest = [] { malloc_trim(0); };
  return functions;
}

std::vector<ModelChoice> list_model_choices() {
  std::vector<ModelChoice> choices;
  for (const ModelListing& listing : list_nvs_models()) {
    const std::string& variant = listing.card.options.variant;
    choices.push_back({.name = listing.name,
                       .variant = variant,
                       .summary = full_summary(find_variant(variant)),
                       .reading = listing.card.streamed ? ReadMode::kStreamed : ReadMode::kBatch});
  }
  return choices;
}

std::vector<std::string> list_classifier_choices() {
  std::vector<std::string> names;
  for (const ClassifierListing& listing : list_classifiers()) {
    names.push_back(listing.name);
  }
  const auto standard = std::find(names.begin(), names.end(), kDefaultClassifier);
  if (standard != names.end()) {
    std::rotate(names.begin(), standard, standard + 1);
  }
  return names;
}

std::vector<std::string> list_scene_choices() {
  std::vector<std::string> folders;
  std::error_code error;
  for (std::filesystem::directory_iterator it(assets_folder() / "scenes", error), end;
       !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (it->is_directory(ignored)) {
      folders.push_back(it->path().string());
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

cv::Mat to_bytes(const Image& picture) {
  cv::Mat bytes(picture.height, picture.width, CV_8UC3);
  for (int row = 0; row < picture.height; ++row) {
    auto* out = bytes.ptr<uchar>(row);
    for (int i = 0; i < picture.width * 3; ++i) {
      const float value = picture.rgb[static_cast<size_t>(row) * picture.width * 3 + i];
      out[i] = static_cast<uchar>(std::nearbyint(std::clamp(value, 0.0F, 1.0F) * 255));
    }
  }
  return bytes;
}

Image from_bytes(const cv::Mat& rgb) {
  Image picture{.height = rgb.rows, .width = rgb.cols};
  picture.rgb.reserve(static_cast<size_t>(rgb.rows) * rgb.cols * 3);
  for (int row = 0; row < rgb.rows; ++row) {
    const auto* in = rgb.ptr<uchar>(row);
    for (int i = 0; i < rgb.cols * 3; ++i) {
      picture.rgb.push_back(static_cast<float>(in[i]) / 255.0F);
    }
  }
  return picture;
}

ImagePtr shrunk(const cv::Mat& rgb, int side) {
  const double scale =
      std::min(1.0, static_cast<double>(side) / static_cast<double>(std::max(rgb.rows, rgb.cols)));
  cv::Mat small;
  cv::resize(rgb, small, {}, scale, scale, cv::INTER_AREA);
  return std::make_shared<const Image>(from_bytes(small));
}

}  // namespace parallax::view
