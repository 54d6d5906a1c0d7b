// Scenes of photographs as a background task: COLMAP runs beside the other tasks.
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "vision/reconstruction/reconstruct.h"
#include "vision/viewer/view_engine.h"

namespace parallax::view {
namespace {

// How long a step waits for COLMAP before other tasks have their turn.
constexpr std::chrono::milliseconds kStepTime(50);

// A reconstruction on a thread of its own. Its end stops the thread, which stops COLMAP.
struct PhotosRun {
  std::mutex mutex;  // guards what follows
  std::condition_variable changed;
  std::string stage;
  double share = 0;
  bool ended = false;
  PhotoReconstruction made;
  std::exception_ptr error;
  std::jthread thread;  // last: it ends before what it uses
};

void run_photos(const std::stop_token& stop, PhotosRun& run, const PhotosTask& task) {
  PhotoReconstruction made;
  std::exception_ptr error;
  try {
    made = reconstruct({.photos = task.folder,
                        .output = task.output,
                        .on_progress =
                            [&](const std::string& stage, int done, int total) {
                              const std::lock_guard lock(run.mutex);
                              run.stage = stage;
                              run.share = total > 0 ? static_cast<double>(done) / total : 0;
                            },
                        .should_stop = [&] { return stop.stop_requested(); }});
  } catch (...) {
    error = std::current_exception();
  }
  const std::lock_guard lock(run.mutex);
  run.made = std::move(made);
  run.error = error;
  run.ended = true;
  run.changed.notify_all();
}

}  // namespace

TaskStep begin_photos(const PhotosTask& task) {
  const auto run = std::make_shared<PhotosRun>();
  return [run, task](const WorkControl& control) {
    if (!run->thread.joinable()) {
      run->thread = std::jthread(
          [&state = *run, task](const std::stop_token& stop) { run_photos(stop, state, task); });
    }
    std::unique_lock lock(run->mutex);
    run->changed.wait_for(lock, kStepTime, [&] { return run->ended; });
    if (!run->ended) {
      control.progress(run->share, "cameras of photographs: " + run->stage);
      return true;
    }
    if (run->error) {
      std::rethrow_exception(run->error);
    }
    control.emit(SceneOfPhotos{task.output, run->made.notes});
    return false;
  };
}

}  // namespace parallax::view
