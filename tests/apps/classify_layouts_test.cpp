// `parallax classify` and `train classify` on image folders as data sets and tools leave them.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <set>
#include <sstream>

#include "core/image/heif_image.h"
#include "core/image/image.h"
#include "tests/support/classifier_fixture.h"
#include "tests/support/program.h"
#include "tests/support/scratch_folder.h"
#include "vision/images/classifier_preprocess.h"
#include "vision/train/classify/image_set.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

// Twelve images whose classes a random model of ImageNet's 1,000 gets right for every second one.
class Layouts : public ::testing::Test {
 protected:
  static constexpr int kImages = 12;

  void SetUp() override {
    save_classifier(model(), *random_classifier(small_vit3(1000), 3), labels_, {}, torch::kFloat32);
    classify(fill("plain", [](int) { return "images"; }));
    for (int i = 0; i < kImages; ++i) {
      const int predicted = predictions_.at(file_name(i));
      truths_.push_back(i % 2 == 0 ? predicted : (predicted + 500) % 1000);
    }
  }

  static std::string file_name(int i) { return fmt::format("ILSVRC2012_val_{:08d}.JPEG", i + 1); }

  fs::path model() const { return scratch_.path() / "model.safetensors"; }

  // A folder of the images, each in the sub-folder that `folder_of` names.
  template <class FolderOf>
  fs::path fill(const std::string& name, const FolderOf& folder_of) const {
    for (int i = 0; i < kImages; ++i) {
      const fs::path folder = scratch_.path() / name / folder_of(i);
      fs::create_directories(folder);
      cv::Mat image(40, 44, CV_8UC3);
      cv::RNG random(static_cast<uint64_t>(i) + 1);
      random.fill(image, cv::RNG::UNIFORM, 0, 256);
      const fs::path jpeg = scratch_.path() / "one.jpg";
      write_image(jpeg, image);
      fs::rename(jpeg, folder / file_name(i));
    }
    return scratch_.path() / name;
  }

  // The summary's accuracy; keeps what was predicted and written to stderr.
  json classify(const fs::path& path, const std::vector<std::string>& more = {}) {
    const std::string out = (scratch_.path() / "out").string();
    std::vector<std::string> words = {
        "classify", path.string(), "--model", model().string(), "-o", out, "--threads", "1"};
    words.insert(words.end(), more.begin(), more.end());
    const ProgramResult result = run_program(words);
    errors_ = result.err;
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::ifstream rows(out + "/results.jsonl");
    for (std::string line; std::getline(rows, line);) {
      const json row = json::parse(line);
      predictions_[fs::path(row.at("path").get<std::string>()).filename()] =
          row.at("results").at("parallel").at("top")[0].at("index");
    }
    return json::parse(read_bytes(out + "/summary.json")).at("runs").at("parallel");
  }

  // All twelve are known and six are right.
  void expect_half(const json& run, const std::string& layout) const {
    EXPECT_EQ(run.value("images_with_known_class", 0), kImages) << layout << "\n" << errors_;
    EXPECT_EQ(run.value("top1", -1.0), 0.5) << layout;
    EXPECT_FALSE(run.contains("occurring_classes_alone") &&
                 run.at("occurring_classes_alone").at("top1").get<double>() < 0.5)
        << layout;
    EXPECT_THAT(errors_, Not(HasSubstr("no accuracy"))) << layout;
  }

  // One line per image.
  template <class LineOf>
  std::string lines(const LineOf& line_of) const {
    std::ostringstream text;
    for (int i = 0; i < kImages; ++i) {
      text << line_of(i, truths_[static_cast<size_t>(i)]) << "\n";
    }
    return text.str();
  }

  ScratchFolder scratch_;
  ClassLabels labels_ = imagenet_labels();
  std::vector<int> truths_;
  std::map<std::string, int> predictions_;
  std::string errors_;
};

TEST_F(Layouts, EveryLayoutGivesTheSameAccuracy) {
  const auto truth = [&](int i) { return truths_[static_cast<size_t>(i)]; };
  EXPECT_THAT(errors_, HasSubstr("no accuracy"));
  expect_half(classify(fill("ids", [&](int i) { return labels_[truth(i)].id; })), "ids");
  expect_half(classify(fill("tiny", [&](int i) { return labels_[truth(i)].id + "/images"; })),
              "ids/images");
  const fs::path numbers = fill("numbers", [&](int i) { return std::to_string(truth(i)); });
  for (const char* tool :
       {".ipynb_checkpoints", "__MACOSX", "@eaDir", ".cache", "empty", "extra"}) {
    fs::create_directories(numbers / tool);
  }
  scratch_.write("numbers/.cache/thumbnail.jpg", "no picture");
  scratch_.write("numbers/__MACOSX/._a.jpg", "no picture");
  scratch_.write("numbers/extra/notes.txt", "");
  scratch_.write("numbers/" + std::to_string(truth(0)) + "/._x.JPEG", "no picture");
  expect_half(classify(numbers), "numbers beside folders of tools");
  EXPECT_THAT(errors_, HasSubstr(".cache, .ipynb_checkpoints, @eaDir, __MACOSX"));
  fs::create_directories(scratch_.path() / "unpacked");
  fs::rename(numbers, scratch_.path() / "unpacked/imagenetv2");
  expect_half(classify(scratch_.path() / "unpacked"), "numbers a folder further down");

  const fs::path flat = fill("val", [](int) { return "images"; });
  const auto id = [&](int index) { return labels_[index].id; };
  const std::pair<const char*, std::string> files[] = {
      {"val_annotations.txt",
       lines([&](int i, int t) { return file_name(i) + "\t" + id(t) + "\t0\t0\t62\t62"; })},
      {"../LOC_val_solution.csv", "ImageId,PredictionString\n" + lines([&](int i, int t) {
                                    return fs::path(file_name(i)).stem().string() + "," + id(t) +
                                           " 1 2 3 4 ";
                                  })},
      {"real.json", "[" + lines([&](int i, int t) {
                      return "[" + std::to_string(t) + (i + 1 < kImages ? "]," : "]");
                    }) + "]"},
      {"truth.csv",
       lines([&](int i, int t) { return "images/" + file_name(i) + "," + std::to_string(t); })},
      {"truth.tsv",
       "file\tname\n" + lines([&](int i, int t) { return file_name(i) + "\t" + labels_[t].id; })}};
  fs::create_directories(scratch_.path() / "elsewhere");
  for (const auto& [name, text] : files) {
    const fs::path file = scratch_.write(std::string("val/") + name, text);
    expect_half(classify(flat), name);
    EXPECT_THAT(errors_, HasSubstr("classes were read from"));
    expect_half(classify(flat / "images"), name);
    expect_half(classify(flat / "images" / "*.JPEG"), std::string(name) + " and a pattern");
    fs::remove(file);
    const fs::path elsewhere =
        scratch_.write("elsewhere/" + fs::path(name).filename().string(), text);
    expect_half(classify(scratch_.path() / "plain", {"--truth", elsewhere.string()}), name);
  }
}

TEST_F(Layouts, SeveralRightClassesAndNone) {
  // Of every image the predicted class is one of two; the last two images have none.
  std::string text = "[";
  for (int i = 0; i < kImages; ++i) {
    const int predicted = predictions_.at(file_name(i));
    text += i >= kImages - 2 ? "[]" : json({(predicted + 1) % 1000, predicted}).dump();
    text += i + 1 < kImages ? "," : "]";
  }
  scratch_.write("plain/real.json", text);
  const json run = classify(scratch_.path() / "plain");
  EXPECT_EQ(run.at("images_with_known_class"), kImages - 2);
  EXPECT_EQ(run.at("top1"), 1);
}

TEST_F(Layouts, OccurringClassesAloneAreRankedAgain) {
  const json run =
      classify(fill("ids", [&](int i) { return labels_[truths_[static_cast<size_t>(i)]].id; }));
  const std::set<int> occurring(truths_.begin(), truths_.end());
  const json& alone = run.at("occurring_classes_alone");
  EXPECT_EQ(alone.at("classes"), occurring.size());
  EXPECT_GE(alone.at("top1"), run.at("top1"));
  EXPECT_GE(alone.at("top5"), run.at("top5"));
  // Recounted from the model itself.
  const Classifier classifier = load_classifier(model().string());
  int right = 0;
  for (int i = 0; i < kImages; ++i) {
    const int truth = truths_[static_cast<size_t>(i)];
    const cv::Mat image = read_image(scratch_.path() / "ids" / labels_[truth].id / file_name(i));
    const torch::NoGradGuard no_grad;
    const Tensor logits = classifier.module->forward(
        normalised_image(crop_for_classifier(image, {.height = 32, .width = 32})).unsqueeze(0),
        {})[0];
    int best = truth;
    for (const int other : occurring) {
      best = logits[other].item<float>() > logits[best].item<float>() ? other : best;
    }
    right += best == truth ? 1 : 0;
  }
  EXPECT_NEAR(alone.at("top1").get<double>(), static_cast<double>(right) / kImages, 1e-12);
}

TEST_F(Layouts, NumbersBeyondTheClassesAndAmbiguousNamesAreSaid) {
  classify(fill("years", [](int i) { return i == 0 ? "1000" : std::to_string(i); }));
  EXPECT_THAT(errors_, HasSubstr("there is '1000', but the model's classes are 0 to 999"));
  classify(fill("names", [](int i) { return i == 0 ? "Cardigan" : "crane"; }));
  EXPECT_THAT(errors_, HasSubstr("'crane' is that of 2 classes: n02012849 (134), n03126707 (517)"));
  EXPECT_EQ(errors_.find("'crane'"), errors_.rfind("'crane'"));
}

TEST_F(Layouts, OtherPicturesAreCounted) {
  for (const char* name : {"a.jxl", "b.JXL", "c.cr2", "notes.txt", ".DS_Store"}) {
    scratch_.write("plain/images/" + std::string(name), "");
    fs::create_directories(scratch_.path() / "raw");
    scratch_.write("raw/" + std::string(name), "");
  }
  classify(scratch_.path() / "plain");
  EXPECT_THAT(errors_, HasSubstr("2 JPEG XL pictures and 1 camera raw picture left out; convert"));
  const ProgramResult result = run_program({"classify",
                                            (scratch_.path() / "raw").string(),
                                            "--model",
                                            model().string(),
                                            "-o",
                                            (scratch_.path() / "out").string()});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("2 JPEG XL pictures and 1 camera raw picture, which are not"));
}

TEST_F(Layouts, OrientationIsAppliedWhereAskedFor) {
  const fs::path sample = fs::path(PARALLAX_SOURCE_DIR) / "tests/images/photo.jpg";
  fs::create_directories(scratch_.path() / "turned");
  std::string jpeg = read_bytes(sample);
  const std::string exif(
      "\xff\xe1\0\x22"
      "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0",
      36);
  scratch_.write("turned/a.jpg", jpeg.substr(0, 2) + exif + jpeg.substr(2));
  const auto size = [&](const std::vector<std::string>& more) {
    classify(scratch_.path() / "turned", more);
    std::ifstream rows(scratch_.path() / "out/results.jsonl");
    std::string line;
    std::getline(rows, line);
    return json::parse(line).at("size");
  };
  EXPECT_EQ(size({}), json({45, 60}));
  EXPECT_EQ(size({"--upright"}), json({60, 45}));
}

TEST_F(Layouts, TrainingTakesTheSameFolders) {
  const auto half = [](int i) { return std::to_string(i % 2 == 0 ? 9 : 10); };
  const fs::path data = fill("data", half);
  fs::create_directories(data / ".ipynb_checkpoints");
  fs::create_directories(data / "11");  // without images
  const fs::path flat = fill("flat", [](int) { return ""; });
  scratch_.write("flat/truth.csv", lines([&](int i, int) { return file_name(i) + "," + half(i); }));
  const auto train = [&](const fs::path& training, const fs::path& validation) {
    const ProgramResult result = run_program({"train",        "classify",
                                              "--data",       training.string(),
                                              "--validation", validation.string(),
                                              "--cache",      (scratch_.path() / "cache").string(),
                                              "-o",           (scratch_.path() / "run").string(),
                                              "--dims",       "16",
                                              "--depths",     "1",
                                              "--heads",      "2",
                                              "--image-size", "32",
                                              "--steps",      "1",
                                              "--batch-size", "4",
                                              "--threads",    "1"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    errors_ = result.err;
    fs::remove_all(scratch_.path() / "run");
  };
  train(data, data);
  EXPECT_THAT(errors_, HasSubstr("12 images of 2 classes"));
  EXPECT_THAT(errors_, HasSubstr("no images and are no classes, the first being 11"));
  train(flat, flat);
  EXPECT_THAT(errors_, HasSubstr("12 images of 2 classes"));
  for (const fs::path& folder : {data, flat}) {
    const TrainingClasses classes = training_classes(folder, "");
    ASSERT_EQ(classes.labels.size(), 2);
    EXPECT_EQ(classes.labels[0].name, "9");  // in the order of numbers
    const ImageSet set = load_image_set(
        folder,
        classes.labels,
        {.side = 16, .cache = scratch_.path() / "cache", .truth_file = classes.truth_file});
    EXPECT_EQ(std::count(set.classes.begin(), set.classes.end(), 0), kImages / 2) << folder;
    EXPECT_EQ(set.unlabelled, 0);
  }
}

// A softmax of NaN still has a largest entry: these images would be given some class.
TEST_F(Layouts, AnOutputThatIsNoNumberIsNoClass) {
  const auto huge = random_classifier(small_vit3(1000), 3);
  {
    const torch::NoGradGuard no_grad;
    for (auto& item : huge->named_parameters()) {
      if (item.key().starts_with("norm.") || item.key().starts_with("head.")) {
        item.value().mul_(1e30);  // finite, but not once multiplied
      }
    }
  }
  const fs::path file = scratch_.path() / "huge.safetensors";
  save_classifier(file, *huge, labels_, {}, torch::kFloat32);
  const ProgramResult result = run_program({"classify",
                                            (scratch_.path() / "plain").string(),
                                            "--model",
                                            file.string(),
                                            "-o",
                                            (scratch_.path() / "out").string()});
  EXPECT_EQ(result.exit_code, 3) << result.err;
  const json summary = json::parse(read_bytes(scratch_.path() / "out/summary.json"));
  EXPECT_EQ(summary.at("broken"), kImages);
  EXPECT_THAT(read_bytes(scratch_.path() / "out/results.jsonl"), HasSubstr("output is NaN"));
  EXPECT_THAT(read_bytes(scratch_.path() / "out/results.jsonl"), Not(HasSubstr("null")));
}

// The samples of ../shared/cases/folders, which real tools left.
TEST(SharedFolders, AreReadAsTheirLinesSay) {
  const fs::path cases = fs::path(PARALLAX_SOURCE_DIR) / "../shared/cases/folders";
  if (!fs::exists(cases)) {
    GTEST_SKIP() << "there is no " << cases;
  }
  const ScratchFolder scratch;
  const auto classify = [&](const fs::path& path) {
    const ProgramResult result =
        run_program({"classify", (cases / path).string(), "-o", (scratch.path() / "out").string()});
    EXPECT_EQ(result.exit_code, 0) << path << result.err;
    return json::parse(read_bytes(scratch.path() / "out/summary.json"));
  };
  const auto known = [](const json& summary) {
    return summary.at("runs").begin()->value("images_with_known_class", 0);
  };
  EXPECT_EQ(known(classify("hidden-folder-in-classes/data")), 12);
  EXPECT_EQ(known(classify("flat-val-with-label-file/tiny-imagenet-200/val")), 6);
  EXPECT_EQ(known(classify("flat-val-with-label-file/tiny-imagenet-200/val/images")), 6);
  EXPECT_EQ(known(classify("flat-val-with-label-file/ILSVRC/Data/CLS-LOC/val")), 6);
  if (can_decode_heic()) {
    EXPECT_EQ(classify("heic-left-out/mixed").at("classified"), 4);
    EXPECT_EQ(classify("heic-left-out/only-heic").at("classified"), 2);
  }
}

}  // namespace
}  // namespace parallax::testing
