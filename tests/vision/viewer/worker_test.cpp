// The worker alone, with functions that do no work: random requests, cancels, switches and quits
// (run under ThreadSanitizer as parallax_thread_tests), the order of frames, errors as events.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <random>

#include "tests/support/wait_until.h"
#include "vision/viewer/render_worker.h"

namespace parallax::view {
namespace {

using namespace std::chrono_literals;

// Lets threads overtake each other; nothing is judged by how long it takes.
void work_for(std::chrono::microseconds time) { std::this_thread::sleep_for(time); }

// A request that its camera distinguishes from others.
FrameRequest request_of(int number) {
  FrameRequest request{.scene = 1, .inputs = {0}};
  request.camera.fx = number;
  return request;
}

Frame frame_of(const FrameRequest& request) {
  return {.scene = request.scene, .camera = request.camera};
}

WorkFunctions cheap_functions() {
  WorkFunctions functions;
  functions.detect = [](const std::string& path) {
    work_for(20us);
    return DetectedFile{path, FileKind::kScene};
  };
  functions.open = [](const OpenRequest& request, uint64_t id, const WorkControl& control) {
    if (request.path == "broken") {
      throw std::runtime_error("the scene is broken");
    }
    for (int i = 0; i < 5; ++i) {
      control.check();
      control.progress(i / 5.0, "reading");
      work_for(20us);
    }
    return OpenedScene{.id = id, .path = request.path};
  };
  functions.load_model = [](const std::string& name, const WorkControl& control) {
    for (int i = 0; i < 5; ++i) {
      control.check();
      work_for(20us);
    }
    return ModelLoaded{{.name = name}};
  };
  functions.render = [](const FrameRequest& request, bool full, const WorkControl& control) {
    for (int i = 0; i < (full ? 4 : 1); ++i) {
      control.check();
      work_for(10us);
    }
    return frame_of(request);
  };
  functions.begin_task = [](const TaskRequest& request) {
    auto left = std::make_shared<int>(std::holds_alternative<TableTask>(request) ? 3 : 1);
    return TaskStep([left](const WorkControl& control) {
      control.emit(TableRow{.views = {*left}});
      work_for(10us);
      return --*left > 0;
    });
  };
  return functions;
}

// Fetches events until `done` returns true.
template <class Done>
std::vector<Event> fetch_until(RenderWorker& worker, const Done& done) {
  std::vector<Event> all;
  EXPECT_TRUE(testing::wait_until([&] {
    for (Event& event : worker.take_events()) {
      all.push_back(std::move(event));
      if (done(all.back())) {
        return true;
      }
    }
    return false;
  })) << "the worker never came to the awaited event";
  return all;
}

bool ends(const Event& event, WorkQueue queue, uint64_t id) {
  const auto* ended = std::get_if<Ended>(&event);
  return ended != nullptr && ended->queue == queue && ended->id == id;
}

std::vector<Frame> frames_in(const std::vector<Event>& events) {
  std::vector<Frame> frames;
  for (const Event& event : events) {
    if (const auto* frame = std::get_if<Frame>(&event)) {
      frames.push_back(*frame);
    }
  }
  return frames;
}

TEST(RenderWorker, ShowsLowResolutionFirstThenFull) {
  RenderWorker worker(cheap_functions(), {.quick_frame_seconds = 0});
  const uint64_t id = worker.request_frame(request_of(7));
  const auto frames = frames_in(
      fetch_until(worker, [&](const Event& e) { return ends(e, WorkQueue::kFrame, id); }));
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_FALSE(frames[0].full);
  EXPECT_TRUE(frames[1].full);
  EXPECT_EQ(frames[1].serial, id);
  EXPECT_EQ(frames[1].camera.fx, 7);
}

TEST(RenderWorker, LeavesTheLowResolutionOutWhereFullIsQuick) {
  RenderWorker worker(cheap_functions(), {.quick_frame_seconds = 1000});
  for (int i = 0; i < 2; ++i) {
    const uint64_t id = worker.request_frame(request_of(i));
    const auto frames = frames_in(
        fetch_until(worker, [&](const Event& e) { return ends(e, WorkQueue::kFrame, id); }));
    // The speed is unknown before the first frame.
    EXPECT_EQ(frames.size(), i == 0 ? 2U : 1U);
    EXPECT_TRUE(frames.back().full);
  }
}

TEST(RenderWorker, TheNewestCameraWins) {
  WorkFunctions functions = cheap_functions();
  std::promise<void> begun;
  std::promise<void> go_on;
  auto may_go_on = go_on.get_future().share();
  std::atomic<int> calls = 0;
  functions.render = [&](const FrameRequest& request, bool, const WorkControl&) {
    if (++calls == 1) {
      begun.set_value();
      may_go_on.wait();
    }
    return frame_of(request);
  };
  RenderWorker worker(functions, {.quick_frame_seconds = 0});
  worker.request_frame(request_of(1));
  begun.get_future().wait();
  for (int i = 2; i < 50; ++i) {
    worker.request_frame(request_of(i));
  }
  const uint64_t last = worker.request_frame(request_of(50));
  go_on.set_value();
  const auto frames = frames_in(
      fetch_until(worker, [&](const Event& e) { return ends(e, WorkQueue::kFrame, last); }));
  // The first at low resolution, which was in progress; of the others only the newest.
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0].camera.fx, 1);
  EXPECT_EQ(frames[1].camera.fx, 50);
  EXPECT_EQ(frames[2].camera.fx, 50);
  EXPECT_EQ(calls, 3);
}

TEST(RenderWorker, ErrorsAreEventsAndTheWorkerGoesOn) {
  WorkFunctions functions = cheap_functions();
  functions.render = [](const FrameRequest& request, bool, const WorkControl&) {
    if (request.camera.fx == 1) {
      throw std::runtime_error("no such camera");
    }
    return frame_of(request);
  };
  functions.begin_task = [](const TaskRequest&) -> TaskStep {
    throw std::runtime_error("no such task");
  };
  RenderWorker worker(functions, {});
  const auto error_of = [&](WorkQueue queue, uint64_t id) {
    const auto events = fetch_until(worker, [&](const Event& e) { return ends(e, queue, id); });
    return std::get<Ended>(events.back()).error;
  };
  EXPECT_EQ(error_of(WorkQueue::kFrame, worker.request_frame(request_of(1))), "no such camera");
  EXPECT_EQ(error_of(WorkQueue::kTask, worker.start_task(TableTask{})), "no such task");
  EXPECT_EQ(error_of(WorkQueue::kLoad, worker.open({.path = "broken"})), "the scene is broken");
  EXPECT_EQ(error_of(WorkQueue::kFrame, worker.request_frame(request_of(2))), "");
}

// A task of three rows; with the first it says that it has begun, and waits.
TaskStep three_steps(std::promise<void>& begun, const std::shared_future<void>& may_go_on) {
  auto step = std::make_shared<int>(0);
  return [&begun, may_go_on, step](const WorkControl& control) {
    if (++*step == 1) {
      begun.set_value();
      may_go_on.wait();
    }
    control.emit(TableRow{.views = {*step}});
    return *step < 3;
  };
}

TEST(RenderWorker, TasksWaitForFramesBetweenTheirSteps) {
  WorkFunctions functions = cheap_functions();
  std::promise<void> begun;
  std::promise<void> go_on;
  auto may_go_on = go_on.get_future().share();
  functions.begin_task = [&](const TaskRequest&) { return three_steps(begun, may_go_on); };
  RenderWorker worker(functions, {});
  const uint64_t task = worker.start_task(TableTask{});
  begun.get_future().wait();
  worker.request_frame(request_of(1));
  go_on.set_value();
  std::string order;
  for (const Event& event :
       fetch_until(worker, [&](const Event& e) { return ends(e, WorkQueue::kTask, task); })) {
    order += std::holds_alternative<TableRow>(event) ? "t" : "";
    order += std::holds_alternative<Frame>(event) ? "f" : "";
  }
  EXPECT_EQ(order, "tfftt");
}

TEST(RenderWorker, RestsOnceTasksAreDoneAndNothingIsLeft) {
  WorkFunctions functions = cheap_functions();
  std::promise<void> begun;
  std::promise<void> go_on;
  std::atomic<int> steps = 0;
  std::atomic<int> rests = 0;
  functions.begin_task = [&](const TaskRequest&) {
    return TaskStep([&](const WorkControl&) {
      if (steps++ == 0) {
        begun.set_value();
        go_on.get_future().wait();
      }
      EXPECT_EQ(rests, 0);
      return false;
    });
  };
  functions.rest = [&] { rests += 1; };
  RenderWorker worker(functions, {});
  worker.start_task(TableTask{});
  begun.get_future().wait();
  worker.start_task(TableTask{});
  go_on.set_value();
  EXPECT_TRUE(testing::wait_until([&] { return rests == 1; }));
  EXPECT_EQ(steps, 2);
  const uint64_t frame = worker.request_frame(request_of(1));
  fetch_until(worker, [&](const Event& event) { return ends(event, WorkQueue::kFrame, frame); });
  EXPECT_EQ(rests, 1);  // frames come many times a second
}

TEST(RenderWorker, ShortTasksComeBetweenTheStepsOfLongOnes) {
  WorkFunctions functions = cheap_functions();
  std::promise<void> begun;
  std::promise<void> go_on;
  auto may_go_on = go_on.get_future().share();
  functions.begin_task = [&](const TaskRequest& request) {
    if (const auto* thumbnail = std::get_if<ThumbnailTask>(&request)) {
      return TaskStep([view = thumbnail->view](const WorkControl& control) {
        control.emit(Thumbnail{.view = view});
        return false;
      });
    }
    return three_steps(begun, may_go_on);
  };
  RenderWorker worker(functions, {});
  const uint64_t task = worker.start_task(TableTask{});
  begun.get_future().wait();
  for (const int view : {7, 8}) {
    worker.start_short_task(ThumbnailTask{.view = view});
  }
  go_on.set_value();
  std::string order;
  for (const Event& event :
       fetch_until(worker, [&](const Event& e) { return ends(e, WorkQueue::kTask, task); })) {
    order += std::holds_alternative<TableRow>(event) ? "t" : "";
    if (const auto* thumbnail = std::get_if<Thumbnail>(&event)) {
      order += std::to_string(thumbnail->view);
    }
  }
  EXPECT_EQ(order, "t78tt");
}

TEST(RenderWorker, ACancelledRequestShowsNothingMore) {
  WorkFunctions functions = cheap_functions();
  std::promise<void> begun;
  std::promise<void> go_on;
  auto may_go_on = go_on.get_future().share();
  functions.load_model = [&](const std::string& name, const WorkControl& control) {
    begun.set_value();
    may_go_on.wait();
    EXPECT_TRUE(control.stopped());
    return ModelLoaded{{.name = name}};
  };
  RenderWorker worker(functions, {});
  const uint64_t id = worker.load_model("large");
  begun.get_future().wait();
  // Those that wait end as well: who asked would wait for ever.
  worker.load_model("waiting");
  const uint64_t last = worker.detect("waiting, too");
  worker.cancel_loading();
  go_on.set_value();
  const auto events =
      fetch_until(worker, [&](const Event& e) { return ends(e, WorkQueue::kLoad, last); });
  ASSERT_EQ(events.size(), 3U);
  EXPECT_TRUE(ends(events.front(), WorkQueue::kLoad, id));
  for (const Event& event : events) {
    EXPECT_TRUE(std::get<Ended>(event).cancelled);
  }
}

// One worker's life: random requests, switches and cancels, then destruction in the midst of them.
// Checks the order of events.
class RandomLife {
 public:
  RandomLife(int requests, unsigned seed) : random_(seed), requests_(requests) {}

  void run() {
    std::atomic<int> woken = 0;
    RenderWorker worker(
        cheap_functions(),
        {.quick_frame_seconds = random_() % 2 == 0 ? 0.0 : 1.0, .on_event = [&] { ++woken; }});
    for (int i = 0; i < requests_; ++i) {
      act(worker);
      if (random_() % 4 == 0) {
        check(worker.take_events());
      }
      if (random_() % 8 == 0) {
        work_for(std::chrono::microseconds(random_() % 100));
      }
    }
    if (random_() % 2 == 0) {
      const uint64_t last = worker.request_frame(request_of(-1));
      const auto events =
          fetch_until(worker, [&](const Event& e) { return ends(e, WorkQueue::kFrame, last); });
      check(events);
      EXPECT_EQ(frames_in(events).back().camera.fx, -1);
      EXPECT_TRUE(frames_in(events).back().full);
      EXPECT_GT(woken, 0);
    }
  }

 private:
  void act(RenderWorker& worker) {
    switch (random_() % 11) {
      case 0:
        worker.open({.path = random_() % 3 == 0 ? "broken" : "scene"});
        break;
      case 1:
        worker.load_model("model");
        break;
      case 2:
        task_ = worker.start_task(TableTask{});
        break;
      case 3:
        cancel(worker);
        break;
      case 4:
        worker.detect("something");
        break;
      default:
        newest_ = worker.request_frame(request_of(static_cast<int>(random_() % 1000)));
    }
  }

  void cancel(RenderWorker& worker) {
    switch (random_() % 5) {
      case 0:
        worker.cancel_loading();
        break;
      case 1:
        worker.cancel_frame();
        break;
      case 2:
        worker.cancel_tasks();
        break;
      case 3:
        worker.cancel_task(task_);
        break;
      default:
        worker.is_busy();
    }
  }

  void check(const std::vector<Event>& events) {
    for (const Frame& frame : frames_in(events)) {
      EXPECT_GE(frame.serial, shown_);
      EXPECT_FALSE(frame.serial == shown_ && shown_full_) << "a frame after its full one";
      shown_ = frame.serial;
      shown_full_ = frame.full;
    }
  }

  std::mt19937 random_;
  int requests_;
  uint64_t task_ = 0;
  uint64_t newest_ = 0;
  uint64_t shown_ = 0;
  bool shown_full_ = false;
};

TEST(RenderWorker, SurvivesAThousandRandomRequestsCancelsSwitchesAndQuits) {
  RandomLife(1000, 1).run();
  for (unsigned seed = 2; seed < 40; ++seed) {
    RandomLife(25, seed).run();
  }
}

}  // namespace
}  // namespace parallax::view
