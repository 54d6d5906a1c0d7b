// Two queues, two threads, and one lock that is never held during computations.
#include "vision/viewer/render_worker.h"

#include <algorithm>
#include <exception>

#include "core/base/clock.h"

namespace parallax::view {
namespace {

std::string name_of(const std::variant<OpenRequest, std::string, DetectRequest>& load) {
  if (const auto* request = std::get_if<OpenRequest>(&load)) {
    return request->path;
  }
  const auto* name = std::get_if<std::string>(&load);
  return name != nullptr ? *name : std::get<DetectRequest>(load).path;
}

}  // namespace

RenderWorker::RenderWorker(WorkFunctions functions, WorkerOptions options)
    : functions_(std::move(functions)), options_(std::move(options)) {
  loader_ = std::jthread([this](const std::stop_token& stop) { run_loader(stop); });
  renderer_ = std::jthread([this](const std::stop_token& stop) { run_renderer(stop); });
}

RenderWorker::~RenderWorker() {
  loader_.request_stop();
  renderer_.request_stop();
}

uint64_t RenderWorker::open(OpenRequest request) {
  const std::lock_guard lock(mutex_);
  const uint64_t id = ++last_id_;
  opens_replaced_ = id - 1;
  std::erase_if(loads_, [](const Load& load) { return load.what.index() == 0; });
  loads_.push_back({id, std::move(request)});
  load_ready_.notify_one();
  return id;
}

uint64_t RenderWorker::detect(std::string path) {
  const std::lock_guard lock(mutex_);
  loads_.push_back({++last_id_, DetectRequest{std::move(path)}});
  load_ready_.notify_one();
  return last_id_;
}

uint64_t RenderWorker::load_model(std::string name) {
  const std::lock_guard lock(mutex_);
  loads_.push_back({++last_id_, std::move(name)});
  load_ready_.notify_one();
  return last_id_;
}

uint64_t RenderWorker::request_frame(FrameRequest request) {
  const std::lock_guard lock(mutex_);
  newest_frame_ = ++last_id_;
  frame_.emplace(newest_frame_, std::move(request));
  render_ready_.notify_one();
  return newest_frame_;
}

uint64_t RenderWorker::start_task(TaskRequest request) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back({.id = ++last_id_, .request = std::move(request)});
  render_ready_.notify_one();
  return last_id_;
}

uint64_t RenderWorker::start_short_task(TaskRequest request) {
  const std::lock_guard lock(mutex_);
  put_after_short_tasks({.id = ++last_id_, .request = std::move(request), .is_short = true});
  render_ready_.notify_one();
  return last_id_;
}

void RenderWorker::put_after_short_tasks(Task task) {
  const auto place =
      std::find_if(tasks_.begin(), tasks_.end(), [](const Task& other) { return !other.is_short; });
  tasks_.insert(place, std::move(task));
}

void RenderWorker::cancel_loading() {
  const std::lock_guard lock(mutex_);
  loads_cancelled_ = last_id_;  // those that wait end, too, once it is their turn
}

void RenderWorker::cancel_frame() {
  const std::lock_guard lock(mutex_);
  frames_cancelled_ = last_id_;
  frame_.reset();
}

void RenderWorker::cancel_task(uint64_t id) {
  const std::lock_guard lock(mutex_);
  cancelled_tasks_.insert(id);
}

void RenderWorker::cancel_tasks() {
  const std::lock_guard lock(mutex_);
  tasks_cancelled_ = last_id_;
}

std::vector<Event> RenderWorker::take_events() {
  const std::lock_guard lock(mutex_);
  return std::exchange(events_, {});
}

bool RenderWorker::is_busy() const {
  const std::lock_guard lock(mutex_);
  return loading_ || rendering_ || !loads_.empty() || frame_.has_value() || !tasks_.empty() ||
         !events_.empty();
}

bool RenderWorker::is_load_wanted(const Load& load) const {
  return load.id > loads_cancelled_ && (load.what.index() != 0 || load.id > opens_replaced_);
}

bool RenderWorker::is_task_wanted(uint64_t id) const {
  return id > tasks_cancelled_ && cancelled_tasks_.count(id) == 0;
}

void RenderWorker::emit(Event event, const std::function<bool()>& wanted) {
  {
    const std::lock_guard lock(mutex_);
    if (!wanted()) {
      return;
    }
    events_.push_back(std::move(event));
  }
  options_.on_event();
}

void RenderWorker::run_loader(const std::stop_token& stop) {
  functions_.set_up_thread();
  while (true) {
    Load load;
    {
      std::unique_lock lock(mutex_);
      loading_ = false;
      load_ready_.wait(lock, stop, [&] { return !loads_.empty(); });
      if (stop.stop_requested()) {
        return;
      }
      load = std::move(loads_.front());
      loads_.pop_front();
      loading_ = true;
    }
    load_one(load, stop);
  }
}

Event RenderWorker::load_now(const Load& load, const WorkControl& control) {
  if (const auto* request = std::get_if<OpenRequest>(&load.what)) {
    return functions_.open(*request, load.id, control);
  }
  if (const auto* name = std::get_if<std::string>(&load.what)) {
    return functions_.load_model(*name, control);
  }
  return functions_.detect(std::get<DetectRequest>(load.what).path);
}

void RenderWorker::load_one(const Load& load, const std::stop_token& stop) {
  const auto wanted = [&] { return is_load_wanted(load); };
  const auto stopped = [&] {
    const std::lock_guard lock(mutex_);
    return stop.stop_requested() || !is_load_wanted(load);
  };
  const WorkControl control(
      stopped, [&](Event event) { emit(std::move(event), wanted); }, WorkQueue::kLoad, load.id);
  Ended ended{WorkQueue::kLoad, load.id, name_of(load.what)};
  try {
    control.check();
    control.emit(load_now(load, control));
    ended.cancelled = stopped();
  } catch (const Stopped&) {
    ended.cancelled = true;
  } catch (const std::exception& error) {
    ended.cancelled = stopped();
    ended.error = error.what();
  }
  emit(std::move(ended), [] { return true; });
}

void RenderWorker::run_renderer(const std::stop_token& stop) {
  functions_.set_up_thread();
  bool has_ended_tasks = false;  // since the last rest
  while (true) {
    std::optional<std::pair<uint64_t, FrameRequest>> frame;
    std::optional<Task> task;
    {
      std::unique_lock lock(mutex_);
      const auto ready = [&] { return frame_.has_value() || !tasks_.empty(); };
      if (has_ended_tasks && !ready()) {
        has_ended_tasks = false;
        lock.unlock();
        functions_.rest();
        lock.lock();
      }
      rendering_ = false;
      render_ready_.wait(lock, stop, ready);
      if (stop.stop_requested()) {
        return;
      }
      rendering_ = true;
      if (frame_) {
        frame = std::exchange(frame_, std::nullopt);
      } else {
        task = std::move(tasks_.front());
        tasks_.pop_front();
      }
    }
    if (frame) {
      render_one(frame->first, frame->second, stop);
    } else if (step_task(*task, stop)) {
      const std::lock_guard lock(mutex_);
      put_after_short_tasks(std::move(*task));
    } else {
      has_ended_tasks = true;
    }
  }
}

void RenderWorker::render_one(uint64_t id,
                              const FrameRequest& request,
                              const std::stop_token& stop) {
  const auto wanted = [&] { return id > frames_cancelled_; };
  // A full frame that follows a low-resolution one gives way to a newer camera; any other frame is
  // finished, or nothing would be shown while the camera moves.
  bool gives_way = false;
  const auto stopped = [&] {
    const std::lock_guard lock(mutex_);
    return stop.stop_requested() || !wanted() || (gives_way && newest_frame_ > id);
  };
  const WorkControl control(
      stopped, [&](Event event) { emit(std::move(event), wanted); }, WorkQueue::kFrame, id);
  const auto render = [&](bool full) {
    Frame frame = functions_.render(request, full, control);
    frame.serial = id;
    frame.full = full;
    control.emit(std::move(frame));
  };
  Ended ended{WorkQueue::kFrame, id, "frame"};
  try {
    if (last_full_seconds_ > options_.quick_frame_seconds) {
      render(false);
      gives_way = true;
      control.check();
    }
    const auto start = Clock::now();
    render(true);
    last_full_seconds_ = seconds_since(start);
    ended.cancelled = stopped() && !gives_way;
  } catch (const Stopped&) {
    ended.cancelled = true;
  } catch (const std::exception& error) {
    ended.error = error.what();
  }
  emit(std::move(ended), [] { return true; });
}

bool RenderWorker::step_task(Task& task, const std::stop_token& stop) {
  const auto wanted = [&] { return is_task_wanted(task.id); };
  const auto stopped = [&] {
    const std::lock_guard lock(mutex_);
    return stop.stop_requested() || !wanted();
  };
  const WorkControl control(
      stopped, [&](Event event) { emit(std::move(event), wanted); }, WorkQueue::kTask, task.id);
  Ended ended{WorkQueue::kTask, task.id, "task"};
  try {
    control.check();
    if (!task.step) {
      task.step = functions_.begin_task(task.request);
    }
    if (task.step(control)) {
      return true;
    }
    ended.cancelled = stopped();
  } catch (const Stopped&) {
    ended.cancelled = true;
  } catch (const std::exception& error) {
    ended.error = error.what();
  }
  task.step = nullptr;  // frees its resources on the thread that made them
  emit(std::move(ended), [] { return true; });
  const std::lock_guard lock(mutex_);
  cancelled_tasks_.erase(task.id);
  return false;
}

}  // namespace parallax::view
