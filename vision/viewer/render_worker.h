// The viewer's other threads: one that loads scenes and models, one that renders. The caller never
// waits: requests are passed by value and results are fetched as events.
//
// Rendering: the newest camera wins, first at low resolution and then at full; background work runs
// in small steps while no frame is wanted. Work for a request that has become void is asked to
// stop, and its results are dropped.
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

// Thrown by work that was asked to stop.
struct Stopped {};

// Lets a worker function check whether to stop and emit events while it works.
class WorkControl {
 public:
  WorkControl(std::function<bool()> stopped,
              std::function<void(Event)> emit,
              WorkQueue queue,
              uint64_t id)
      : stopped_(std::move(stopped)), emit_(std::move(emit)), queue_(queue), id_(id) {}

  bool stopped() const { return stopped_(); }
  // Throws Stopped if the work was asked to stop.
  void check() const {
    if (stopped()) {
      throw Stopped{};
    }
  }
  void progress(double share, const std::string& text) const {
    emit_(TaskProgress{queue_, id_, share, text});
  }
  void emit(Event event) const { emit_(std::move(event)); }

 private:
  std::function<bool()> stopped_;
  std::function<void(Event)> emit_;
  WorkQueue queue_;
  uint64_t id_;
};

// One small step of a task; returns false after the last.
using TaskStep = std::function<bool(const WorkControl&)>;

// Asks for the kind of a path to be detected.
struct DetectRequest {
  std::string path;
};

// The functions that the worker runs. `detect`, `open` and `load_model` are called on the
// loading thread, the others on the rendering thread. Failures are thrown.
struct WorkFunctions {
  std::function<DetectedFile(const std::string& path)> detect;
  std::function<OpenedScene(const OpenRequest&, uint64_t id, const WorkControl&)> open;
  std::function<ModelLoaded(const std::string&, const WorkControl&)> load_model;
  // `full`: at the request's own size, with counterparts; otherwise at a smaller size.
  std::function<Frame(const FrameRequest&, bool full, const WorkControl&)> render;
  std::function<TaskStep(const TaskRequest&)> begin_task;
  // Called first on each thread.
  std::function<void()> set_up_thread = [] {};
  // Called on the rendering thread when it has finished tasks and nothing is left to do.
  std::function<void()> rest = [] {};
};

// Settings of a RenderWorker.
struct WorkerOptions {
  // If the last full frame took no longer than this, the low resolution is skipped: it would only
  // flicker.
  double quick_frame_seconds = 0.03;
  // Called from the worker's threads whenever there are events to fetch.
  std::function<void()> on_event = [] {};
};

// Runs requests on its two threads and collects the events that they cause.
class RenderWorker {
 public:
  RenderWorker(WorkFunctions functions, WorkerOptions options);
  // Asks everything to stop and waits for the current step.
  ~RenderWorker();
  RenderWorker(const RenderWorker&) = delete;
  RenderWorker& operator=(const RenderWorker&) = delete;

  // Each returns the request's id; later requests of the same queue have larger ids.
  uint64_t detect(std::string path);             // after earlier ones
  uint64_t open(OpenRequest request);            // replaces an earlier one
  uint64_t load_model(std::string name);         // after earlier ones
  uint64_t request_frame(FrameRequest request);  // replaces an earlier one
  uint64_t start_task(TaskRequest request);      // after earlier ones
  // Before what start_task() was given, even if that has begun: for tasks of one short step.
  uint64_t start_short_task(TaskRequest request);

  void cancel_loading();  // both scenes and models
  void cancel_frame();
  void cancel_task(uint64_t id);
  void cancel_tasks();

  // The events since the last call, in order.
  std::vector<Event> take_events();

  // True while any request is in progress or any event waits to be fetched.
  bool is_busy() const;

 private:
  // A request for the loading thread.
  struct Load {
    uint64_t id = 0;
    std::variant<OpenRequest, std::string, DetectRequest> what;  // text: a model's name
  };
  // A task in progress or waiting.
  struct Task {
    uint64_t id = 0;
    TaskRequest request;
    TaskStep step;
    bool is_short = false;
  };

  void run_loader(const std::stop_token& stop);
  void run_renderer(const std::stop_token& stop);
  Event load_now(const Load& load, const WorkControl& control);
  void load_one(const Load& load, const std::stop_token& stop);
  void render_one(uint64_t id, const FrameRequest& request, const std::stop_token& stop);
  bool step_task(Task& task, const std::stop_token& stop);  // true: more steps remain
  void put_after_short_tasks(Task task);                    // under the lock
  // Calls `wanted` under the lock and drops the event if it returns false.
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
  uint64_t loads_cancelled_ = 0;  // requests up to this id are void
  uint64_t opens_replaced_ = 0;   // requests for scenes up to this id are void
  uint64_t frames_cancelled_ = 0;
  uint64_t newest_frame_ = 0;
  uint64_t tasks_cancelled_ = 0;
  std::set<uint64_t> cancelled_tasks_;
  bool loading_ = false;
  bool rendering_ = false;
  double last_full_seconds_ = 1e9;  // used only by the rendering thread
  std::jthread loader_;             // last: started when all other members exist
  std::jthread renderer_;
};

}  // namespace parallax::view
