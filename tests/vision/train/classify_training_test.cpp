// Training classifiers: the image cache, augmentation, batches, and a run that learns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <opencv2/imgproc.hpp>

#include "core/base/error.h"
#include "core/image/image.h"
#include "tests/support/classifier_fixture.h"
#include "tests/support/program.h"
#include "tests/support/scratch_folder.h"
#include "vision/images/classifier_preprocess.h"
#include "vision/train/classify/classify_task.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Two classes that differ in their main colour, which any classifier can learn.
void write_two_classes(const fs::path& folder, int count, int seed) {
  cv::RNG random(static_cast<uint64_t>(seed));
  for (int i = 0; i < count; ++i) {
    for (const bool red : {false, true}) {
      cv::Mat image(20, 24, CV_8UC3);
      random.fill(image, cv::RNG::UNIFORM, 0, 120);
      image += red ? cv::Scalar(120, 0, 0) : cv::Scalar(0, 0, 120);
      const fs::path path = folder / (red ? "red" : "n01443537") / (std::to_string(i) + ".png");
      fs::create_directories(path.parent_path());
      write_image(path, image);
    }
  }
}

TEST(ImageSet, DecodesOnceAndEqualsTheClassifiersView) {
  const ScratchFolder scratch;
  const fs::path folder = scratch.path() / "data";
  write_two_classes(folder, 3, 1);
  scratch.write("data/red/broken.png", "no picture");
  const ClassLabels labels = training_classes(folder, "").labels;
  ASSERT_EQ(labels.size(), 2);
  EXPECT_EQ(labels.short_name(0), "goldfish");  // the WordNet id's words
  EXPECT_EQ(labels[1].name, "red");
  int decoded = 0;
  ImageSetOptions options{.side = 16, .cache = scratch.path() / "cache"};
  options.on_image = [&](int64_t, int64_t) { ++decoded; };
  const ImageSet set = load_image_set(folder, labels, options);
  EXPECT_EQ(decoded, 7);
  EXPECT_EQ(set.classes, (std::vector<int>{0, 0, 0, 1, 1, 1}));
  ASSERT_EQ(set.skipped.size(), 1U);
  EXPECT_THAT(set.skipped[0], HasSubstr("broken.png"));
  const cv::Mat expected = crop_for_classifier(read_image(folder / "red" / "2.png"),
                                               {.height = 16, .width = 16, .resize_side = 16});
  EXPECT_EQ(cv::norm(set.pixels(5), expected, cv::NORM_INF), 0);
  const ImageSet again = load_image_set(folder, labels, options);
  EXPECT_EQ(decoded, 7);  // not decoded again
  EXPECT_EQ(cv::norm(again.pixels(5), expected, cv::NORM_INF), 0);
  write_random_image(folder / "red" / "9.png", 20, 20, 1);
  EXPECT_EQ(load_image_set(folder, labels, options).size(),
            7);  // a new cache
  EXPECT_EQ(decoded, 15);
}

// The file may be on a network file system and be cut off or replaced by another client.
TEST(ImageSet, ACacheCutOffWhileItIsUsedIsAnErrorNotACrash) {
  const ScratchFolder scratch;
  write_two_classes(scratch.path() / "data", 3, 1);
  const ClassLabels labels = training_classes(scratch.path() / "data", "").labels;
  const ImageSetOptions options{.side = 16, .cache = scratch.path() / "cache"};
  const ImageSet set = load_image_set(scratch.path() / "data", labels, options);
  for (const auto& entry : fs::directory_iterator(scratch.path() / "cache")) {
    if (entry.path().extension() == ".pixels") {
      fs::resize_file(entry.path(), 100);
    }
  }
  EXPECT_THROW(set.pixels(5), Error);
  EXPECT_EQ(load_image_set(scratch.path() / "data", labels, options).size(), 6);  // made anew
  for (const auto& entry : fs::directory_iterator(scratch.path() / "cache")) {
    if (entry.path().extension() == ".json") {
      scratch.write("cache/" + entry.path().filename().string(), "[[1]]");
    }
  }
  EXPECT_THROW(load_image_set(scratch.path() / "data", labels, options), Error);
}

TEST(Augment, KeepsShapesAndIsTheSameForTheSameSeed) {
  cv::RNG noise(1);
  cv::Mat image(32, 32, CV_8UC3);
  noise.fill(image, cv::RNG::UNIFORM, 0, 256);
  AugmentOptions options;
  options.distortions = 3;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Random a(seed);
    Random b(seed);
    const cv::Mat first = augment_image(image, options, a);
    ASSERT_EQ(first.size(), image.size());
    ASSERT_EQ(first.type(), CV_8UC3);
    EXPECT_EQ(cv::norm(first, augment_image(image, options, b), cv::NORM_INF), 0);
  }
}

TEST(Augment, MixturesKeepTheTargetsAProbability) {
  AugmentOptions options;
  options.mix_probability = 1;
  bool mixed = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Random random(seed);
    Tensor images = torch::stack({torch::zeros({3, 8, 8}), torch::ones({3, 8, 8})});
    Tensor targets = torch::eye(2);
    mix_images(images, targets, options, random);
    EXPECT_TRUE(torch::allclose(targets.sum(1), torch::ones({2})));
    // The first image is black and its partner white: its mean is the partner's share.
    EXPECT_NEAR(images[0].mean().item<double>(), targets[0][1].item<double>(), 1e-5);
    EXPECT_NEAR(images[1].mean().item<double>(), targets[1][1].item<double>(), 1e-5);
    mixed = mixed || targets[0][1].item<double>() > 0.1;
  }
  EXPECT_TRUE(mixed);
}

TEST(ClassifyTask, ATeachersProbabilitiesAreMixedIntoTheTargets) {
  const ScratchFolder scratch;
  write_two_classes(scratch.path() / "data", 3, 1);
  const ClassLabels labels = training_classes(scratch.path() / "data", "").labels;
  const ImageSet set = load_image_set(
      scratch.path() / "data", labels, {.side = 32, .cache = scratch.path() / "cache"});
  // Every image has its own probabilities, which identify it.
  const Tensor first = torch::arange(1, 7) / 10.0;
  const Tensor teacher = torch::stack({first, 1 - first}, 1);
  const AugmentOptions augment{.mix_probability = 0, .label_smoothing = 0};
  ClassifyTask task(random_classifier(small_vit3(2), 1),
                    set,
                    set,
                    labels,
                    augment,
                    ClassifyTaskOptions{.batch_size = 6, .teacher_weight = 0.25},
                    teacher,
                    nlohmann::json::object());
  const Tensor targets = std::get<0>(task.batch(0, 0, 1).targets.select(1, 0).sort());
  const Tensor truth = torch::tensor({1.0, 1.0, 1.0, 0.0, 0.0, 0.0});
  const Tensor expected = std::get<0>((0.75 * truth + 0.25 * first).sort());
  EXPECT_TRUE(torch::allclose(targets, expected.to(torch::kFloat32))) << targets << expected;
}

TEST(ClassifyTask, BatchesArePartsOfOneSequenceAndEpochsHoldEveryImageOnce) {
  const ScratchFolder scratch;
  write_two_classes(scratch.path() / "data", 6, 1);
  const ClassLabels labels = training_classes(scratch.path() / "data", "").labels;
  const ImageSet set = load_image_set(
      scratch.path() / "data", labels, {.side = 32, .cache = scratch.path() / "cache"});
  const AugmentOptions plain{.min_crop = 1,
                             .no_mirror = true,
                             .jitter = 0,
                             .distortions = 0,
                             .erase = 0,
                             .mix_probability = 0,
                             .label_smoothing = 0};
  const auto make = [&] {
    return std::make_unique<ClassifyTask>(random_classifier(small_vit3(2), 1),
                                          set,
                                          set,
                                          labels,
                                          plain,
                                          ClassifyTaskOptions{.batch_size = 4},
                                          Tensor(),
                                          nlohmann::json::object());
  };
  const auto task = make();
  std::vector<Tensor> seen;
  for (int64_t step = 0; step < 3; ++step) {  // one epoch of twelve
    const ClassifyBatch whole = task->batch(step, 0, 1);
    const ClassifyBatch half = make()->batch(step, 1, 2);
    EXPECT_TRUE(torch::equal(whole.images.slice(0, 2), half.images));
    EXPECT_TRUE(torch::equal(whole.targets.slice(0, 2), half.targets));
    for (int64_t i = 0; i < 4; ++i) {
      for (const Tensor& other : seen) {
        EXPECT_FALSE(torch::equal(other, whole.images[i]));
      }
      seen.push_back(whole.images[i]);
    }
  }
  EXPECT_THROW(task->batch(0, 0, 3), UsageError);
}

TEST(ClassifyTask, TrainingImagesGrowInTheCourseOfTheRun) {
  const ScratchFolder scratch;
  write_two_classes(scratch.path() / "data", 6, 1);
  const ClassLabels labels = training_classes(scratch.path() / "data", "").labels;
  const ImageSet set = load_image_set(
      scratch.path() / "data", labels, {.side = 32, .cache = scratch.path() / "cache"});
  const auto make = [&](const std::string& sizes) {
    return std::make_unique<ClassifyTask>(
        random_classifier(small_vit3(2), 1),
        set,
        set,
        labels,
        AugmentOptions{},
        ClassifyTaskOptions{.batch_size = 4, .train_size = sizes, .total_steps = 10},
        Tensor(),
        nlohmann::json::object());
  };
  const auto growing = make("16@0,32@0.5");
  EXPECT_EQ(growing->batch(4, 0, 1).images.sizes(), at::IntArrayRef({4, 3, 16, 16}));
  EXPECT_TRUE(growing->batch(5, 0, 1).images.equal(make("")->batch(5, 0, 1).images));
  EXPECT_THROW(make("32@0.5"), UsageError);
}

TEST(TrainClassify, LearnsTwoColoursInEveryModelAndCanBeUsed) {
  const ScratchFolder scratch;
  write_two_classes(scratch.path() / "train", 24, 1);
  write_two_classes(scratch.path() / "val", 10, 2);
  const auto path = [&](const char* name) { return (scratch.path() / name).string(); };
  for (const std::vector<std::string>& model :
       {std::vector<std::string>{"--variant", "3", "--dims", "32", "--depths", "2", "--heads", "2"},
        std::vector<std::string>{"--hierarchical",
                                 "--dims",
                                 "8",
                                 "16",
                                 "24",
                                 "32",
                                 "--depths",
                                 "1",
                                 "1",
                                 "1",
                                 "1",
                                 "--heads",
                                 "1",
                                 "1",
                                 "2",
                                 "2",
                                 "--patch-size",
                                 "4",
                                 "--drop-path",
                                 "0.1"}}) {
    const std::string run = path("run") + model.front();
    std::vector<std::string> words = {"train",
                                      "classify",
                                      "--data",
                                      path("train"),
                                      "--validation",
                                      path("val"),
                                      "--cache",
                                      path("cache"),
                                      "-o",
                                      run,
                                      "--image-size",
                                      "32",
                                      "--batch-size",
                                      "16",
                                      "--steps",
                                      "40",
                                      "--warmup-steps",
                                      "5",
                                      "--evaluate-every",
                                      "0",
                                      "--json",
                                      "-",
                                      "--quiet"};
    words.insert(words.end(), model.begin(), model.end());
    const ProgramResult trained = run_program(words);
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
    EXPECT_GE(nlohmann::json::parse(trained.out).at("score").get<double>(), 95) << trained.out;
    // The exported model gives the same accuracy through the user's command.
    const ProgramResult used = run_program({"classify",
                                            path("val"),
                                            "--model",
                                            run + "/model.safetensors",
                                            "-o",
                                            run + "/out",
                                            "--json",
                                            "-"});
    ASSERT_EQ(used.exit_code, 0) << used.err;
    const auto summary = nlohmann::json::parse(used.out);
    EXPECT_GE(summary.at("runs").at("parallel").at("top1").get<double>(), 0.95);
    EXPECT_EQ(summary.at("runs").at("parallel").at("images_with_known_class"), 20);
  }
}

}  // namespace
}  // namespace parallax::testing
