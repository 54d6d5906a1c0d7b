// COLMAP's models: rigs and frames as pycolmap writes them (tests/captures/colmap-4.2), where
// models are found, what images.txt may look like, and how little of a large model is read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "tests/support/scene_fixture.h"
#include "vision/scene/formats/load_scene.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const fs::path kModels = fs::path(PARALLAX_SOURCE_DIR) / "tests/captures/colmap-4.2";
const SceneOptions kPhotographs{.image_folder = "../images"};

// Every view has the pose that pycolmap reads.
void expect_pycolmaps_poses(const Scene& scene, size_t views) {
  std::ifstream file(kModels / "poses.json");
  const nlohmann::json poses = nlohmann::json::parse(file);
  ASSERT_EQ(scene.views.size(), views);
  for (const View& view : scene.views) {
    const cv::Matx44d w2c = view.camera.c2w.inv();
    for (int i = 0; i < 12; ++i) {
      EXPECT_NEAR(w2c(i / 4, i % 4), poses.at(view.name)[i / 4][i % 4].get<double>(), 1e-12)
          << view.name;
    }
  }
}

TEST(ColmapModels, PosesAreThoseOfRigsAndFrames) {
  expect_pycolmaps_poses(load_scene(kModels / "text", kPhotographs), 12);
  expect_pycolmaps_poses(load_scene(kModels / "two/sparse/1", {.image_folder = "../images"}), 12);
  const Scene stale = load_scene(kModels / "stale", kPhotographs);
  expect_pycolmaps_poses(stale, 12);
  EXPECT_THAT(stale.notes, Contains(HasSubstr("copies differ for 11 of 12 images")));
}

TEST(ColmapModels, FramesWithoutAPoseCostTheirOwnImages) {
  expect_pycolmaps_poses(load_scene(kModels / "two/sparse/0", {.image_folder = "../images"}), 9);
  const Scene both = load_scene(kModels / "two", kPhotographs);
  expect_pycolmaps_poses(both, 12);
  EXPECT_THAT(both.notes, Contains(HasSubstr("sparse/0 (9 images)")));
}

// COLMAP reads one kind of files: text tables beside newer binary ones are of another state.
TEST(ColmapModels, RigsOfTheOtherKindAreNotMixedIn) {
  const testing::ScratchFolder folder;
  const Scene scene = testing::make_small_scene(folder.path());
  testing::write_colmap_binary(scene);
  fs::copy_file(kModels / "text/rigs.txt", folder.path() / "sparse/0/rigs.txt");
  fs::copy_file(kModels / "text/frames.txt", folder.path() / "sparse/0/frames.txt");
  EXPECT_EQ(load_scene(folder.path()).views.size(), 3);
  EXPECT_THAT(load_scene(folder.path()).notes, IsEmpty());
}

// A tool that writes neither table put its model over that of a newer COLMAP.
TEST(ColmapModels, FramesOfAnotherModelChangeNothing) {
  const testing::ScratchFolder folder;
  const Scene scene = testing::make_small_scene(folder.path());
  testing::write_colmap_text(scene);
  testing::write_text(folder.path() / "sparse/0/rigs.txt", "1 1 CAMERA 1\n");
  testing::write_text(folder.path() / "sparse/0/frames.txt", "1 1 1 0 0 0 5 5 5 1 CAMERA 1 101\n");
  const Scene loaded = load_scene(folder.path());
  ASSERT_EQ(loaded.views.size(), 3);
  EXPECT_LT(cv::norm(loaded.views[2].camera.c2w - scene.views[2].camera.c2w, cv::NORM_INF), 1e-9);
  EXPECT_THAT(loaded.notes, Contains(HasSubstr("of another model")));
  // One image in a frame: the others have no pose.
  testing::write_text(folder.path() / "sparse/0/frames.txt", "1 1 1 0 0 0 5 5 5 1 CAMERA 1 1\n");
  EXPECT_EQ(load_scene(folder.path()).views.size(), 1);
}

class ColmapPlaces : public ::testing::Test {
 protected:
  // The small scene's model, moved from sparse/0 to `place`.
  void put_model(const fs::path& place) {
    testing::write_colmap_text(scene_);
    const fs::path moved = folder_.path() / "moved";
    fs::rename(folder_.path() / "sparse" / "0", moved);
    fs::remove(folder_.path() / "sparse");
    fs::create_directories((folder_.path() / place).parent_path());
    fs::rename(moved, folder_.path() / place);
  }

  testing::ScratchFolder folder_;
  Scene scene_ = testing::make_small_scene(folder_.path());
};

TEST_F(ColmapPlaces, ModelsAreFoundWhereToolsWriteThem) {
  for (const char* place :
       {"sparse/1", "sparse/0/1", "colmap/sparse/0", "dense/0/sparse", "Sparse/0", "0"}) {
    SCOPED_TRACE(place);
    put_model(place);
    const Scene scene = load_scene(folder_.path());
    EXPECT_EQ(scene.views.size(), 3);
    EXPECT_EQ(scene.name, folder_.path().filename().string());
    EXPECT_TRUE(looks_like_scene(folder_.path()) || fs::path(place) == "0");
    if (fs::path(place).begin()->string() != "dense") {  // there, photographs are beside the model
      EXPECT_EQ(load_scene(folder_.path() / place).views.size(), 3);
    }
    fs::remove_all(folder_.path() / *fs::path(place).begin());
  }
}

// Undistorted photographs have the names of the original ones.
TEST_F(ColmapPlaces, AnUndistortedModelGoesWithItsOwnPhotographs) {
  put_model("dense/0/sparse");
  fs::copy(folder_.path() / "images", folder_.path() / "dense/0/images");
  EXPECT_EQ(load_scene(folder_.path()).views[0].image_path,
            folder_.path() / "dense/0/images/view_0.png");
}

TEST_F(ColmapPlaces, AModelThatLacksATableCostsTheOthersNothing) {
  put_model("sparse/1");
  testing::write_colmap_text(scene_);
  fs::remove(folder_.path() / "sparse/0/images.txt");
  // A list of images, as `colmap --image_list_path` takes it.
  testing::write_text(folder_.path() / "images.txt", "view_0.png\n");
  EXPECT_EQ(load_scene(folder_.path()).views.size(), 3);
  fs::remove_all(folder_.path() / "sparse/1");
  EXPECT_THAT(testing::load_failure(folder_.path()), HasSubstr("images.bin or images.txt"));
}

TEST_F(ColmapPlaces, CapitalLettersInFileNamesDoNotMatter) {
  put_model("sparse/0");
  fs::rename(folder_.path() / "sparse/0/cameras.txt", folder_.path() / "sparse/0/Cameras.txt");
  fs::rename(folder_.path() / "images", folder_.path() / "Images");
  fs::rename(folder_.path() / "Images/view_1.png", folder_.path() / "Images/VIEW_1.PNG");
  const Scene scene = load_scene(folder_.path());
  ASSERT_EQ(scene.views.size(), 3);
  EXPECT_EQ(scene.views[1].image_path.filename(), "VIEW_1.PNG");
}

TEST_F(ColmapPlaces, PhotographsMayHaveBeenConverted) {
  put_model("sparse/0");
  fs::rename(folder_.path() / "images/view_1.png", folder_.path() / "images/view_1.JPG");
  const Scene scene = load_scene(folder_.path());
  EXPECT_EQ(scene.views.size(), 3);
  EXPECT_THAT(scene.notes, Contains(HasSubstr("another extension")));
}

TEST_F(ColmapPlaces, AMissingPhotographIsSearchedFor) {
  put_model("sparse/0");
  fs::rename(folder_.path() / "images", folder_.path() / "photos of it");
  const std::string failure = testing::load_failure(folder_.path());
  EXPECT_THAT(failure, HasSubstr("none of the other 2 views"));
  EXPECT_THAT(failure, HasSubstr("Looked in " + folder_.path().string()));
  EXPECT_THAT(failure, HasSubstr("photos of it: name that folder with --image-folder"));
}

// Names from two folders must not become one photograph because a third folder has that name.
TEST_F(ColmapPlaces, TwoNamesNeverShareAGuessedPhotograph) {
  put_model("sparse/0");
  std::string images = testing::colmap_image_line(scene_, 0) + "\n\n" +
                       testing::colmap_image_line(scene_, 1) + "\n\n";
  const auto rename = [&](const std::string& name, const std::string& other) {
    images.replace(images.find(name), name.size(), other);
  };
  rename("view_0.png", "left/1.png");
  rename("view_1.png", "right/1.png");
  testing::write_text(folder_.path() / "sparse/0/images.txt", images);
  fs::create_directories(folder_.path() / "flat");
  fs::copy_file(folder_.path() / "images/view_0.png", folder_.path() / "flat/1.png");
  const Scene scene = load_scene(folder_.path(), {.image_folder = "flat"});
  EXPECT_EQ(scene.views.size(), 1);
  EXPECT_THAT(scene.notes, Contains(HasSubstr("is that of 'left/1.png' already")));
}

class ImagesText : public ColmapPlaces {
 protected:
  Scene load_images(const std::string& text) {
    put_model("sparse/0");
    testing::write_text(folder_.path() / "sparse/0/images.txt", text);
    return load_scene(folder_.path());
  }
  std::string line(int index) const { return testing::colmap_image_line(scene_, index); }
};

TEST_F(ImagesText, LinesOfPointsBlankLinesAndCommentsMayBeMixed) {
  const std::string points = "1.5 2.5 -1 3 4 17\n";
  const std::vector<std::string> texts = {
      line(0) + "\n" + line(1) + "\n" + line(2),
      line(0) + "\n" + points + line(1) + "\n\n" + line(2) + "\n",
      "\xef\xbb\xbf# written by Windows\r\n" + line(0) + "\r\n\r\n" + line(1) + "\r\n" + line(2),
      line(0) + "\n  # a comment\n" + points + "\n\n" + line(1) + "\n#\n" + line(2) + "\n" + points,
      line(0) + "\n\n" + points + line(1) + "\n\n\n\n" + line(2) + "\n\n" + points,
  };
  for (const std::string& text : texts) {
    SCOPED_TRACE(text);
    const Scene scene = load_images(text);
    EXPECT_EQ(scene.views.size(), 3);
    EXPECT_THAT(scene.notes, IsEmpty());
  }
}

TEST_F(ImagesText, ADamagedImageCostsItselfAndOtherLinesAreRefused) {
  std::string damaged = line(1);
  damaged.replace(damaged.find(' '), 1, " x");
  const Scene scene = load_images(line(0) + "\n" + damaged + "\n" + line(2) + "\n");
  EXPECT_EQ(scene.views.size(), 2);
  EXPECT_THAT(scene.notes, Contains(HasSubstr("line 2")));
  EXPECT_THROW(load_images(line(0) + "\nhello\n" + line(1)), Error);
  EXPECT_THAT(testing::load_failure(folder_.path()), HasSubstr("images.txt, line 2"));
}

// --- How much is read ---

// A value of a line "NAME: VALUE" of one of the kernel's files about this process.
std::int64_t kernel_value(const char* file, const std::string& name) {
  std::ifstream stream(file);
  for (std::string word; stream >> word;) {
    std::int64_t value = 0;
    if (word == name + ":" && stream >> value) {
      return value;
    }
  }
  return -1;
}

std::int64_t bytes_read() { return kernel_value("/proc/self/io", "rchar"); }

void append_bytes(std::string& bytes, const void* data, size_t count) {
  bytes.append(static_cast<const char*>(data), count);
}

// Points take most of a large model, and nothing here needs them.
TEST_F(ColmapPlaces, PointsAreNotRead) {
  testing::write_colmap_binary(scene_);
  testing::write_text(folder_.path() / "sparse/0/points3D.bin", "");
  constexpr int kImages = 100;
  constexpr std::uint64_t kPoints = 100000;  // 2.4 MB for each image: 240 MB, all of them holes
  const fs::path file = folder_.path() / "sparse/0/images.bin";
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  const std::uint64_t count = kImages;
  stream.write(reinterpret_cast<const char*>(&count), sizeof count);
  std::uint64_t offset = sizeof count;
  for (std::uint32_t i = 0; i < kImages; ++i) {
    const double pose[7] = {1, 0, 0, 0, 0.1 * i, 0, 4};
    const std::uint32_t camera = 1;
    std::string record;
    append_bytes(record, &i, sizeof i);
    append_bytes(record, pose, sizeof pose);
    append_bytes(record, &camera, sizeof camera);
    record += "view_" + std::to_string(i % 3) + ".png";
    record += '\0';
    append_bytes(record, &kPoints, sizeof kPoints);
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.write(record.data(), static_cast<std::streamsize>(record.size()));
    offset += record.size() + 24 * kPoints;
  }
  stream.close();
  fs::resize_file(file, offset);
  fs::resize_file(folder_.path() / "sparse/0/points3D.bin", 1 << 30);
  const std::int64_t before = bytes_read();
  if (before < 0) {
    GTEST_SKIP() << "the kernel counts no bytes read";
  }
  EXPECT_EQ(load_scene(folder_.path()).views.size(), 100);
  EXPECT_LT(bytes_read() - before, 2 << 20);  // 4 KB for each name, at most
}

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kKeepsFreedMemory = true;
#else
constexpr bool kKeepsFreedMemory = false;
#endif

// Text has to be read, but not kept: memory for the longest line, not for the file.
TEST_F(ImagesText, PointsAreNotKept) {
  std::string points;
  for (int i = 0; points.size() < (1 << 20); ++i) {
    points += "1234.5678901234567 987.65432109876543 " + std::to_string(i) + " ";
  }
  std::ofstream stream;
  put_model("sparse/0");
  stream.open(folder_.path() / "sparse/0/images.txt", std::ios::binary | std::ios::trunc);
  constexpr int kImages = 96;
  for (int i = 0; i < kImages; ++i) {
    stream << line(i % 3) << "\n" << points << "\n";
  }
  stream.close();
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  const std::int64_t before = kernel_value("/proc/self/status", "VmHWM");
  if (kKeepsFreedMemory || before < 0 ||
      before > kernel_value("/proc/self/status", "VmRSS") + 1024) {
    GTEST_SKIP() << "the kernel does not measure peaks anew, or freed memory is kept";
  }
  EXPECT_EQ(load_scene(folder_.path()).views.size(), kImages);
  EXPECT_LT(kernel_value("/proc/self/status", "VmHWM") - before, 24 << 10);  // of 96 MB, in KB
}

}  // namespace
}  // namespace parallax
