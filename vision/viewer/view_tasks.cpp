// The background tasks on scenes, in small steps.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "core/base/clock.h"
#include "vision/viewer/view_engine.h"

namespace parallax::view {
namespace {

constexpr size_t kCurveViews = 16;  // held-out views averaged for a point of the curve
constexpr int64_t kVideoFramesPerStep = 4;
constexpr int kVideoSide = 256;

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  int count = 0;
  for (const double value : values) {
    if (!std::isnan(value)) {
      sum += value;
      ++count;
    }
  }
  return count > 0 ? sum / count : kUnknown;
}

// A model for a while: all models of a table together may take many times the memory of the one on
// the screen.
struct ModelUse {
  ViewEngine* engine;
  std::string name;

  ~ModelUse() { engine->forget_unless_shown(name); }
};

// The table rows of one model, measured view by view. Both forms of a view are measured in the same
// step, so that a busy moment of the machine does not slow down only one of them.
class TableOfModel {
 public:
  TableOfModel(std::shared_ptr<ViewEngine> engine,
               const SceneData& scene,
               const TableTask& task,
               const std::string& name)
      : engine_(std::move(engine)),
        use_{engine_.get(), name},
        scene_(&scene),
        views_(other_views(scene, task.inputs, kMostTableViews)) {
    const std::string variant = engine_->model(name)->card.options.variant;
    for (const ModelSource& source : task.sources) {
      if (source.model == name) {
        Row row;
        row.shown = {.scene = task.scene,
                     .source = source,
                     .variant = variant,
                     .all_views = static_cast<int>(views_.size())};
        row.reconstruction = engine_->reconstruct(scene, source, task.inputs);
        row.shown.reconstruct_ms = row.reconstruction->milliseconds;
        row.shown.tokens_per_second = row.reconstruction->tokens_per_second;
        rows_.push_back(std::move(row));
      }
    }
  }

  // Measures one more view; returns false after the last.
  bool step(const WorkControl& control) {
    if (next_ >= views_.size()) {
      return false;
    }
    const int view = views_[next_++];
    LoadedViewPtr truth;
    try {
      truth = scene_->images->at(view);
    } catch (const Error&) {
      for (Row& row : rows_) {
        --row.shown.all_views;  // a photograph that cannot be read is no view to compare with
        control.emit(row.shown);
      }
      return next_ < views_.size();
    }
    ++measured_;
    std::vector<Tensor> images;
    // The forms alternate in going first: right after a row is emitted, the window draws it, which
    // slows down the next measurement.
    for (size_t i = 0; i < rows_.size(); ++i) {
      Row& row = rows_[(i + next_) % rows_.size()];
      const auto start = Clock::now();
      const Tensor image =
          engine_->render_cameras(row.shown.source, *row.reconstruction, {truth->camera});
      row.milliseconds.push_back(1000 * seconds_since(start));
      const Quality quality = measure(image[0], *truth);
      row.shown.views.push_back(view);
      row.shown.psnrs.push_back(quality.psnr);
      row.ssims.push_back(quality.ssim);
      row.masked.push_back(quality.masked_psnr);
      images.push_back(image);
    }
    compare_forms(images);
    for (Row& row : rows_) {
      row.shown.mean = {mean_of(row.shown.psnrs), mean_of(row.ssims), mean_of(row.masked)};
      row.shown.view_ms = mean_of(row.milliseconds);
      control.emit(row.shown);
    }
    return next_ < views_.size();
  }

  double share() const {
    return views_.empty() ? 1 : static_cast<double>(next_) / static_cast<double>(views_.size());
  }

 private:
  struct Row {
    TableRow shown;
    ReconstructionPtr reconstruction;
    std::vector<double> ssims;
    std::vector<double> masked;
    std::vector<double> milliseconds;
  };

  // Updates the largest difference and the PSNR of the mean squared error over all views so far.
  void compare_forms(const std::vector<Tensor>& images) {
    if (images.size() != 2) {
      return;
    }
    const FormPair pair = pair_of(rows_[0].shown.source, images[0], images[1]);
    squared_error_ += (images[0] - images[1]).to(torch::kFloat64).square().mean().item<double>();
    largest_ = std::max(largest_, pair.max_absolute);
    for (Row& row : rows_) {
      row.shown.pair = pair;
      row.shown.pair.max_absolute = largest_;
      row.shown.pair.psnr = -10 * std::log10(squared_error_ / static_cast<double>(measured_));
    }
  }

  std::shared_ptr<ViewEngine> engine_;
  ModelUse use_;
  const SceneData* scene_;
  std::vector<int> views_;
  std::vector<Row> rows_;
  size_t next_ = 0;
  size_t measured_ = 0;  // without those that cannot be read
  double squared_error_ = 0;
  double largest_ = 0;
};

bool is_readable(const SceneData& scene, int view) {
  try {
    scene.images->at(view);
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::vector<std::string> models_of(const TableTask& task) {
  std::vector<std::string> names;
  for (const ModelSource& source : task.sources) {
    if (std::find(names.begin(), names.end(), source.model) == names.end()) {
      names.push_back(source.model);
    }
  }
  return names;
}

}  // namespace

TaskStep begin_table(const std::shared_ptr<ViewEngine>& engine, const TableTask& task) {
  struct State {
    SceneDataPtr scene;
    std::vector<std::string> models;
    size_t model = 0;
    std::unique_ptr<TableOfModel> rows;
  };
  const auto state = std::make_shared<State>();
  state->scene = engine->scene(task.scene);
  state->models = models_of(task);
  return [engine, state, task](const WorkControl& control) {
    if (state->model >= state->models.size()) {
      return false;
    }
    const torch::InferenceMode inference;
    const std::string& name = state->models[state->model];
    const auto total = static_cast<double>(state->models.size());
    bool more = false;
    try {
      if (state->rows == nullptr) {
        state->rows = std::make_unique<TableOfModel>(engine, *state->scene, task, name);
        more = true;
      } else {
        more = state->rows->step(control);
      }
      control.progress((static_cast<double>(state->model) + state->rows->share()) / total,
                       "table: " + name);
    } catch (const Stopped&) {
      throw;
    } catch (const std::exception& error) {
      // A model that does not fit the scene must not cost the others their rows.
      control.emit(
          TableRow{.scene = task.scene, .source = {.model = name}, .error = plain_message(error)});
    }
    if (!more) {
      state->rows.reset();
      ++state->model;
    }
    return state->model < state->models.size();
  };
}

TaskStep begin_curve(const std::shared_ptr<ViewEngine>& engine, const CurveTask& task) {
  struct State {
    SceneDataPtr scene;
    std::vector<int> views;  // held out
    size_t inputs = 0;       // read so far
  };
  const auto state = std::make_shared<State>();
  state->scene = engine->scene(task.scene);
  state->views = other_views(*state->scene, task.inputs, kCurveViews);
  std::erase_if(state->views, [&](int view) { return !is_readable(*state->scene, view); });
  return [engine, state, task](const WorkControl& control) {
    if (state->inputs >= task.inputs.size() || state->views.empty()) {
      return false;
    }
    const std::vector<int> read(task.inputs.begin(),
                                task.inputs.begin() + static_cast<int64_t>(++state->inputs));
    std::vector<Camera> cameras;
    for (const int view : state->views) {
      cameras.push_back(state->scene->views.at(view).camera);
    }
    CurvePoint point{
        .scene = task.scene, .model = task.model, .views = static_cast<int>(read.size())};
    for (const ReadMode reading : {ReadMode::kBatch, ReadMode::kStreamed}) {
      control.check();
      const ModelSource source{task.model, Form::kRecurrent, reading};
      // Of the first views alone nothing else is asked.
      const ReconstructionPtr reconstruction =
          read.size() == task.inputs.size() ? engine->reconstruct(*state->scene, source, read)
                                            : engine->read_inputs(*state->scene, source, read);
      const Tensor images = engine->render_cameras(source, *reconstruction, cameras);
      std::vector<double> psnrs;
      for (size_t i = 0; i < state->views.size(); ++i) {
        psnrs.push_back(
            measure(images[static_cast<int64_t>(i)], *state->scene->images->at(state->views[i]))
                .psnr);
      }
      (reading == ReadMode::kBatch ? point.batch_psnr : point.streamed_psnr) = mean_of(psnrs);
    }
    control.emit(point);
    control.progress(static_cast<double>(read.size()) / static_cast<double>(task.inputs.size()),
                     fmt::format("views read: {} of {}", read.size(), task.inputs.size()));
    return state->inputs < task.inputs.size();
  };
}

TaskStep begin_thumbnail(const std::shared_ptr<ViewEngine>& engine, const ThumbnailTask& task) {
  return [engine, task](const WorkControl& control) {
    Thumbnail thumbnail{.scene = task.scene, .view = task.view};
    try {
      const SceneDataPtr scene = engine->scene(task.scene);
      const cv::Mat bytes = to_bytes(*to_view_picture(scene->images->read(task.view)->rgb));
      thumbnail.picture = shrunk(bytes, task.side);
    } catch (const Error&) {
      // The view says so when it is looked at; a scene that was closed meanwhile needs none.
    }
    control.emit(std::move(thumbnail));
    return false;
  };
}

TaskStep begin_video(const std::shared_ptr<ViewEngine>& engine, const VideoTask& task) {
  struct State {
    SceneDataPtr scene;
    size_t source = 0;
    std::vector<cv::Mat> frames;  // of that source
  };
  const auto state = std::make_shared<State>();
  state->scene = engine->scene(task.scene);
  return [engine, state, task](const WorkControl& control) {
    if (state->source >= task.sources.size() || task.cameras.empty()) {
      return false;
    }
    const ModelSource& source = task.sources[state->source];
    const auto start = static_cast<int64_t>(state->frames.size());
    const auto end =
        std::min(start + kVideoFramesPerStep, static_cast<int64_t>(task.cameras.size()));
    const Tensor images =
        engine->render_cameras(source,
                               *engine->reconstruct(*state->scene, source, task.inputs),
                               {task.cameras.begin() + start, task.cameras.begin() + end});
    for (int64_t i = 0; i < images.size(0); ++i) {
      cv::Mat frame = to_bytes(*to_view_picture(images[i]));
      const int factor = std::max(1, kVideoSide / std::min(frame.rows, frame.cols));
      cv::resize(frame, frame, {}, factor, factor, cv::INTER_NEAREST);
      state->frames.push_back(frame);
    }
    const auto done = static_cast<double>(state->source * task.cameras.size() + end);
    control.progress(done / static_cast<double>(task.sources.size() * task.cameras.size()),
                     "path: " + source_label(source));
    if (state->frames.size() == task.cameras.size()) {
      std::string name = "path_" + source_label(source);
      std::replace_if(
          name.begin(), name.end(), [](char c) { return c == ' ' || c == ',' || c == '/'; }, '_');
      const auto path =
          engine->options().write_video(std::filesystem::path(task.folder) / name, state->frames);
      control.emit(VideoWritten{source_label(source), path.string()});
      state->frames.clear();
      ++state->source;
    }
    return state->source < task.sources.size();
  };
}

}  // namespace parallax::view
