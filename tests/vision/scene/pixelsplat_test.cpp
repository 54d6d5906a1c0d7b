// pixelSplat's chunks: those of tests/captures/pixelsplat, which torch.save wrote, and broken ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <opencv2/core.hpp>

#include "core/base/error.h"
#include "tests/support/scene_fixture.h"
#include "tests/support/torch_file_builder.h"
#include "vision/scene/formats/load_scene.h"
#include "vision/scene/formats/pixelsplat.h"
#include "vision/scene/view_loader.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const fs::path kPixelSplatCaptures = fs::path(PARALLAX_SOURCE_DIR) / "tests" / "captures";
const fs::path kChunks = kPixelSplatCaptures / "pixelsplat";

TEST(PixelSplat, AChunkHoldsTheSameScene) {
  const Scene expected = load_scene(kPixelSplatCaptures / "every-format" / "opencv_cameras.json");
  for (const fs::path& path : {kChunks / "abc", kChunks / "000000.torch" / "abc"}) {
    SCOPED_TRACE(path);
    const Scene scene = load_scene(path);
    EXPECT_EQ(scene.format, SceneFormat::kPixelSplat);
    EXPECT_EQ(scene.name, "abc");
    ASSERT_EQ(scene.views.size(), expected.views.size());
    EXPECT_EQ(scene.views[2].name, std::to_string(4700000 + 2 * 33366));
    for (size_t i = 0; i < scene.views.size(); ++i) {
      const LoadedView got = load_view(scene.views[i], {});
      const LoadedView truth = load_view(expected.views[i], {});
      EXPECT_TRUE(torch::equal(got.rgb, truth.rgb));
      EXPECT_LT(cv::norm(got.camera.c2w - truth.camera.c2w, cv::NORM_INF), 1e-6) << "float32";
      EXPECT_NEAR(got.camera.fx, truth.camera.fx, 1e-4);
      EXPECT_NEAR(got.camera.cy, truth.camera.cy, 1e-4);
    }
  }
}

TEST(PixelSplat, ScenesAreFoundWhateverTheIndexSays) {
  EXPECT_EQ(load_scene(kChunks / "def").views.size(), 2);
  // Not in index.json; the only scene of its chunk; a key with a slash.
  EXPECT_EQ(load_scene(kChunks / "1K" / "ghi").views.size(), 2);
  EXPECT_EQ(load_scene(kChunks / "000001.torch").name, "ghi");
  EXPECT_THAT(pixelsplat_scenes(kChunks), ElementsAre("abc", "def"));
  EXPECT_THAT(pixelsplat_scenes(kChunks / "000001.torch"), ElementsAre("1K/ghi"));
  EXPECT_THAT(pixelsplat_scenes(kPixelSplatCaptures), ElementsAre());
  EXPECT_THAT(testing::load_failure(kChunks),
              AllOf(HasSubstr("2 scenes"), HasSubstr("keys abc, def")));
  EXPECT_THAT(testing::load_failure(kChunks / "xyz"),
              AllOf(HasSubstr("no scene 'xyz'"), HasSubstr("pixelsplat")));
  EXPECT_THAT(testing::load_failure(kPixelSplatCaptures / "xyz"),
              HasSubstr("no such file or folder"));

  const testing::ScratchFolder scratch;
  fs::copy_file(kChunks / "000001.torch", scratch.path() / "a.torch");
  testing::write_text(scratch.path() / "index.json", R"({"abc": "000000.torch"})");
  EXPECT_THAT(testing::load_failure(scratch.path() / "abc"),
              AllOf(HasSubstr("index.json names 000000.torch, which is missing")));
  EXPECT_EQ(load_scene(scratch.path() / "1K/ghi").views.size(), 2);
  testing::write_text(scratch.path() / "index.json", "[1]");
  EXPECT_THAT(testing::load_failure(scratch.path() / "abc"), HasSubstr("index.json"));
}

// A chunk of one scene with one view.
struct ChunkParts {
  std::string image;
  std::vector<float> camera = {1, 1, 0.5, 0.5, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0};
  std::string images = "";  // pickled in place of the list
  std::vector<std::pair<std::string, std::string>> more;
};

std::string chunk_bytes(const ChunkParts& parts) {
  const auto size = static_cast<std::int64_t>(parts.image.size());
  const auto numbers = static_cast<std::int64_t>(parts.camera.size());
  const std::string images = parts.images.empty()
                                 ? "](" +
                                       testing::pickled_tensor({.storage_type = "ByteStorage",
                                                                .key = "1",
                                                                .storage_elements = size,
                                                                .shape = {size},
                                                                .strides = {1}}) +
                                       "e"
                                 : parts.images;
  std::vector<std::pair<std::string, std::string>> fields = {
      {"key", testing::pickled_text("scene")},
      {"cameras",
       testing::pickled_tensor(
           {.storage_elements = numbers, .shape = {1, numbers}, .strides = {numbers, 1}})},
      {"images", images}};
  fields.insert(fields.end(), parts.more.begin(), parts.more.end());
  const std::string cameras(reinterpret_cast<const char*>(parts.camera.data()),
                            parts.camera.size() * sizeof(float));
  return testing::build_zip(
      {{"archive/data.pkl", "\x80\x02](" + testing::pickled_dict(fields) + "e."},
       {"archive/data/0", cameras},
       {"archive/data/1", parts.image}});
}

// Unsigned 64-bit timestamps, here some bytes of the photograph, may be beyond what int64 holds.
TEST(PixelSplat, UnsignedTimestampsAreNames) {
  const std::string photograph =
      testing::read_bytes(kPixelSplatCaptures / "every-format/images/view_1.png");
  std::int64_t offset = 0;
  while (static_cast<unsigned char>(photograph.at(8 * offset + 7)) < 0x80) {
    ++offset;
  }
  std::string timestamps =
      testing::pickled_tensor({.storage_type = "UntypedStorage",
                               .key = "1",
                               .storage_elements = static_cast<std::int64_t>(photograph.size()),
                               .offset = offset,
                               .shape = {1},
                               .strides = {1}});
  timestamps.replace(timestamps.find("_v2"), 3, "_v3");
  timestamps.insert(timestamps.size() - 2, testing::pickled_global("torch", "uint64"));
  const testing::ScratchFolder scratch;
  const fs::path file = scratch.write(
      "x.torch", chunk_bytes({.image = photograph, .more = {{"timestamps", timestamps}}}));
  EXPECT_EQ(testing::load_failure(file), "");
  EXPECT_THAT(load_scene(file).views.at(0).name, ::testing::StartsWith("-"));
}

TEST(PixelSplat, BrokenChunksAreNamedAndNoCodeRuns) {
  const testing::ScratchFolder scratch;
  const std::string photograph =
      testing::read_bytes(kPixelSplatCaptures / "every-format/images/view_1.png");
  const auto failure = [&](const std::string& bytes) {
    return testing::load_failure(scratch.write("x.torch", bytes));
  };
  const std::string whole = chunk_bytes({.image = photograph});
  EXPECT_EQ(failure(whole), "");
  EXPECT_THAT(failure(whole.substr(0, whole.size() - 9)), HasSubstr("x.torch"));
  EXPECT_THAT(failure("\x80\x02l\x03."), HasSubstr("PyTorch before 1.6"));
  EXPECT_THAT(failure(chunk_bytes({.image = photograph, .camera = {1, 1, 0.5, 0.5}})),
              AllOf(HasSubstr("cameras"), HasSubstr("[1, 18]"), HasSubstr("[1, 4]")));
  EXPECT_THAT(failure(chunk_bytes({.image = "no image at all"})), HasSubstr("view 0"));
  EXPECT_THAT(failure(chunk_bytes({.image = ""})), HasSubstr("empty"));
  // A tensor of pixels in place of a file's bytes, and one that reaches beyond its storage.
  const auto image_of = [&](const testing::PickledTensor& tensor) {
    return failure(
        chunk_bytes({.image = photograph, .images = "](" + testing::pickled_tensor(tensor) + "e"}));
  };
  EXPECT_THAT(image_of({}), HasSubstr("not a vector of bytes"));
  EXPECT_THAT(image_of({.storage_type = "ByteStorage",
                        .key = "1",
                        .storage_elements = 10,
                        .offset = 5,
                        .shape = {6},
                        .strides = {1}}),
              HasSubstr("not a vector of bytes"));
  EXPECT_THAT(image_of({.storage_type = "ByteStorage",
                        .key = "1",
                        .storage_elements = 1 << 30,
                        .shape = {1 << 30},
                        .strides = {1}}),
              HasSubstr("too short"));
  const std::string nan = chunk_bytes({.image = photograph, .camera = std::vector<float>(18, NAN)});
  EXPECT_THAT(failure(nan), HasSubstr("view 0"));
  // A pickle that would call a function if it were run.
  const fs::path witness = scratch.path() / "witness";
  const std::string call = testing::pickled_global("os", "system") + "(" +
                           testing::pickled_text("touch " + witness.string()) + "tR";
  EXPECT_EQ(failure(chunk_bytes({.image = photograph, .more = {{"evil", call}}})), "");
  EXPECT_THAT(failure(chunk_bytes({.image = photograph, .images = call})), HasSubstr("do not fit"));
  EXPECT_FALSE(fs::exists(witness));
}

}  // namespace
}  // namespace parallax
