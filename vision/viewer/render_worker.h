// The viewer's other threads: one that loads scenes and models, one that renders. The caller never
// waits: requests are handed over by value and results are fetched as events.
//
// Rendering: the newest camera wins, low resolution first and then full; work in the background is
// done in small steps while no frame is wanted. What is being done for a request that has become
// void is asked to stop and its results are dropped.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "vision/viewer/view_data.h"

namespace parallax::view {

// Thrown out of work that was asked to stop.
struct Stopped {};

// What a function of the worker may ask and tell while it works.
class WorkControl {
 public:
  WorkControl(std::function<bool()> stopped,
              std::function<void(Event)> emit,
              WorkQueue lane,
              uint64_t id)
      : stopped_(std::move(stopped)), emit_(std::move(emit)), lane_(lane), id_(id) {}

  bool stopped() const { return stopped_(); }
  // Throws Stopped if so.
  void check() const {
    if (stopped()) {
      throw Stopped{};
    }
  }
  void progress(double share, const std::string& text) const {
    emit_(TaskProgress{lane_, id_, share, text});
  }
  void emit(Event event) const { emit_(std::move(event)); }

 private:
  std::function<bool()> stopped_;
  std::function<void(Event)> emit_;
  WorkQueue lane_;
  uint64_t id_;
};

// One small step of a task; false: that was the last.
using TaskStep = std::function<bool(const WorkControl&)>;

// A path to look at.
struct DetectRequest {
  std::string path;
};

// What the worker runs. `recognise`, `open` and `load_model` are called on the loading thread, the
// others on the rendering thread. Errors are thrown.
struct WorkFunctions {
  std::function<DetectedFile(const std::string& path)> recognise;
  std::function<OpenedScene(const OpenRequest&, uint64_t id, const WorkControl&)> open;
  std::function<ModelLoaded(const std::string&, const WorkControl&)> load_model;
  // `full`: the request's own size and counterparts too; else a smaller size.
  std::function<Frame(const FrameRequest&, bool full, const WorkControl&)> render;
  std::function<TaskStep(const TaskRequest&)> begin_task;
  // What to do first on each thread.
  std::function<void()> set_up_thread = [] {};
};

struct WorkerOptions {
  // The low resolution is left out where the last full frame took no longer: it would only flicker.
  double quick_frame_seconds = 0.03;
  // Called from the worker's threads whenever there is something to fetch.
  std::function<void()> on_event = [] {};
};

class RenderWorker {
 public:
  RenderWorker(WorkFunctions functions, WorkerOptions options);
  // Asks everything to stop and waits for the step at hand.
  ~RenderWorker();
  RenderWorker(const RenderWorker&) = delete;
  RenderWorker& operator=(const RenderWorker&) = delete;

  // Each returns the request's number; a later one of the same lane has a larger one.
  uint64_t recognise(std::string path);          // after those before it
  uint64_t open(OpenRequest request);            // takes the place of an earlier one
  uint64_t load_model(std::string name);         // after those before it
  uint64_t request_frame(FrameRequest request);  // takes the place of an earlier one
  uint64_t start_task(TaskRequest request);      // after those before it

  void cancel_loading();  // scenes and models alike
  void cancel_frame();
  void cancel_task(uint64_t id);
  void cancel_tasks();

  // What has happened since the last call, in order.
  std::vector<Event> take_events();

  // True while anything is under way or waiting to be fetched.
  bool is_busy() const;

 private:
  struct Load {
    uint64_t id = 0;
    std::variant<OpenRequest, std::string, DetectRequest> what;  // text: a model's name
  };
  struct Task {
    uint64_t id = 0;
    TaskRequest request;
    TaskStep step;
  };

  void run_loader(const std::stop_token& stop);
  void run_renderer(const std::stop_token& stop);
  Event load_now(const Load& load, const WorkControl& control);
  void load_one(const Load& load, const std::stop_token& stop);
  void render_one(uint64_t id, const FrameRequest& request, const std::stop_token& stop);
  bool step_task(Task& task, const std::stop_token& stop);  // true: there is more to do
  // `wanted` is asked under the lock; if not, the event is dropped.
  void emit(Event event, const std::function<bool()>& wanted);
  bool is_load_wanted(const Load& load) const;  // under the lock
  bool is_task_wanted(uint64_t id) const;       // under the lock

  WorkFunctions functions_;
  WorkerOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable_any load_ready_;
  std::condition_variable_any render_ready_;
  std::deque<Load> loads_;
  std::optional<std::pair<uint64_t, FrameRequest>> frame_;
  std::deque<Task> tasks_;
  std::vector<Event> events_;
  uint64_t last_id_ = 0;
  uint64_t loads_cancelled_ = 0;  // requests up to this number are void
  uint64_t opens_replaced_ = 0;   // scenes likewise
  uint64_t frames_cancelled_ = 0;
  uint64_t newest_frame_ = 0;
  uint64_t tasks_cancelled_ = 0;
  std::set<uint64_t> cancelled_tasks_;
  bool loading_ = false;
  bool rendering_ = false;
  double last_full_seconds_ = 1e9;  // the rendering thread's own
  std::jthread loader_;             // last: started when all else is there
  std::jthread renderer_;
};

}  // namespace parallax::view
