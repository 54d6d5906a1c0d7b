// The viewer's session on a worker whose functions count what they are asked for: of a scene of
// thousands of photographs, those on the screen are read.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>

#include "apps/viewer/session.h"
#include "tests/support/wait_until.h"

namespace parallax {
namespace {

using view::ViewState;

constexpr int kViews = 2000;

class ViewerSession : public ::testing::Test {
 protected:
  ViewerSession() : session_(counting_functions(), {}) {
    view::reset_panes(state_, "nvs");
    session_.open_scene(state_, "a scene");
    settle();
    EXPECT_NE(state_.scene, nullptr);
  }

  view::WorkFunctions counting_functions() {
    view::WorkFunctions functions;
    functions.detect = [](const std::string& path) { return view::DetectedFile{path}; };
    functions.open = [](const view::OpenRequest&, uint64_t id, const view::WorkControl&) {
      view::OpenedScene scene{.id = id, .path = "a scene", .height = 64, .width = 64};
      for (int i = 0; i < kViews; ++i) {
        Camera camera{.height = 64, .width = 64, .fx = 50, .fy = 50, .cx = 32, .cy = 32};
        camera.c2w(2, 3) = -3;
        scene.views.push_back({"view " + std::to_string(i), camera});
      }
      scene.inputs = {0, 1};
      return scene;
    };
    functions.load_model = [](const std::string& name, const view::WorkControl&) {
      return view::ModelLoaded{{.name = name}};
    };
    functions.render = [](const view::FrameRequest& request, bool, const view::WorkControl&) {
      return view::Frame{.scene = request.scene, .camera = request.camera};
    };
    functions.begin_task = [this](const view::TaskRequest& request) {
      const auto* thumbnail = std::get_if<view::ThumbnailTask>(&request);
      if (thumbnail == nullptr) {
        others_ += 1;
        return view::TaskStep([](const view::WorkControl&) { return false; });
      }
      return view::TaskStep([this, task = *thumbnail](const view::WorkControl& control) {
        may_read_.wait();
        {
          const std::lock_guard lock(mutex_);
          read_.push_back(task.view);
        }
        const bool is_damaged = task.view % 10 == 3;
        control.emit(view::Thumbnail{
            task.scene,
            task.view,
            is_damaged ? nullptr
                       : std::make_shared<const view::Image>(view::Image{1, 1, {0, 0, 0}})});
        return false;
      });
    };
    return functions;
  }

  // Updates as the window does until nothing is left to do.
  void settle() {
    EXPECT_TRUE(testing::wait_until([this] {
      session_.update(state_, 0.01);
      return session_.is_idle(state_);
    }));
  }

  // What was read since the last call.
  std::vector<int> take_read() {
    const std::lock_guard lock(mutex_);
    return std::exchange(read_, {});
  }

  static std::vector<int> range(int first, int last) {
    std::vector<int> views;
    for (int view = first; view < last; ++view) {
      views.push_back(view);
    }
    return views;
  }

  std::promise<void> let_read_;
  std::shared_future<void> may_read_ = std::async(std::launch::deferred, [] {}).share();
  std::mutex mutex_;
  std::vector<int> read_;
  std::atomic<int> others_ = 0;  // table, curve
  ViewState state_;
  Session session_;  // last: its threads end first
};

TEST_F(ViewerSession, ReadsThePhotographsOnTheScreenAndNoOthers) {
  EXPECT_EQ(take_read(), std::vector<int>{});
  state_.shown_thumbnails = {100, 120};
  settle();
  EXPECT_EQ(take_read(), range(100, 120)) << "damaged ones, too, once";
  settle();
  state_.shown_thumbnails = {110, 130};
  settle();
  EXPECT_EQ(take_read(), range(120, 130));
  EXPECT_EQ(state_.thumbnails.at(113), nullptr);
  EXPECT_NE(state_.thumbnails.at(114), nullptr);
}

TEST_F(ViewerSession, KeepsThumbnailsNearTheScreenAndForgetsOthers) {
  for (int first = 0; first < kViews; first += 20) {
    state_.shown_thumbnails = {first, first + 20};
    settle();
  }
  EXPECT_EQ(take_read(), range(0, kViews));
  EXPECT_EQ(state_.thumbnails.size(), 256U);
  EXPECT_EQ(state_.thumbnails.begin()->first, kViews - 256);
  state_.shown_thumbnails = {0, 20};
  settle();
  EXPECT_EQ(take_read(), range(0, 20));
  EXPECT_EQ(state_.thumbnails.size(), 256U);
}

TEST_F(ViewerSession, AfterAJumpWhatIsOnTheScreenNowComesNext) {
  may_read_ = let_read_.get_future().share();
  state_.shown_thumbnails = {0, 50};
  session_.update(state_, 0.01);
  state_.shown_thumbnails = {1000, 1020};
  session_.update(state_, 0.01);
  let_read_.set_value();
  settle();
  const std::vector<int> read = take_read();
  EXPECT_EQ(std::vector<int>(read.end() - 20, read.end()), range(1000, 1020));
  EXPECT_LE(read.size(), 24U) << "those that were under way";
}

TEST_F(ViewerSession, ForAPictureTheTableWaitsUntilItIsShown) {
  EXPECT_EQ(others_, 2) << "table and curve";
  session_.only_shown_work = true;
  session_.open_scene(state_, "another");
  settle();
  EXPECT_EQ(others_, 2);
  state_.results_shown = true;
  settle();
  EXPECT_EQ(others_, 4);
}

}  // namespace
}  // namespace parallax
