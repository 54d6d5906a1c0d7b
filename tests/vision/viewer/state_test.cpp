// The viewer's state: cameras moved by hand, paths and their file, requests made from what is
// shown, events merged.
#include <gtest/gtest.h>

#include <cmath>
#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "tests/support/scratch_folder.h"
#include "vision/viewer/keyframes.h"
#include "vision/viewer/view_state.h"

namespace parallax::view {
namespace {

using testing::ScratchFolder;

Camera test_camera(double x = 0) {
  Camera camera{.height = 40, .width = 60, .fx = 50, .fy = 50, .cx = 30, .cy = 20};
  camera.c2w(0, 3) = x;
  camera.c2w(2, 3) = -4;
  return camera;
}

ViewCamera test_view() { return {.camera = test_camera(), .target = {0, 0, 0}, .up = {0, -1, 0}}; }

// A scene of `count` views, the first two of them inputs.
OpenedScene test_scene(int count) {
  OpenedScene scene{.id = 5, .path = "scenes/a", .name = "a", .height = 40, .width = 60};
  for (int i = 0; i < count; ++i) {
    scene.views.push_back({"view " + std::to_string(i), test_camera(i)});
  }
  scene.inputs = {1, 0};
  return scene;
}

ViewState state_with_scene() {
  ViewState state;
  reset_panes(state, "nvs");
  apply_event(state, ModelLoaded{{.name = "nvs", .variant = "2"}, 6});
  apply_event(state, test_scene(4));
  return state;
}

void expect_near_point(const cv::Vec3d& a, const cv::Vec3d& b, double tolerance = 1e-12) {
  EXPECT_LT(cv::norm(a - b), tolerance) << a << " and " << b;
}

TEST(CameraControl, OrbitKeepsTheDistanceAndLooksAtTheTarget) {
  ViewCamera view = test_view();
  for (int i = 0; i < 1000; ++i) {
    orbit(view, 0.013, i % 3 == 0 ? 0.02 : -0.007);
  }
  EXPECT_NEAR(view.distance(), 4, 1e-9);
  expect_near_point(
      view.camera.forward(), cv::normalize(view.target - view.camera.position()), 1e-9);
  EXPECT_NO_THROW(validate_camera(view.camera, "orbited"));
}

TEST(CameraControl, AQuarterTurnIsAQuarterTurn) {
  ViewCamera view = test_view();
  orbit(view, CV_PI / 2, 0);
  // From −z, turned about −y: at +x or −x, on the circle, level.
  EXPECT_NEAR(std::abs(view.camera.position()[0]), 4, 1e-12);
  EXPECT_NEAR(view.camera.position()[1], 0, 1e-12);
  EXPECT_NEAR(view.camera.position()[2], 0, 1e-12);
}

TEST(CameraControl, OrbitStopsShortOfThePoles) {
  ViewCamera view = test_view();
  for (int i = 0; i < 100; ++i) {
    orbit(view, 0, 0.1);
  }
  const double elevation = std::asin(view.camera.forward().dot(view.up)) * 180 / CV_PI;
  EXPECT_NEAR(elevation, 89, 1e-6);
  orbit(view, 0, -0.5);
  EXPECT_LT(std::asin(view.camera.forward().dot(view.up)) * 180 / CV_PI, 61);
}

TEST(CameraControl, PanMovesThePictureByThatShare) {
  ViewCamera view = test_view();
  pan(view, 0.25, -0.5);
  // The old target appears a quarter of the image's height further right and half further up.
  const cv::Vec3d seen =
      view.camera.c2w.get_minor<3, 3>(0, 0).t() * (cv::Vec3d(0, 0, 0) - view.camera.position());
  EXPECT_NEAR(view.camera.fx * seen[0] / seen[2], 0.25 * 40, 1e-9);
  EXPECT_NEAR(view.camera.fy * seen[1] / seen[2], -0.5 * 40, 1e-9);
}

TEST(CameraControl, DollyFlyLookAndFieldOfView) {
  ViewCamera view = test_view();
  dolly(view, 0.5);
  expect_near_point(view.camera.position(), {0, 0, -2});
  fly(view, 1, 2, 3);
  expect_near_point(view.camera.position(), {1, 2, 1});
  expect_near_point(view.target, {1, 2, 3});
  look(view, 0.3, 0.1);
  expect_near_point(view.camera.position(), {1, 2, 1});
  EXPECT_NEAR(view.distance(), 2, 1e-12);
  set_vertical_fov(view.camera, 60);
  EXPECT_NEAR(vertical_fov(view.camera), 60, 1e-9);
  EXPECT_NEAR(view.camera.fx, view.camera.fy, 1e-12);
  const Camera half = resize_camera(view.camera, 20, 30);
  EXPECT_NEAR(vertical_fov(half), 60, 1e-9);
}

TEST(CameraTrack, GoesThroughItsKeyframesAndThroughItsFile) {
  CameraTrack track{.keyframes = {test_camera(0), test_camera(1), test_camera(5)}, .frames = 9};
  const std::vector<Camera> cameras = track_cameras(track);
  ASSERT_EQ(cameras.size(), 9U);
  for (int i = 0; i < 3; ++i) {
    expect_near_point(cameras[i * 4].position(), track.keyframes[i].position(), 1e-12);
  }
  const ScratchFolder scratch;
  write_track(scratch.path() / "path.json", track);
  const CameraTrack read = read_track(scratch.path() / "path.json");
  EXPECT_EQ(read.frames, 9);
  EXPECT_EQ(read.frames_per_second, 20);
  ASSERT_EQ(read.keyframes.size(), 3U);
  EXPECT_EQ(read.keyframes[2].c2w, track.keyframes[2].c2w);
  EXPECT_EQ(read.keyframes[2].fx, 50);
}

TEST(CameraTrack, SaysWhatIsWrongWithAFile) {
  const ScratchFolder scratch;
  const auto failure = [&](const std::string& text) -> std::string {
    try {
      read_track(scratch.write("path.json", text));
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(failure("no json"), "");
  EXPECT_NE(failure(R"({"frames": 0.5, "frames_per_second": 20, "keyframes": []})").find("frames"),
            std::string::npos);
  EXPECT_NE(failure(R"({"frames": 5, "frames_per_second": 20, "keyframes": [{"h": 4}]})")
                .find("keyframe 0"),
            std::string::npos);
}

TEST(ViewState, AsksForBothFormsOfWhatIsShown) {
  ViewState state = state_with_scene();
  EXPECT_EQ(input_views(state), (std::vector<int>{1, 0}));
  EXPECT_EQ(state.snapped, 2);  // the first held-out view
  auto request = wanted_frame(state);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->sources.size(), 2U);
  EXPECT_TRUE(request->counterparts.empty());
  state.panes.resize(1);
  request = wanted_frame(state);
  ASSERT_EQ(request->counterparts.size(), 1U);
  EXPECT_EQ(request->counterparts[0].form, Form::kParallel);
  EXPECT_TRUE(is_same_request(*request, *wanted_frame(state)));
  state.view.camera.fx += 1;
  EXPECT_FALSE(is_same_request(*request, *wanted_frame(state)));
}

TEST(ViewState, AsksForNothingWithoutInputsAndOnlyForLoadedModels) {
  ViewState state = state_with_scene();
  state.panes[0].source.model = "another";
  EXPECT_EQ(needed_models(state).count("another"), 1U);
  EXPECT_EQ(wanted_frame(state)->sources.size(), 1U);
  state.reads = {0, 0, 0, 0};
  EXPECT_FALSE(wanted_frame(state));
  EXPECT_NE(pane_note(state, state.panes[0]).find("No view is read"), std::string::npos);
}

TEST(ViewState, InputsKeepTheirOrderAndNewOnesComeLast) {
  ViewState state = state_with_scene();
  state.reads[3] = 1;
  EXPECT_EQ(input_views(state), (std::vector<int>{1, 0, 3}));
  state.reads[1] = 0;
  EXPECT_EQ(input_views(state), (std::vector<int>{0, 3}));
  EXPECT_EQ(held_out_views(state), (std::vector<int>{1, 2}));
}

TEST(ViewState, ACancelledModelSwitchGoesBack) {
  ViewState state = state_with_scene();
  state.panes[0].previous_model = "nvs";
  state.panes[0].source.model = "large";
  state.loading.insert("large");
  EXPECT_NE(pane_note(state, state.panes[0]).find("Loading large"), std::string::npos);
  apply_event(state, Ended{WorkQueue::kLoad, 9, "large", true});
  EXPECT_EQ(state.panes[0].source.model, "nvs");
  EXPECT_TRUE(state.loading.empty());
}

TEST(ViewState, AnErrorIsShownWhereItHappenedAndInTheMessages) {
  ViewState state = state_with_scene();
  state.panes[0].source.model = "broken";
  state.loading.insert("broken");
  apply_event(state, Ended{WorkQueue::kLoad, 9, "broken", false, "the file is cut off"});
  EXPECT_EQ(pane_note(state, state.panes[0]), "the file is cut off");
  EXPECT_TRUE(state.messages.back().is_error);
  EXPECT_EQ(state.messages.back().text, "the file is cut off");
}

TEST(ViewState, ResultsOfAnEarlierSceneAreDropped) {
  ViewState state = state_with_scene();
  apply_event(state, Frame{.full = true, .scene = 4});
  apply_event(state, TableRow{.scene = 4});
  apply_event(state, Thumbnail{.scene = 4, .view = 99});
  EXPECT_FALSE(state.frame);
  EXPECT_TRUE(state.table.empty());
}

TEST(ViewState, DifferencesOfPictures) {
  const auto picture = [](float value) {
    return std::make_shared<const Image>(Image{1, 2, std::vector<float>(6, value)});
  };
  const auto difference = compare_pictures(picture(0.5F), picture(0.6F));
  ASSERT_TRUE(difference);
  EXPECT_NEAR(difference->max_absolute, 0.1, 1e-6);
  EXPECT_NEAR(difference->psnr, 20, 1e-4);
  EXPECT_FALSE(compare_pictures(picture(0), nullptr));
  EXPECT_NEAR(automatic_gain(*difference), 10, 1e-4);
  EXPECT_EQ(automatic_gain({.max_absolute = 0, .percentile = 0}), 1);
  EXPECT_EQ(automatic_gain({.max_absolute = 0.5, .percentile = 0}), 2);
}

// One saturated pixel does not darken all others, as it would if the largest difference decided.
TEST(ViewState, TheGainFollowsAlmostAllPixels) {
  Image a{20, 50, std::vector<float>(3000, 0.25F)};
  Image b = a;
  for (size_t pixel = 0; pixel < 1000; ++pixel) {
    b.rgb[pixel * 3 + 1] += 1e-3F * static_cast<float>(pixel + 1) / 1000;
  }
  for (const size_t pixel : {3, 400, 700}) {
    b.rgb[pixel * 3] = 1;
  }
  const auto difference =
      compare_pictures(std::make_shared<const Image>(a), std::make_shared<const Image>(b));
  ASSERT_TRUE(difference);
  EXPECT_NEAR(difference->max_absolute, 0.75, 1e-6);
  // Of 1,000 pixels 995 are at most this: three of the five above it are the saturated ones.
  EXPECT_NEAR(difference->percentile, 0.998e-3, 1e-6);
  EXPECT_NEAR(automatic_gain(*difference), 1002, 3);
}

TEST(ViewState, NoKeyframeIsLost) {
  const auto opened = [](uint64_t id, const std::string& path, int views) {
    OpenedScene scene = test_scene(views);
    scene.id = id;
    scene.path = path;
    return scene;
  };
  ViewState state;
  apply_event(state, opened(1, "a", 3));
  add_keyframe(state);
  add_keyframe(state);
  change_keyframes(state, turntable_keyframes(state.view));
  EXPECT_EQ(state.track.keyframes.size(), 13U);
  EXPECT_TRUE(undo_keyframes(state));
  EXPECT_EQ(state.track.keyframes.size(), 2U);
  EXPECT_TRUE(redo_keyframes(state));
  EXPECT_EQ(state.track.keyframes.size(), 13U);
  EXPECT_FALSE(redo_keyframes(state));
  // Read again with further views, then another scene and back.
  apply_event(state, opened(2, "a", 4));
  EXPECT_EQ(state.track.keyframes.size(), 13U);
  apply_event(state, opened(3, "b", 3));
  EXPECT_TRUE(state.track.keyframes.empty());
  EXPECT_FALSE(undo_keyframes(state));
  EXPECT_EQ(all_keyframes(state).at("a").size(), 13U);
  apply_event(state, opened(4, "a", 3));
  EXPECT_EQ(state.track.keyframes.size(), 13U);
}

}  // namespace
}  // namespace parallax::view
