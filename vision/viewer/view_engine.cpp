// Loads models and renders frames.
#include "vision/viewer/view_engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "core/base/clock.h"
#include "core/base/device.h"
#include "vision/models/variant_text.h"
#include "vision/viewer/camera/camera_control.h"

namespace parallax::view {
namespace {

// Of cached fast weights: those of 40 readings by a bundled model. More of them are hardly ever
// gone back to, and the memory of a long session is to stay flat.
constexpr int64_t kKeptBytes = int64_t{64} << 20;
constexpr size_t kKeptAtLeast = 4;
constexpr size_t kModelsAtLeast = 2;    // in memory, so that two can be compared
constexpr size_t kRecordedAtMost = 16;  // states whose passes stay recorded on a GPU

double milliseconds_since(Clock::time_point start) { return 1000 * seconds_since(start); }

// FNV-1a over the file: distinguishes files of the same name in an image's metadata.
std::string weights_hash(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> block(1 << 20);
  uint64_t hash = 0xcbf29ce484222325U;
  while (file) {
    file.read(block.data(), static_cast<std::streamsize>(block.size()));
    for (std::streamsize i = 0; i < file.gcount(); ++i) {
      hash = (hash ^ static_cast<uchar>(block[static_cast<size_t>(i)])) * 0x100000001b3U;
    }
  }
  return fmt::format("fnv1a64:{:016x}", hash);
}

// Of all memory that the state holds: matrices may share it, and may be parts of larger tensors.
int64_t state_bytes(const SceneState& state) {
  std::map<const void*, int64_t> held;
  for (const InnerState& block : state.blocks) {
    for (FastWeights InnerState::*member : kInnerStateMembers) {
      for (Tensor FastWeights::*matrix : kFastWeightMatrices) {
        const Tensor& w = block.*member.*matrix;
        if (w.defined()) {
          held[w.storage().data()] = static_cast<int64_t>(w.storage().nbytes());
        }
      }
    }
  }
  int64_t bytes = 0;
  for (const auto& [memory, size] : held) {
    bytes += size;
  }
  return bytes;
}

// Drops entries, the oldest of which are last, beyond so many bytes in all; never the first few.
template <class Entry, class BytesOf>
void forget_oldest(std::list<Entry>& kept,
                   size_t at_least,
                   int64_t most_bytes,
                   const BytesOf& bytes_of) {
  int64_t bytes = 0;
  size_t count = 0;
  kept.remove_if([&](const Entry& entry) {
    bytes += bytes_of(entry);
    return ++count > at_least && bytes > most_bytes;
  });
}

// On a GPU, recorded passes take more memory than fast weights: only the newest keep theirs.
template <class Entries>
void forget_old_recordings(const Entries& kept) {
  size_t count = 0;
  for (const auto& entry : kept) {
    if (++count > kRecordedAtMost) {
      entry.reconstruction->state.captured->forget();
    }
  }
}

// The camera at half the size, in whole patches, at least one.
Camera low_resolution(const Camera& camera, int patch) {
  const auto half = [&](int side) { return std::max(side / 2 / patch, 1) * patch; };
  return resize_camera(camera, half(camera.height), half(camera.width));
}

int nearest_input(const SceneData& scene, const FrameRequest& request) {
  int nearest = -1;
  double smallest = std::numeric_limits<double>::infinity();
  for (const int view : request.inputs) {
    const double distance =
        cv::norm(scene.views.at(view).camera.position() - request.camera.position());
    if (distance < smallest) {
      smallest = distance;
      nearest = view;
    }
  }
  return nearest;
}

// Null for a photograph that cannot be read.
ImagePtr readable_picture(const SceneData& scene, int view) {
  try {
    return to_view_picture(scene.images->at(view)->rgb);
  } catch (const Error&) {
    return nullptr;
  }
}

void add_pairs(const std::vector<std::pair<ModelSource, Tensor>>& images, Frame& frame) {
  for (const auto& [source, image] : images) {
    if (source.form != Form::kRecurrent) {
      continue;
    }
    const auto other = std::find_if(images.begin(), images.end(), [&](const auto& entry) {
      return entry.first == other_form(source);
    });
    if (other != images.end()) {
      frame.pairs.push_back(pair_of(source, image, other->second));
    }
  }
  for (const SourceFrame& shown : frame.sources) {
    if (!shown.error.empty()) {
      ModelSource source = shown.source;
      source.form = Form::kRecurrent;
      frame.pairs.push_back({.source = source, .missing = shown.error});
    }
  }
}

}  // namespace

ViewEngine::ViewEngine(const EngineOptions& options)
    : options_(options), device_(parse_device(options.device)) {}

SceneDataPtr ViewEngine::scene(uint64_t id) const {
  const std::lock_guard lock(mutex_);
  if (scene_ == nullptr || scene_->id != id) {
    throw Error("the scene is no longer open");
  }
  return scene_;
}

ModelPtr ViewEngine::loaded_model(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(
      models_.begin(), models_.end(), [&](const auto& entry) { return entry.first == name; });
  if (found == models_.end()) {
    return nullptr;
  }
  models_.splice(models_.begin(), models_, found);
  return models_.front().second;
}

ModelPtr ViewEngine::model(const std::string& name) {
  if (ModelPtr loaded = loaded_model(name)) {
    return loaded;
  }
  const auto loaded = std::make_shared<NvsModel>(load_nvs_model(name));
  loaded->module->to(device_);
  const std::lock_guard lock(mutex_);
  models_.emplace_front(name, loaded);
  forget_oldest(models_, kModelsAtLeast, options_.model_bytes, [](const auto& entry) {
    return estimate_weight_bytes(entry.second->card.options);
  });
  return loaded;
}

void ViewEngine::forget_unless_shown(const std::string& name) {
  {
    const std::lock_guard lock(mutex_);
    if (shown_.contains(name)) {
      return;
    }
    models_.remove_if([&](const auto& entry) { return entry.first == name; });
  }
  kept_.remove_if([&](const CacheEntry& kept) { return kept.source.model == name; });
}

ModelLoaded ViewEngine::load_model(const std::string& name) {
  const ModelPtr loaded = model(name);
  {
    const std::lock_guard lock(mutex_);
    shown_.insert(name);
  }
  const LactNvsOptions& options = loaded->card.options;
  return {{.name = name,
           .variant = options.variant,
           .summary = full_summary(find_variant(options.variant)),
           .hash = weights_hash(loaded->path),
           .reading = loaded->card.streamed ? ReadMode::kStreamed : ReadMode::kBatch},
          options.layers};
}

ReconstructionPtr ViewEngine::reconstruct(const SceneData& scene,
                                          const ModelSource& source,
                                          const std::vector<int>& inputs) {
  const auto found = std::find_if(kept_.begin(), kept_.end(), [&](const CacheEntry& kept) {
    return kept.scene == scene.id && kept.source == source && kept.inputs == inputs;
  });
  if (found != kept_.end()) {
    kept_.splice(kept_.begin(), kept_, found);
    forget_old_recordings(kept_);
    return kept_.front().reconstruction;
  }
  const ReconstructionPtr result = read_inputs(scene, source, inputs);
  keep({scene.id, source, inputs, result, state_bytes(result->state)});
  return result;
}

ReconstructionPtr ViewEngine::read_inputs(const SceneData& scene,
                                          const ModelSource& source,
                                          const std::vector<int>& inputs) {
  const torch::InferenceMode inference;
  const ModelPtr model = this->model(source.model);
  const int patch = model->card.options.patch_size;
  const auto result = std::make_shared<Reconstruction>();
  std::vector<std::string> notes;
  result->transform = choose_pose_transform(scene.scene,
                                            model->card,
                                            parse_pose_normalisation(scene.request.normalise_poses),
                                            inputs,
                                            notes);
  const InputBatch batch = gather_inputs(scene, inputs, result->transform, device_);
  const ScopedRule rule(*model->module, changed_rule(model->module->rule(), source.change));
  const auto start = Clock::now();
  result->state =
      source.reading == ReadMode::kStreamed
          ? model->module->reconstruct_streamed(batch.images, batch.cameras, source.form)
          : model->module->reconstruct(batch.images, batch.cameras, source.form);
  wait_for(device_);
  result->milliseconds = milliseconds_since(start);
  const double tokens = static_cast<double>(inputs.size()) *
                        static_cast<double>(batch.cameras.height / patch) *
                        static_cast<double>(batch.cameras.width / patch);
  result->tokens_per_second = tokens / (result->milliseconds / 1000);
  return result;
}

void ViewEngine::keep(CacheEntry kept) {
  kept_.push_front(std::move(kept));
  forget_old_recordings(kept_);
  forget_oldest(
      kept_, kKeptAtLeast, kKeptBytes, [](const CacheEntry& entry) { return entry.bytes; });
}

Tensor ViewEngine::render_cameras(const ModelSource& source,
                                  const Reconstruction& reconstruction,
                                  const std::vector<Camera>& cameras) {
  const torch::InferenceMode inference;
  const ModelPtr model = this->model(source.model);
  std::vector<Camera> mapped;
  for (const Camera& camera : cameras) {
    mapped.push_back(reconstruction.transform.apply(camera));
  }
  const ScopedRule rule(*model->module, changed_rule(model->module->rule(), source.change));
  return parallax::render_cameras(*model, reconstruction.state, mapped, {.device = device_});
}

SourceFrame ViewEngine::render_source(const SceneData& scene,
                                      const ModelSource& source,
                                      const FrameRequest& request,
                                      const Camera& camera,
                                      Tensor& image) {
  SourceFrame frame{.source = source};
  try {
    const ReconstructionPtr reconstruction = reconstruct(scene, source, request.inputs);
    frame.reconstruct_ms = reconstruction->milliseconds;
    const auto start = Clock::now();
    const Tensor images = render_cameras(source, *reconstruction, {camera});
    frame.render_ms = milliseconds_since(start);
    const int patch = model(source.model)->card.options.patch_size;
    const double tokens = static_cast<double>(camera.height / patch) * (camera.width / patch);
    frame.tokens_per_second = tokens / (frame.render_ms / 1000);
    image = images[0];
    frame.picture = to_view_picture(image);
  } catch (const std::exception& error) {
    frame.error = plain_message(error);
  }
  return frame;
}

Frame ViewEngine::render(const FrameRequest& request, bool full, const WorkControl& control) {
  const torch::InferenceMode inference;
  const auto begin = Clock::now();
  const SceneDataPtr data = scene(request.scene);
  Frame frame{.scene = request.scene, .camera = request.camera, .view = request.view};
  frame.nearest_view = nearest_input(*data, request);
  if (frame.nearest_view >= 0) {
    frame.nearest = readable_picture(*data, frame.nearest_view);
  }
  LoadedViewPtr truth;
  if (request.view >= 0) {
    try {
      truth = data->images->at(request.view);
      frame.truth = to_view_picture(truth->rgb);
    } catch (const Error& error) {
      frame.truth_error = error.what();
    }
  }
  std::vector<ModelSource> sources = request.sources;
  {
    const std::lock_guard lock(mutex_);
    shown_.clear();
    for (const ModelSource& source : sources) {
      shown_.insert(source.model);
    }
  }
  if (full) {
    sources.insert(sources.end(), request.counterparts.begin(), request.counterparts.end());
  }
  std::vector<std::pair<ModelSource, Tensor>> images;
  for (const ModelSource& source : sources) {
    control.check();
    const int patch = model(source.model)->card.options.patch_size;
    const Camera camera = full ? request.camera : low_resolution(request.camera, patch);
    Tensor image;
    frame.sources.push_back(render_source(*data, source, request, camera, image));
    if (image.defined() && full) {
      images.emplace_back(source, image.unsqueeze(0));
      if (truth != nullptr) {
        frame.sources.back().quality = measure(image, *truth);
      }
    }
  }
  add_pairs(images, frame);
  frame.seconds = seconds_since(begin);
  return frame;
}

TaskStep ViewEngine::begin_task(const TaskRequest& request) {
  const auto self = shared_from_this();
  if (const auto* table = std::get_if<TableTask>(&request)) {
    return begin_table(self, *table);
  }
  if (const auto* curve = std::get_if<CurveTask>(&request)) {
    return begin_curve(self, *curve);
  }
  if (const auto* thumbnail = std::get_if<ThumbnailTask>(&request)) {
    return begin_thumbnail(self, *thumbnail);
  }
  if (const auto* video = std::get_if<VideoTask>(&request)) {
    return begin_video(self, *video);
  }
  if (const auto* classify = std::get_if<ClassifyFolderTask>(&request)) {
    return begin_classify(*classify, device_);
  }
  if (const auto* projection = std::get_if<ProjectionTask>(&request)) {
    return begin_projection(self, *projection);
  }
  if (const auto* photos = std::get_if<PhotosTask>(&request)) {
    return begin_photos(*photos);
  }
  return begin_large_image(std::get<LargeImageTask>(request));
}

}  // namespace parallax::view
