// Tar archives in WebDataset's layout, whole, cut off and damaged.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "core/base/error.h"
#include "tests/support/scratch_folder.h"
#include "vision/images/tar_samples.h"

namespace parallax {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class TarSamplesTest : public ::testing::Test {
 protected:
  // The files, by name and content, as `tar` writes them in this order.
  fs::path pack(const std::vector<std::pair<std::string, std::string>>& files,
                const std::string& options = "") {
    std::string list;
    for (const auto& [name, content] : files) {
      fs::create_directories((scratch_.path() / "in" / name).parent_path());
      scratch_.write("in/" + name, content);
      list += name + "\n";
    }
    scratch_.write("list", list);
    const fs::path tar = scratch_.path() / "a.tar";
    const std::string command = "tar " + options + " -C " + (scratch_.path() / "in").string() +
                                " -cf " + tar.string() + " -T " +
                                (scratch_.path() / "list").string();
    EXPECT_EQ(std::system(command.c_str()), 0);
    return tar;
  }
  static std::vector<TarImage> read(const fs::path& tar) {
    TarSamples samples(tar);
    std::vector<TarImage> images;
    while (auto image = samples.next()) {
      images.push_back(*std::move(image));
    }
    return images;
  }
  static std::string content(const fs::path& tar, const TarImage& image) {
    return InputFile(tar).read(image.data.offset, image.data.size);
  }

  testing::ScratchFolder scratch_;
};

TEST_F(TarSamplesTest, ASamplesFilesBelongTogether) {
  const fs::path tar = pack({{"000.cls", "3\n"},
                             {"000.jpg", "first"},
                             {"000.json", "{}"},
                             {"sub/001.png", "second"},
                             {"sub/001.cls", "0"},
                             {"sub/002.left.png", "third"},
                             {"sub/002.right.png", "fourth"},
                             {"003.jpg", ""},
                             {"003.cls", "a word"}});
  const std::vector<TarImage> images = read(tar);
  ASSERT_EQ(images.size(), 5U);
  EXPECT_EQ(images[0].name, "000.jpg");
  EXPECT_EQ(images[0].label, 3);
  EXPECT_EQ(content(tar, images[0]), "first");
  EXPECT_EQ(images[1].name, "sub/001.png");
  EXPECT_EQ(images[1].label, 0);
  EXPECT_EQ(content(tar, images[1]), "second");
  EXPECT_EQ(content(tar, images[2]), "third");
  EXPECT_EQ(content(tar, images[3]), "fourth");
  EXPECT_EQ(images[3].label, std::nullopt);
  EXPECT_EQ(images[4].label, std::nullopt);
}

TEST_F(TarSamplesTest, LongNamesAreReadInEveryFormat) {
  const std::string folder = std::string(90, 'a') + "/" + std::string(90, 'b');
  for (const char* format : {"--format=gnu", "--format=pax", "--format=ustar"}) {
    SCOPED_TRACE(format);
    const std::string name = folder + "/" + std::string(format[9] == 'u' ? 5 : 120, 'c') + ".png";
    const fs::path tar = pack({{name, "x"}, {"short.png", "y"}}, format);
    const std::vector<TarImage> images = read(tar);
    ASSERT_EQ(images.size(), 2U);
    EXPECT_EQ(images[0].name, name);
    EXPECT_EQ(images[1].name, "short.png");
  }
}

TEST_F(TarSamplesTest, WhatComesBeforeTheDamageIsRead) {
  const fs::path tar = pack({{"0.png", "zero"}, {"1.png", "one"}, {"2.png", "two"}});
  const std::string whole = testing::read_bytes(tar);
  const auto expect_cut = [&](const std::string& bytes, size_t left, const char* why) {
    scratch_.write("a.tar", bytes);
    TarSamples samples(tar);
    for (size_t i = 0; i < left; ++i) {
      EXPECT_TRUE(samples.next());
    }
    try {
      samples.next();
      FAIL();
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(why));
      EXPECT_THAT(error.what(), HasSubstr("a.tar"));
    }
  };
  expect_cut(whole.substr(0, 2 * 1024 + 514), 2, "cut off");
  expect_cut(whole.substr(0, 1024 + 100), 1, "cut off");
  std::string damaged = whole;
  damaged[1024 + 5] = 'x';
  expect_cut(damaged, 1, "damaged");
  expect_cut("no archive" + std::string(2000, 'x'), 0, "not a tar archive");
}

}  // namespace
}  // namespace parallax
