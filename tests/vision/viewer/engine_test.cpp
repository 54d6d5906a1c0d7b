// The worker on real models and a real scene: the same values as `render` and `compare`, both read
// modes, errors as messages.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

#include "apps/classify/classify_engine.h"
#include "core/image/image.h"
#include "tests/support/classifier_fixture.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/wait_until.h"
#include "vision/eval/evaluate.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/viewer/view_engine.h"
#include "vision/viewer/work_functions.h"

namespace parallax::view {
namespace {

const std::string kScene = std::string(PARALLAX_SOURCE_DIR) + "/assets/scenes/procedural_a";
const std::string kBroken = std::string(PARALLAX_SOURCE_DIR) + "/README.md";

// A worker on the engine, with the bundled scene open.
class EngineTest : public ::testing::Test {
 protected:
  EngineTest() : worker_(make_work_functions({}), {.quick_frame_seconds = 0}) {
    const auto events = finish(WorkQueue::kLoad, worker_.open({.path = kScene, .model = "nvs-v2"}));
    for (const Event& event : events) {
      if (const auto* opened = std::get_if<OpenedScene>(&event)) {
        scene_ = *opened;
      }
    }
  }

  std::vector<Event> finish(WorkQueue queue, uint64_t id) {
    std::vector<Event> all;
    EXPECT_TRUE(testing::wait_until([&] {
      for (Event& event : worker_.take_events()) {
        all.push_back(std::move(event));
      }
      const auto* ended = all.empty() ? nullptr : std::get_if<Ended>(&all.back());
      if (ended == nullptr || ended->queue != queue || ended->id != id) {
        return false;
      }
      error_ = ended->error;
      return true;
    })) << "the worker did not finish";
    return all;
  }

  template <class T>
  std::vector<T> run_task(TaskRequest request) {
    std::vector<T> results;
    for (Event& event : finish(WorkQueue::kTask, worker_.start_task(std::move(request)))) {
      if (auto* result = std::get_if<T>(&event)) {
        results.push_back(std::move(*result));
      }
    }
    return results;
  }

  std::vector<Frame> frames(const FrameRequest& request) {
    std::vector<Frame> results;
    for (Event& event : finish(WorkQueue::kFrame, worker_.request_frame(request))) {
      if (auto* frame = std::get_if<Frame>(&event)) {
        results.push_back(std::move(*frame));
      }
    }
    return results;
  }

  FrameRequest request_of(const ModelSource& source, int view) const {
    return {.scene = scene_.id,
            .sources = {source},
            .counterparts = {other_form(source)},
            .inputs = scene_.inputs,
            .camera = scene_.views.at(view).camera,
            .view = view};
  }

  RenderWorker worker_;
  OpenedScene scene_;
  std::string error_;
};

// Of a scene's photographs, opening reads the headers, and the files of those that are inputs.
TEST_F(EngineTest, OpeningReadsNoPixels) {
  const testing::ScratchFolder scratch;
  const std::filesystem::path folder = scratch.path() / "scene";
  std::filesystem::copy(kScene, folder, std::filesystem::copy_options::recursive);
  const Scene scene = load_scene(folder);
  const auto cut = [&](int view, std::uintmax_t bytes) {
    std::filesystem::resize_file(scene.views.at(view).image_path, bytes);
  };
  std::vector<int> others;
  for (int view = 0; view < 32; ++view) {
    if (std::find(scene_.inputs.begin(), scene_.inputs.end(), view) == scene_.inputs.end()) {
      others.push_back(view);
    }
  }
  cut(scene_.inputs.at(1), 1000);  // is not whole: another becomes an input
  cut(others.at(0), 20);           // has not even a header
  const auto events =
      finish(WorkQueue::kLoad, worker_.open({.path = folder.string(), .model = "nvs-v2"}));
  for (const Event& event : events) {
    if (const auto* opened = std::get_if<OpenedScene>(&event)) {
      scene_ = *opened;
    }
  }
  EXPECT_EQ(error_, "");
  ASSERT_EQ(scene_.views.size(), 30U);
  EXPECT_EQ(scene_.inputs.size(), 8U);
  EXPECT_NE(scene_.notes.back().find("2 of 32 views are left out"), std::string::npos);
  // A view whose photograph is damaged is rendered all the same, without truth.
  int view = 0;
  while (std::find(scene_.inputs.begin(), scene_.inputs.end(), view) != scene_.inputs.end()) {
    ++view;
  }
  std::filesystem::resize_file(folder / scene_.views.at(view).name, 1000);
  const auto got = frames(request_of({"nvs-v2", Form::kRecurrent}, view));
  ASSERT_FALSE(got.empty());
  EXPECT_EQ(got.back().truth, nullptr);
  EXPECT_NE(got.back().truth_error.find("truncated"), std::string::npos) << got.back().truth_error;
  EXPECT_NE(got.back().sources.at(0).picture, nullptr);
  EXPECT_TRUE(std::isnan(got.back().sources.at(0).quality.psnr));
}

TEST_F(EngineTest, AFrameIsWhatRenderMakesOfThatView) {
  ASSERT_EQ(scene_.views.size(), 32U);
  const int view = 3;
  const auto got = frames(request_of({"nvs-v2", Form::kRecurrent}, view));
  ASSERT_EQ(got.size(), 2U);
  EXPECT_FALSE(got[0].full);
  EXPECT_EQ(got[0].sources.at(0).picture->height, 32);
  const Frame& frame = got[1];
  ASSERT_EQ(frame.sources.size(), 2U);

  const NvsModel model = load_nvs_model("nvs-v2");
  const PreparedScene prepared =
      prepare_scene(load_scene(kScene), model, {.input_views = "8", .target_views = "3,"});
  ASSERT_EQ(prepared.inputs.indices, scene_.inputs);
  for (const Form form : {Form::kRecurrent, Form::kParallel}) {
    const FormEvaluation expected = evaluate_form(model, prepared, form, {});
    const SourceFrame& source = frame.sources.at(form == Form::kRecurrent ? 0 : 1);
    ASSERT_EQ(source.source.form, form);
    EXPECT_NEAR(source.quality.psnr, expected.mean.psnr, 1e-4);
    EXPECT_NEAR(source.quality.ssim, expected.mean.ssim, 1e-5);
    EXPECT_NEAR(source.quality.masked_psnr, expected.mean.masked_psnr, 1e-4);
    const cv::Mat bytes = to_bytes(*source.picture);
    const Tensor rounded = (expected.images[0].clamp(0, 1) * 255).round();
    for (int row = 0; row < 64; row += 7) {
      for (int col = 0; col < 64; col += 5) {
        EXPECT_EQ(bytes.at<cv::Vec3b>(row, col)[1], rounded[1][row][col].item<float>());
      }
    }
  }
  ASSERT_EQ(frame.pairs.size(), 1U);
  EXPECT_LT(frame.pairs[0].max_absolute, 1e-4);
  EXPECT_GT(frame.pairs[0].psnr, 100);
  ASSERT_NE(frame.truth, nullptr);
  ASSERT_NE(frame.nearest, nullptr);
}

TEST_F(EngineTest, StreamedReadingIsAnotherComputationInBothForms) {
  const ModelSource streamed{"nvs-v2", Form::kRecurrent, ReadMode::kStreamed};
  const Frame frame = frames(request_of(streamed, 3)).back();
  ASSERT_EQ(frame.pairs.size(), 1U);
  EXPECT_LT(frame.pairs[0].max_absolute, 1e-3);  // the forms agree
  const Frame batch = frames(request_of({"nvs-v2", Form::kRecurrent}, 3)).back();
  EXPECT_GT(std::abs(batch.sources[0].quality.psnr - frame.sources[0].quality.psnr), 1e-3);
}

TEST(StreamedReading, IsWhatExtendGivesViewAfterView) {
  const torch::InferenceMode inference;
  const PreparedScene scene = prepare_scene(
      load_scene(kScene), load_nvs_model("nvs-v2"), {.input_views = "4", .target_views = "0"});
  for (const char* name : {"nvs-v0", "nvs-v2"}) {
    const NvsModel model = load_nvs_model(name);
    const auto images = [&](int64_t view) { return scene.inputs.images.slice(1, view, view + 1); };
    const auto camera = [&](int64_t view) { return scene.inputs.batch.slice(view, view + 1); };
    SceneState grown = model.module->reconstruct(images(0), camera(0), Form::kRecurrent);
    for (int64_t view = 1; view < 4; ++view) {
      grown = model.module->extend(grown, images(view), camera(view));
    }
    const SceneState streamed = model.module->reconstruct_streamed(
        scene.inputs.images, scene.inputs.batch, Form::kRecurrent);
    EXPECT_EQ(streamed.views, 4);
    for (size_t block = 0; block < grown.blocks.size(); ++block) {
      const Tensor difference = grown.blocks[block].weights.w1 - streamed.blocks[block].weights.w1;
      // Products over one view and over four are summed in different orders.
      EXPECT_LT(difference.abs().max().item<float>(), 1e-4F) << name << ", block " << block;
    }
  }
}

TEST_F(EngineTest, ViewsOfAnotherSceneAreAddedAndRead) {
  const std::string other = std::string(PARALLAX_SOURCE_DIR) + "/assets/scenes/procedural_b";
  OpenRequest request{.path = kScene, .model = "nvs-v2", .input_views = "2"};
  request.added = {other};
  for (const Event& event : finish(WorkQueue::kLoad, worker_.open(request))) {
    if (const auto* opened = std::get_if<OpenedScene>(&event)) {
      scene_ = *opened;
    }
  }
  EXPECT_EQ(error_, "");
  EXPECT_EQ(scene_.views.size(), 64U);
  EXPECT_EQ(scene_.inputs.size(), 2U + 32U);
  EXPECT_EQ(scene_.inputs.back(), 63);
  EXPECT_EQ(scene_.added, request.added);
}

TEST_F(EngineTest, SaysWhyThereIsNoParallelStream) {
  const ModelSource streamed{"nvs-v0", Form::kRecurrent, ReadMode::kStreamed};
  const Frame frame = frames(request_of(streamed, 3)).back();
  ASSERT_EQ(frame.sources.size(), 2U);
  EXPECT_NE(frame.sources[0].picture, nullptr);
  EXPECT_NE(frame.sources[1].error.find("W0 and W2 are updated"), std::string::npos);
  ASSERT_EQ(frame.pairs.size(), 1U);
  EXPECT_NE(frame.pairs[0].missing.find("W0 and W2"), std::string::npos);
}

TEST_F(EngineTest, TheTableHasTheNumbersOfEvaluate) {
  const std::vector<ModelSource> sources = {{"nvs-v6", Form::kRecurrent},
                                            {"nvs-v6", Form::kParallel}};
  const auto rows = run_task<TableRow>(TableTask{scene_.id, sources, scene_.inputs});
  ASSERT_EQ(rows.size(), 2U * 24U);
  const NvsModel model = load_nvs_model("nvs-v6");
  const PreparedScene prepared = prepare_scene(load_scene(kScene), model, {});
  const FormEvaluation expected = evaluate_form(model, prepared, Form::kParallel, {});
  const TableRow& last = rows.back();
  EXPECT_EQ(last.variant, "6");
  EXPECT_NEAR(last.mean.psnr, expected.mean.psnr, 1e-4);
  EXPECT_NEAR(last.mean.ssim, expected.mean.ssim, 1e-5);
  EXPECT_EQ(last.views, prepared.targets.indices);
  EXPECT_NEAR(last.psnrs[5], expected.views[5].psnr, 1e-3);
  EXPECT_LT(last.pair.max_absolute, 1e-4);
}

// A scene of 2,000 photographs is not read for a table that nobody may look at.
TEST_F(EngineTest, OfALargeSceneTheTableMeasuresSomeViews) {
  OpenRequest request{.path = kScene, .model = "nvs-v2", .input_views = "2"};
  request.added = {kScene, kScene};
  for (const Event& event : finish(WorkQueue::kLoad, worker_.open(request))) {
    if (const auto* opened = std::get_if<OpenedScene>(&event)) {
      scene_ = *opened;
    }
  }
  ASSERT_EQ(scene_.views.size(), 96U);
  const auto rows =
      run_task<TableRow>(TableTask{scene_.id, {{"nvs-v2", Form::kParallel}}, {0, 1, 2}});
  ASSERT_EQ(rows.size(), kMostTableViews);
  EXPECT_EQ(rows.back().all_views, static_cast<int>(kMostTableViews));
  EXPECT_EQ(rows.back().views.front(), 3);
  EXPECT_GE(rows.back().views.back(), 93) << "evenly spread";
}

TEST_F(EngineTest, AThumbnailIsOneViewsOrSaysThatThereIsNone) {
  const auto got = run_task<Thumbnail>(ThumbnailTask{.scene = scene_.id, .view = 3, .side = 32});
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].view, 3);
  ASSERT_NE(got[0].picture, nullptr);
  EXPECT_EQ(got[0].picture->width, 32);
  const auto closed = run_task<Thumbnail>(ThumbnailTask{.scene = scene_.id + 9, .view = 3});
  ASSERT_EQ(closed.size(), 1U);
  EXPECT_EQ(closed[0].picture, nullptr);
  EXPECT_EQ(error_, "");
}

TEST_F(EngineTest, TheCurveBeginsWhereBothReadingsAreOne) {
  const auto points = run_task<CurvePoint>(CurveTask{scene_.id, "nvs-v2", scene_.inputs});
  ASSERT_EQ(points.size(), 8U);
  EXPECT_NEAR(points[0].batch_psnr, points[0].streamed_psnr, 1e-6);
  EXPECT_GT(points[7].batch_psnr, points[0].batch_psnr);
}

TEST_F(EngineTest, TheProbeShowsMoreInnerStepsLowerTheLoss) {
  ModelSource source{"nvs-v2", Form::kRecurrent};
  source.change.inner_steps = 8;
  const auto results =
      run_task<TokenProjection>(ProjectionTask{scene_.id, source, scene_.inputs, 1});
  ASSERT_EQ(results.size(), 1U) << error_;
  EXPECT_EQ(results[0].losses.size(), 9U);
  EXPECT_LT(results[0].losses.back(), results[0].losses.front());
  EXPECT_EQ(results[0].queries.size(), results[0].keys.size());
  EXPECT_GT(results[0].queries.size(), 100U);
  source.change.ascent = true;
  const auto ascent =
      run_task<TokenProjection>(ProjectionTask{scene_.id, source, scene_.inputs, 1});
  EXPECT_GT(ascent.at(0).losses.back(), ascent.at(0).losses.front());
}

TEST_F(EngineTest, AChangedRuleDoesNotStay) {
  ModelSource changed{"nvs-v2", Form::kRecurrent};
  const Frame before = frames(request_of(changed, 3)).back();
  changed.change.inner_steps = 16;
  const Frame other = frames(request_of(changed, 3)).back();
  EXPECT_LT(other.sources[0].quality.psnr, before.sources[0].quality.psnr - 0.1);
  FrameRequest fewer = request_of({"nvs-v2", Form::kRecurrent}, 3);
  std::swap(fewer.inputs[0], fewer.inputs[1]);  // not the remembered reconstruction
  EXPECT_NEAR(frames(fewer).back().sources[0].quality.psnr, before.sources[0].quality.psnr, 1e-3);
}

TEST(ViewEngine, OfManyModelsTheTwoUsedLastStayInMemory) {
  view::ViewEngine all({});
  const view::ModelPtr kept = all.model("nvs-v2");
  all.model("nvs-v3");
  all.model("nvs-v4");
  EXPECT_EQ(all.model("nvs-v2"), kept);

  view::ViewEngine few({.model_bytes = 1});
  const view::ModelPtr first = few.model("nvs-v2");
  const view::ModelPtr second = few.model("nvs-v3");
  EXPECT_EQ(few.model("nvs-v2"), first);
  few.model("nvs-v4");  // the third: v3 was used before v2
  EXPECT_EQ(few.model("nvs-v2"), first);
  EXPECT_NE(few.model("nvs-v3"), second);
}

// All nine together would take several times the memory of those on the screen.
TEST(ViewEngine, ModelsThatNoPaneShowsAreForgottenOnRequest) {
  view::ViewEngine engine({});
  engine.load_model("nvs-v2");  // for a pane
  const view::ModelPtr shown = engine.model("nvs-v2");
  const std::weak_ptr<NvsModel> other = engine.model("nvs-v3");
  engine.forget_unless_shown("nvs-v2");
  EXPECT_EQ(engine.model("nvs-v2"), shown);
  engine.forget_unless_shown("nvs-v3");
  EXPECT_TRUE(other.expired());
}

TEST_F(EngineTest, ErrorsAreSentences) {
  finish(WorkQueue::kLoad, worker_.open({.path = kBroken, .model = "nvs-v2"}));
  EXPECT_NE(error_.find("README.md"), std::string::npos) << error_;
  finish(WorkQueue::kLoad, worker_.load_model(kBroken));
  EXPECT_NE(error_.find("README.md"), std::string::npos) << error_;
  const testing::ScratchFolder empty;
  finish(WorkQueue::kTask,
         worker_.start_task(ClassifyFolderTask{empty.path().string(), "no-such-model"}));
  EXPECT_NE(error_.find("no-such-model"), std::string::npos) << error_;
}

TEST_F(EngineTest, ClassifiesTransparentImagesAsTheCommandDoes) {
  const testing::ScratchFolder scratch;
  const auto model = scratch.path() / "tiny.safetensors";
  testing::write_random_classifier(model, testing::small_vit3(7), 1);
  std::filesystem::create_directories(scratch.path() / "images");
  cv::Mat image(40, 50, CV_8UC4);
  cv::RNG random(3);
  random.fill(image, cv::RNG::UNIFORM, 0, 256);
  write_image(scratch.path() / "images" / "a.png", image);
  const auto rows = run_task<ClassifiedRow>(
      ClassifyFolderTask{(scratch.path() / "images").string(), model.string()});
  ASSERT_EQ(rows.size(), 1U) << error_;
  ClassifyEngine engine({load_classifier(model.string())}, {.forms = {Form::kParallel}});
  std::vector<LoadedImage> images = {load_image({.path = scratch.path() / "images" / "a.png"},
                                                {.view = {.height = 32, .width = 32}})};
  const auto expected = engine.classify(images).at(0).image.runs.at(0);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(rows[0].top.at(i).parallel, expected.top.at(i).probability, 1e-6);
  }
}

TEST_F(EngineTest, ClassifiesAFolderInBothForms) {
  const testing::ScratchFolder scratch;
  const auto model = scratch.path() / "tiny.safetensors";
  testing::write_random_classifier(model, testing::small_vit3(7), 1);
  std::filesystem::create_directories(scratch.path() / "images" / "tench");
  for (int i = 0; i < 3; ++i) {
    testing::write_random_image(
        scratch.path() / "images" / "tench" / (std::to_string(i) + ".png"), 40, 50, i);
  }
  scratch.write("images/tench/broken.png", "no image");
  const auto rows = run_task<ClassifiedRow>(
      ClassifyFolderTask{(scratch.path() / "images").string(), model.string()});
  ASSERT_EQ(rows.size(), 4U) << error_;
  int errors = 0;
  for (const ClassifiedRow& row : rows) {
    EXPECT_EQ(row.truth, "tench");
    if (!row.error.empty()) {
      ++errors;
      continue;
    }
    EXPECT_EQ(row.top.size(), 5U);
    EXPECT_EQ(row.recurrent_top1, row.parallel_top1);
    EXPECT_LT(row.largest_difference, 1e-4);
    EXPECT_EQ(row.thumbnail->width, 48);
  }
  EXPECT_EQ(errors, 1);
}

}  // namespace
}  // namespace parallax::view
