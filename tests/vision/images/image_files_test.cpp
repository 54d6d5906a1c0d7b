// Walking over image files, class labels, and the loader's threads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "core/base/error.h"
#include "tests/support/classifier_fixture.h"
#include "tests/support/scratch_folder.h"
#include "tests/support/wait_until.h"
#include "vision/images/image_loader.h"

namespace parallax::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

ClassLabels three_labels() {
  return ClassLabels({{"n01443537", "goldfish, Carassius auratus"},
                      {"n02012849", "crane"},
                      {"n03126707", "crane"}});
}

std::vector<ImageFile> all_files(ImageFilesOptions options) {
  ImageFiles files(std::move(options));
  std::vector<ImageFile> found;
  while (auto file = files.next()) {
    found.push_back(*file);
  }
  return found;
}

std::vector<std::string> relative_paths(const std::vector<ImageFile>& files, const fs::path& root) {
  std::vector<std::string> paths;
  for (const ImageFile& file : files) {
    paths.push_back(fs::relative(file.path, root).string());
  }
  return paths;
}

void touch(const fs::path& path) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path);
}

TEST(ImageFiles, WalksFoldersInTheOrderOfNames) {
  const ScratchFolder scratch;
  for (const char* name : {"b/2.PNG", "b/10.jpg", "a.jpeg", "c/d/e.webp", "notes.txt", "b/x"}) {
    touch(scratch.path() / name);
  }
  ImageFiles files({.paths = {scratch.path().string()}});
  std::vector<std::string> paths;
  while (auto file = files.next()) {
    paths.push_back(fs::relative(file->path, scratch.path()).string());
  }
  EXPECT_THAT(paths, ElementsAre("a.jpeg", "b/10.jpg", "b/2.PNG", "c/d/e.webp"));
  EXPECT_EQ(files.passed_over().other_files, 2);
  EXPECT_EQ(count_image_files({.paths = {scratch.path().string()}}).images, 4);
}

TEST(ImageFiles, TakesFilesGlobsAndListsAsGiven) {
  const ScratchFolder scratch;
  for (const char* name : {"a.png", "b.png", "c.jpg", "odd.name", "d/e.png"}) {
    touch(scratch.path() / name);
  }
  const std::string root = scratch.path().string() + "/";
  std::istringstream list(root + "a.png\r\n\n" + root + "d\n");
  const auto found =
      all_files({.paths = {root + "odd.name", root + "*.png", root + "*.gif", root + "no.png"},
                 .list = &list});
  EXPECT_THAT(relative_paths(found, scratch.path()),
              ElementsAre("odd.name", "a.png", "b.png", "*.gif", "no.png", "a.png", "d/e.png"));
  EXPECT_THAT(found[3].error, HasSubstr("no file matches"));
  EXPECT_THAT(found[4].error, HasSubstr("no such file"));
}

TEST(ImageFiles, LinksInACircleAndOddEntriesDoNotStopIt) {
  const ScratchFolder scratch;
  touch(scratch.path() / "a/1.png");
  touch(scratch.path() / "x.png/2.png");  // a folder with an image's name
  fs::create_directory_symlink(scratch.path(), scratch.path() / "a/back");
  fs::create_directory_symlink(scratch.path() / "q", scratch.path() / "p");
  fs::create_directory_symlink(scratch.path() / "p", scratch.path() / "q");
  fs::create_symlink(scratch.path() / "gone", scratch.path() / "dangling.png");
  ImageFiles files({.paths = {scratch.path().string()}});
  std::vector<ImageFile> found;
  while (auto file = files.next()) {
    found.push_back(*file);
  }
  EXPECT_THAT(relative_paths(found, scratch.path()),
              ElementsAre("a/1.png", "dangling.png", "x.png/2.png"));
  ASSERT_EQ(files.passed_over().loops.size(), 1U);
  EXPECT_THAT(files.passed_over().loops[0], HasSubstr("back"));
}

TEST(ImageFiles, DoesNotEnterTheExcludedFolder) {
  const ScratchFolder scratch;
  touch(scratch.path() / "a.png");
  touch(scratch.path() / "out/confusion.png");
  const auto found =
      all_files({.paths = {scratch.path().string()}, .excluded = scratch.path() / "a/../out"});
  EXPECT_EQ(found.size(), 2U);  // a/ does not exist, so this is not a folder
  EXPECT_EQ(
      all_files({.paths = {scratch.path().string()}, .excluded = scratch.path() / "out"}).size(),
      1U);
}

TEST(ImageFiles, ReadsClassesOffFolderNames) {
  const ScratchFolder scratch;
  for (const char* name : {"n02012849/images/1.png",
                           "Gold_Fish/2.png",
                           "carassius-auratus/3.png",
                           "crane/4.png",
                           "7/5.png",
                           "6.png"}) {
    touch(scratch.path() / name);
  }
  const ClassLabels labels = three_labels();
  std::map<std::string, std::optional<int>> truths;
  for (const ImageFile& file : all_files({.paths = {scratch.path().string()}, .labels = &labels})) {
    truths[file.path.stem().string()] = file.truth;
  }
  EXPECT_EQ(truths["1"], 1);             // by WordNet id, some folders up
  EXPECT_EQ(truths["2"], std::nullopt);  // another word
  EXPECT_EQ(truths["3"], 0);             // by a synonym, whatever the case and blanks
  EXPECT_EQ(truths["4"], std::nullopt);  // two classes have this name
  EXPECT_EQ(truths["5"], std::nullopt);  // a number among names is a name
  EXPECT_EQ(truths["6"], std::nullopt);
  const std::string file = (scratch.path() / "carassius-auratus/3.png").string();
  EXPECT_EQ(all_files({.paths = {file}, .labels = &labels}).at(0).truth, 0);
  const std::string folder = (scratch.path() / "n02012849/").string();
  EXPECT_EQ(all_files({.paths = {folder}, .labels = &labels}).at(0).truth, 1);
}

// Of a list, as `find` writes it, too. A folder called crane above may be anything.
TEST(ImageFiles, ReadsClassesOffTheFoldersOfListedFiles) {
  const ScratchFolder scratch;
  const ClassLabels labels = three_labels();
  std::string list;
  for (const char* name : {"n01443537/images/n01443537_0.JPEG",
                           "n03126707/a/b/1.jpg",
                           "goldfish/2.jpg",
                           "goldfish/images/3.jpg"}) {
    touch(scratch.path() / name);
    list += (scratch.path() / name).string() + "\n";
  }
  std::istringstream stream(list);
  const auto found = all_files({.list = &stream, .labels = &labels});
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0].truth, 0);
  EXPECT_EQ(found[1].truth, 2);
  EXPECT_EQ(found[2].truth, 0);
  EXPECT_EQ(found[3].truth, std::nullopt);
}

TEST(ImageFiles, ReadsClassIndicesWhereAllSubFoldersAreNumbers) {
  const ScratchFolder scratch;
  touch(scratch.path() / "0/a.png");
  touch(scratch.path() / "2/deep/2/b.png");
  const ClassLabels labels = three_labels();
  const std::string root = scratch.path().string();
  const auto found = all_files({.paths = {root}, .labels = &labels});
  EXPECT_EQ(found.at(0).truth, 0);
  EXPECT_EQ(found.at(1).truth, 2);
  touch(scratch.path() / "3/c.png");  // there is no class 3
  EXPECT_EQ(all_files({.paths = {root}, .labels = &labels}).at(0).truth, std::nullopt);
}

TEST(ClassLabels, ReadsEveryKindOfFile) {
  const ScratchFolder scratch;
  const auto text = scratch.write("a.txt", "n01443537\tgoldfish, Carassius auratus\ncat\r\n\n");
  EXPECT_EQ(read_label_file(text).size(), 2);
  EXPECT_EQ(read_label_file(text)[0].id, "n01443537");
  EXPECT_EQ(read_label_file(text).short_name(0), "goldfish");
  EXPECT_EQ(read_label_file(text).find("CAT"), 1);
  const auto list = scratch.write("b.json", R"(["n01443537 goldfish", ["n1", "cat"]])");
  EXPECT_EQ(read_label_file(list)[0].name, "goldfish");
  EXPECT_EQ(read_label_file(list)[1].id, "n1");
  const auto object = scratch.write("c.json", R"({"1": ["n2", "dog"], "0": ["n1", "cat"]})");
  EXPECT_EQ(read_label_file(object).short_name(1), "dog");
  for (const char* broken : {"", "\n\n", "a\n\nb\n", "[1, 2]", "{\"1\": \"a\"}", "[\"a\""}) {
    EXPECT_THROW(read_label_file(scratch.write("d.txt", broken)), Error) << broken;
  }
  EXPECT_THROW(read_label_file(scratch.path() / "none.txt"), Error);
}

TEST(ClassLabels, ImageNetHasAThousandClasses) {
  const ClassLabels labels = imagenet_labels();
  ASSERT_EQ(labels.size(), 1000);
  // Indices that every source agrees on.
  EXPECT_EQ(labels.find("n01443537"), 1);
  EXPECT_EQ(labels.find("golden retriever"), 207);
  EXPECT_EQ(labels.find("n03126707"), 517);
  EXPECT_EQ(labels.find("crane"), std::nullopt);  // the bird and the machine
  EXPECT_EQ(labels.short_name(999), "toilet tissue");
}

ImageLoader::Source counting_source(const fs::path& folder, int count) {
  return [folder, count, next = 0]() mutable -> std::optional<ImageFile> {
    if (next == count) {
      return std::nullopt;
    }
    return ImageFile{.path = folder / (std::to_string(next++) + ".png")};
  };
}

TEST(ImageLoader, KeepsTheOrderAndTheBound) {
  const ScratchFolder scratch;
  constexpr int kCount = 60;
  for (int i = 0; i < kCount; ++i) {
    // Large ones among small ones, so that workers overtake each other.
    const int side = i % 7 == 0 ? 300 : 8;
    write_random_image(scratch.path() / (std::to_string(i) + ".png"), side, side, i);
  }
  constexpr int kAhead = 10;
  std::atomic<int> taken = 0;
  std::atomic<int> asked = 0;  // by the consumer, for images that it may not have got yet
  ImageLoader loader(
      [&, source = counting_source(scratch.path(), kCount)]() mutable {
        EXPECT_LE(++taken, asked + kAhead);
        return source();
      },
      {.view = {.height = 8, .width = 8}, .workers = 4, .ahead = kAhead, .thumbnail_side = 16});
  EXPECT_TRUE(wait_until([&] { return taken == kAhead; }));  // nobody took any yet
  const auto next_batch = [&] {
    asked += 7;
    return loader.next_batch(7);
  };
  int next = 0;
  for (auto batch = next_batch(); !batch.empty(); batch = next_batch()) {
    for (const LoadedImage& image : batch) {
      EXPECT_EQ(image.file.path.stem().string(), std::to_string(next++));
      EXPECT_EQ(image.file.error, "");
      EXPECT_EQ(image.pixels.sizes(), (std::vector<int64_t>{3, 8, 8}));
      EXPECT_FALSE(image.thumbnail.empty());
    }
  }
  EXPECT_EQ(next, kCount);
}

TEST(ImageLoader, CanBeLeftInTheMiddle) {
  const ScratchFolder scratch;
  for (int i = 0; i < 40; ++i) {
    write_random_image(scratch.path() / (std::to_string(i) + ".png"), 8, 8, i);
  }
  ImageLoader loader(counting_source(scratch.path(), 40),
                     {.view = {.height = 8, .width = 8}, .workers = 3, .ahead = 4});
  EXPECT_EQ(loader.next_batch(2).size(), 2U);
}  // the destructor must not wait for ever

TEST(ImageLoader, ThrowsWhatTheSourceThrowsAfterWhatWasGood) {
  const ScratchFolder scratch;
  write_random_image(scratch.path() / "0.png", 8, 8, 1);
  ImageLoader loader(
      [&, calls = 0]() mutable -> std::optional<ImageFile> {
        if (calls++ == 1) {
          throw Error("the list broke off");
        }
        return ImageFile{.path = scratch.path() / "0.png"};
      },
      {.view = {.height = 8, .width = 8}});
  EXPECT_EQ(loader.next_batch(8).size(), 1U);
  EXPECT_THROW(loader.next_batch(8), Error);
}

}  // namespace
}  // namespace parallax::testing
