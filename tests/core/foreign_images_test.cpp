// Files that other programs wrote, against what Pillow reads of them: tests/images/make.py made
// both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "core/base/error.h"
#include "core/image/exif.h"
#include "core/image/heif_image.h"
#include "core/image/image.h"
#include "core/image/image_extension.h"
#include "tests/support/scratch_folder.h"

namespace parallax {
namespace {

using testing::read_bytes;
using testing::ScratchFolder;

const std::filesystem::path kImages = std::filesystem::path(PARALLAX_SOURCE_DIR) / "tests/images";

cv::Mat read_foreign(const std::string& name) { return read_stored_image(kImages / name).pixels; }

cv::Mat decoded_by_pillow(const std::string& name) {
  return read_image(kImages / "decoded" / (name + ".png"));
}

double difference(const std::string& name) {
  const cv::Mat ours = read_foreign(name);
  const cv::Mat theirs = decoded_by_pillow(name);
  EXPECT_EQ(ours.size(), theirs.size()) << name;
  EXPECT_EQ(ours.type(), theirs.type()) << name;
  return ours.size() == theirs.size() && ours.type() == theirs.type()
             ? cv::norm(ours, theirs, cv::NORM_INF)
             : 256;
}

TEST(ForeignImages, AreReadAsPillowReadsThem) {
  for (const char* name : {"photo.jpg",
                           "grey.jpg",
                           "lossy.webp",
                           "palette.png",
                           "animated.webp",
                           "animated_alpha.webp",
                           "unassociated.tif",
                           "unspecified.tif",
                           "associated.tif"}) {
    EXPECT_EQ(difference(name), 0) << name;
  }
  if (has_image_extension("x.jp2")) {
    EXPECT_EQ(difference("lossless.jp2"), 0);
  }
}

// Whose white is neither 255 nor 65535, or that end with their last number.
TEST(ForeignImages, PnmHasItsOwnWhite) {
  EXPECT_EQ(difference("ten_bits.ppm"), 0);
  EXPECT_LE(difference("text.pgm"), 1);  // OpenCV cuts off where Pillow rounds
}

TEST(ForeignImages, TransparentColoursOfGifAreKept) { EXPECT_EQ(difference("transparent.gif"), 0); }

TEST(ForeignImages, BothPicturesOfAStereoCameraAreOneImage) {
  EXPECT_EQ(difference("stereo.mpo"), 0);
  EXPECT_TRUE(has_image_extension("stereo.MPO"));
}

// Pillow converts by tables, OpenCV in fixed point.
TEST(ForeignImages, Jpeg2000OfLumaAndDifferencesBecomesRgb) {
  if (!has_image_extension("x.jp2")) {
    GTEST_SKIP() << "there is no OpenJPEG";
  }
  EXPECT_LE(difference("sycc.jp2"), 1);
}

// What Pillow writes for the photograph's own size, from what it kept of the original's.
TEST(ForeignImages, ResizedPhotographsAreDescribedAsTheyAre) {
  const std::string resized = read_bytes(kImages / "resized_canon.jpg");
  const cv::Size size(60, 40);
  EXPECT_EQ(with_focal_plane_of(resized, size), read_bytes(kImages / "described_canon.jpg"));
  EXPECT_EQ(with_focal_plane_of(read_bytes(kImages / "described_canon.jpg"), size), std::nullopt);
  EXPECT_EQ(with_focal_plane_of(resized, cv::Size(240, 160)), std::nullopt);  // the original's
  EXPECT_EQ(with_focal_plane_of(resized, cv::Size(60, 60)), std::nullopt);    // cropped
  EXPECT_EQ(with_focal_plane_of(read_bytes(kImages / "photo.jpg"), size), std::nullopt);
}

TEST(ForeignImages, LabIsRefused) {
  try {
    read_foreign("lab.tif");
    FAIL() << "was read";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("CIELAB"));
  }
}

// Pillow cuts values off at 255, so that it reads this one alone of 16 bits.
TEST(ForeignImages, ObjectsNumberedIn16BitsKeepTheirNumbers) {
  EXPECT_EQ(difference("numbers_16.png"), 0);
}

// As some of ImageNet's have: decoders skip it.
TEST(ForeignImages, JpegMayHaveBytesBetweenItsSegments) {
  const ScratchFolder folder;
  std::string jpeg = read_bytes(kImages / "photo.jpg");
  jpeg.insert(jpeg.find("\xff\xdb"), std::string(3, '\0'));
  const cv::Mat ours = read_stored_image(folder.write("odd.jpg", jpeg)).pixels;
  EXPECT_EQ(cv::norm(ours, decoded_by_pillow("photo.jpg"), cv::NORM_INF), 0);
}

TEST(ForeignImages, HeicAndAvifAreReadWhereLibheifIs) {
  // Converting YCbCr to RGB, libheif 1.15 rounds otherwise than later versions and libavif do.
  constexpr double kRounding = 3;
  if (!can_decode_heic() || !can_decode_avif()) {
    GTEST_SKIP() << "there is no libheif with decoders for HEVC and AV1";
  }
  EXPECT_LE(difference("phone.heic"), kRounding);
  EXPECT_LE(difference("alpha.heic"), kRounding);
  EXPECT_LE(difference("phone.avif"), kRounding);
  EXPECT_TRUE(has_image_extension("IMG_0001.HEIC"));
  EXPECT_EQ(unread_picture_kind("IMG_0001.HEIC"), "");
}

// The container's rotation is applied once; the EXIF orientation beside it says the same again.
TEST(ForeignImages, HeicIsTurnedOnce) {
  if (!can_decode_heic()) {
    GTEST_SKIP() << "there is no libheif with a decoder for HEVC";
  }
  const StoredImage image = read_stored_image(kImages / "turned.heic");
  EXPECT_EQ(image.orientation, 1);
  ASSERT_EQ(image.pixels.size(), cv::Size(48, 32));
  EXPECT_GT(image.pixels.at<cv::Vec3b>(2, 24)[2], 150);   // the blue stripe is at the top
  EXPECT_GT(image.pixels.at<cv::Vec3b>(28, 24)[0], 150);  // and red below
  EXPECT_LE(difference("turned.heic"), 8);
}

TEST(ForeignImages, TruncationsAreErrors) {
  const ScratchFolder folder;
  for (const char* name : {"animated.webp", "phone.heic", "phone.avif", "lossless.jp2"}) {
    const std::string good = read_bytes(kImages / name);
    for (const double share : {0.1, 0.3, 0.6, 0.9}) {
      const auto cut = static_cast<size_t>(share * static_cast<double>(good.size()));
      EXPECT_THROW(read_image(folder.write("cut", good.substr(0, cut))), Error)
          << name << " " << share;
    }
  }
}

TEST(ForeignImages, OtherKindsOfPicturesAreKnownByName) {
  EXPECT_EQ(unread_picture_kind("a/b.JXL"), "JPEG XL");
  EXPECT_EQ(unread_picture_kind("b.CR2"), "camera raw");
  EXPECT_EQ(unread_picture_kind("b.svg"), "SVG");
  EXPECT_EQ(unread_picture_kind("b.jpg"), "");
  EXPECT_EQ(unread_picture_kind("b.txt"), "");
  EXPECT_FALSE(has_image_extension("b.svg"));
}

}  // namespace
}  // namespace parallax
