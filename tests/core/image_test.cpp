// Image files of every kind that Parallax reads, broken ones, and the arithmetic on pixels.
#include "core/image/image.h"

#include <gif_lib.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <random>

#include "core/base/error.h"
#include "core/image/image_header.h"
#include "tests/support/scratch_folder.h"

namespace parallax {
namespace {

using testing::ScratchFolder;
using std::string_literals::operator""s;

cv::Mat noise(int rows, int cols, int type) {
  cv::Mat image(rows, cols, type);
  cv::RNG random(1);
  random.fill(image, cv::RNG::UNIFORM, 0, CV_MAT_DEPTH(type) == CV_16U ? 65536 : 256);
  return image;
}

bool same(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && a.type() == b.type() && cv::norm(a, b, cv::NORM_INF) == 0;
}

std::string encoded(const std::string& extension, const cv::Mat& bgr) {
  std::vector<unsigned char> bytes;
  cv::imencode(extension, bgr, bytes);
  return {bytes.begin(), bytes.end()};
}

cv::Mat read_encoded(const std::string& bytes) {
  static const ScratchFolder folder;
  return read_image(folder.write("image", bytes));
}

std::string error_of(const std::string& bytes) {
  try {
    read_encoded(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

std::string big_endian(std::uint32_t value) {
  value = __builtin_bswap32(value);
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string png_chunk(const std::string& content) {
  std::uint32_t crc = 0xffffffffU;
  for (const char c : content) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 1) != 0 ? 0xedb88320U ^ (crc >> 1) : crc >> 1;
    }
  }
  return big_endian(static_cast<std::uint32_t>(content.size() - 4)) + content + big_endian(~crc);
}

struct PngParts {
  std::uint32_t width = 2;
  std::uint32_t height = 1;
  char colour_type = 0;
  std::string more_chunks;
  std::string rows;  // each begins with the filter byte 0
};

// An uncompressed 8-bit PNG: OpenCV cannot write palettes or grey with alpha.
std::string build_png(const PngParts& parts) {
  std::uint32_t a = 1;
  std::uint32_t b = 0;
  for (const char c : parts.rows) {
    a = (a + static_cast<unsigned char>(c)) % 65521;
    b = (b + a) % 65521;
  }
  const auto size = static_cast<std::uint16_t>(parts.rows.size());
  const std::string length = {static_cast<char>(size & 0xff), static_cast<char>(size >> 8)};
  const std::string inverse = {static_cast<char>(~length[0]), static_cast<char>(~length[1])};
  return "\x89PNG\r\n\x1a\n" +
         png_chunk("IHDR" + big_endian(parts.width) + big_endian(parts.height) + "\x08" +
                   parts.colour_type + "\0\0\0"s) +
         parts.more_chunks +
         png_chunk("IDAT\x78\x01\x01" + length + inverse + parts.rows + big_endian(b << 16 | a)) +
         png_chunk("IEND");
}

// An EXIF block that holds only the orientation.
std::string exif_block(char orientation) {
  return "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"s + orientation + "\0\0\0\0\0\0"s;
}

TEST(Image, RoundTripsPng) {
  const ScratchFolder folder;
  for (const int type : {CV_8UC3, CV_8UC4}) {
    const cv::Mat image = noise(7, 5, type);
    write_image(folder.path() / "x.png", image);
    EXPECT_TRUE(same(read_image(folder.path() / "x.png"), image));
  }
}

TEST(Image, WritesJpegCloseToTheOriginal) {
  const ScratchFolder folder;
  const cv::Mat image(16, 24, CV_8UC3, cv::Scalar(200, 100, 50));
  write_image(folder.path() / "x.JPG", image);
  // A flat colour survives JPEG except for rounding in its colour space.
  EXPECT_LE(cv::norm(read_image(folder.path() / "x.JPG"), image, cv::NORM_INF), 2);
}

TEST(Image, RefusesToWriteWhatTheFormatCannotHold) {
  const ScratchFolder folder;
  EXPECT_THROW(write_image(folder.path() / "x.jpg", noise(2, 2, CV_8UC4)), Error);
  EXPECT_THROW(write_image(folder.path() / "x.gif", noise(2, 2, CV_8UC3)), Error);
  EXPECT_THROW(write_image(folder.path() / "x", noise(2, 2, CV_8UC3)), Error);
  EXPECT_THROW(write_image(folder.path() / "x.png", noise(2, 2, CV_16UC3)), Error);
  EXPECT_THROW(write_image(folder.path() / "x.png", {}), Error);
  EXPECT_THROW(write_image(folder.path() / "no" / "x.png", noise(2, 2, CV_8UC3)), Error);
}

TEST(Image, ReadsEveryContainer) {
  const cv::Mat bgr = noise(6, 9, CV_8UC3);
  cv::Mat rgb;
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  for (const char* extension : {".png", ".bmp", ".tiff"}) {
    EXPECT_TRUE(same(read_encoded(encoded(extension, bgr)), rgb)) << extension;
  }
  EXPECT_EQ(read_encoded(encoded(".webp", bgr)).size(), rgb.size());
  EXPECT_EQ(read_encoded(encoded(".jpg", bgr)).size(), rgb.size());
}

TEST(Image, ReadsGreyAnd16Bit) {
  const cv::Mat grey = noise(4, 6, CV_8UC1);
  cv::Mat expected;
  cv::cvtColor(grey, expected, cv::COLOR_GRAY2RGB);
  EXPECT_TRUE(same(read_encoded(encoded(".png", grey)), expected));
  EXPECT_EQ(read_encoded(encoded(".jpg", grey)).type(), CV_8UC3);

  const cv::Mat deep = noise(4, 6, CV_16UC3);
  const cv::Mat read = read_encoded(encoded(".png", deep));
  ASSERT_EQ(read.type(), CV_8UC3);
  for (int c = 0; c < 3; ++c) {
    EXPECT_EQ(read.at<cv::Vec3b>(2, 3)[c], std::lround(deep.at<cv::Vec3w>(2, 3)[2 - c] / 257.0));
  }
}

TEST(Image, ReadsPaletteAndGreyWithAlpha) {
  const std::string palette = png_chunk("PLTE\x0a\x14\x1e\x28\x32\x3c");
  const cv::Mat opaque =
      read_encoded(build_png({.colour_type = 3, .more_chunks = palette, .rows = "\0\1\0"s}));
  ASSERT_EQ(opaque.type(), CV_8UC3);
  EXPECT_EQ(opaque.at<cv::Vec3b>(0, 0), cv::Vec3b(40, 50, 60));
  EXPECT_EQ(opaque.at<cv::Vec3b>(0, 1), cv::Vec3b(10, 20, 30));

  const cv::Mat clear = read_encoded(build_png(
      {.colour_type = 3, .more_chunks = palette + png_chunk("tRNS\x07"), .rows = "\0\1\0"s}));
  ASSERT_EQ(clear.type(), CV_8UC4);
  EXPECT_EQ(clear.at<cv::Vec4b>(0, 0), cv::Vec4b(40, 50, 60, 255));
  EXPECT_EQ(clear.at<cv::Vec4b>(0, 1), cv::Vec4b(10, 20, 30, 7));

  const cv::Mat grey = read_encoded(build_png({.colour_type = 4, .rows = "\0\x21\x42\x63\x7f"s}));
  ASSERT_EQ(grey.type(), CV_8UC4);
  EXPECT_EQ(grey.at<cv::Vec4b>(0, 1), cv::Vec4b(0x63, 0x63, 0x63, 0x7f));
}

// OpenCV applies the orientation unless asked to keep alpha, which makes it the oracle for our own
// code.
TEST(Image, AppliesEveryExifOrientation) {
  cv::Mat bgr;
  cv::resize(noise(2, 3, CV_8UC3), bgr, {24, 16}, 0, 0, cv::INTER_NEAREST);
  const std::string jpeg = encoded(".jpg", bgr);
  const std::string png = encoded(".png", bgr);
  constexpr std::size_t png_header_end = 8 + 25;
  for (char orientation = 1; orientation <= 8; ++orientation) {
    const std::string exif = "Exif\0\0"s + exif_block(orientation);
    const std::string with_segment =
        jpeg.substr(0, 2) + "\xff\xe1" +
        big_endian(static_cast<std::uint32_t>(exif.size() + 2)).substr(2) + exif + jpeg.substr(2);
    const std::string with_chunk = png.substr(0, png_header_end) +
                                   png_chunk("eXIf" + exif_block(orientation)) +
                                   png.substr(png_header_end);
    for (const std::string& bytes : {with_segment, with_chunk}) {
      const cv::Mat decoded =
          cv::imdecode(std::vector<unsigned char>(bytes.begin(), bytes.end()), cv::IMREAD_COLOR);
      cv::Mat expected;
      cv::cvtColor(decoded, expected, cv::COLOR_BGR2RGB);
      EXPECT_TRUE(same(read_encoded(bytes), expected)) << int{orientation};
      EXPECT_EQ(expected.rows, orientation < 5 ? 16 : 24);
    }
  }
}

// 32×32 pixels in four squares, written by PIL as CMYK with inverted values, as Adobe's programs
// do.
constexpr const char* kCmykJpeg =
    "ffd8ffee000e41646f626500640000000000ffdb004300030202030202030303030403030405080505040405"
    "0a070706080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ff"
    "c000140800200020044311004d11005911004b1100ffc4001f00000105010101010101000000000000000001"
    "02030405060708090a0bffc400b5100002010303020403050504040000017d01020300041105122131410613"
    "516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a"
    "434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495"
    "969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3"
    "e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9faffda000e0443004d0059004b00003f00fbd6be14afcfaafd53a28a"
    "28afc05afdabaf50a28a28a2bf7eabf152bcbe8a28a28afc05afdabaf50a28a28a2b6abf22abf6428a28a28a"
    "fe85abf6aabf0e68a28a28afe7a6bf156bf71a8a28a28afe85abf6aabf0e68a28a28afffd9";

// An uncompressed RGB TIFF file of one strip.
std::string build_tiff(const cv::Mat& rgb, char orientation) {
  const auto field = [](int tag, int type, std::uint32_t count, std::uint32_t value) {
    const std::string number = big_endian(value);
    return big_endian(static_cast<std::uint32_t>(tag) << 16 | static_cast<std::uint32_t>(type)) +
           big_endian(count) + (type == 3 ? number.substr(2) + "\0\0"s : number);
  };
  const auto bytes = static_cast<std::uint32_t>(rgb.total() * 3);
  constexpr std::uint32_t kFields = 10;
  constexpr std::uint32_t kBits = 8 + 2 + 12 * kFields + 4;
  return "MM\0*\0\0\0\x08\0\x0a"s + field(256, 3, 1, rgb.cols) + field(257, 3, 1, rgb.rows) +
         field(258, 4, 3, kBits).replace(2, 2, "\0\x03"s) + field(259, 3, 1, 1) +
         field(262, 3, 1, 2) + field(273, 4, 1, kBits + 6) + field(274, 3, 1, orientation) +
         field(277, 3, 1, 3) + field(278, 3, 1, rgb.rows) + field(279, 4, 1, bytes) + "\0\0\0\0"s +
         "\0\x08\0\x08\0\x08"s + std::string(rgb.ptr<char>(), bytes);
}

// OpenCV's TIFF decoder applies the orientation even when asked for unchanged pixels.
TEST(Image, StoredPixelsOfTiffAreNotTurned) {
  const ScratchFolder folder;
  const cv::Mat rgb = noise(6, 9, CV_8UC3);
  for (char orientation = 1; orientation <= 8; ++orientation) {
    const auto path = folder.write("x.tif", build_tiff(rgb, orientation));
    const StoredImage stored = read_stored_image(path);
    EXPECT_TRUE(same(stored.pixels, rgb)) << int{orientation};
    EXPECT_EQ(stored.orientation, orientation);
    EXPECT_EQ(check_image_file(path), orientation);
    EXPECT_EQ(image_file_size(path), cv::Size(9, 6));
    EXPECT_EQ(read_image(path).rows, orientation < 5 ? 6 : 9);
  }
}

// Any number of rows per strip from the height on means one strip; OpenCV would make room for each.
TEST(Image, TiffsOfOneStripMayDeclareMoreRows) {
  const ScratchFolder folder;
  const cv::Mat rgb = noise(6, 9, CV_8UC3);
  const std::string whole = build_tiff(rgb, 1);
  const std::size_t entry = whole.find("\x01\x16\0\x03"s);
  ASSERT_NE(entry, std::string::npos);
  for (const std::string& rows : {"\0\x03\0\0\0\x01\xff\xff\0\0"s,
                                  "\0\x04\0\0\0\x01\x7f\xff\xff\xff"s,
                                  "\0\x04\0\0\0\x01\xff\xff\xff\xff"s}) {
    const auto path = folder.write("x.tif", std::string(whole).replace(entry + 2, 10, rows));
    EXPECT_TRUE(same(read_stored_image(path).pixels, rgb));
  }
}

TEST(Image, HeadersSayTheSize) {
  const ScratchFolder folder;
  for (const char* extension : {".png", ".jpg", ".webp", ".tif", ".bmp", ".ppm"}) {
    for (const auto& [rows, cols] : {std::pair{3, 5}, std::pair{300, 1025}}) {
      const auto path = folder.write("x", encoded(extension, noise(rows, cols, CV_8UC3)));
      EXPECT_EQ(image_file_size(path), cv::Size(cols, rows)) << extension;
    }
  }
  // WebP's other kinds of first chunks: lossless, and extended for alpha.
  std::vector<unsigned char> bytes;
  cv::imencode(".webp", noise(70, 300, CV_8UC3), bytes, {cv::IMWRITE_WEBP_QUALITY, 101});
  EXPECT_EQ(image_file_size(folder.write("x", std::string(bytes.begin(), bytes.end()))),
            cv::Size(300, 70));
  const auto path = folder.write("x", encoded(".webp", noise(70, 300, CV_8UC4)));
  EXPECT_EQ(image_file_size(path), cv::Size(300, 70));
}

TEST(Image, ReadsCmyk) {
  std::string bytes;
  for (const char* hex = kCmykJpeg; *hex != 0; hex += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex, 2), nullptr, 16));
  }
  const cv::Mat image = read_encoded(bytes);
  ASSERT_EQ(image.size(), cv::Size(32, 32));
  ASSERT_EQ(image.type(), CV_8UC3);
  // The squares' colours before PIL converted them to CMYK; JPEG keeps them within a few steps.
  const std::pair<cv::Point, cv::Vec3i> squares[] = {{{8, 8}, {220, 40, 30}},
                                                     {{24, 8}, {30, 200, 60}},
                                                     {{8, 24}, {40, 60, 210}},
                                                     {{24, 24}, {240, 220, 40}}};
  for (const auto& [point, colour] : squares) {
    EXPECT_LE(cv::norm(cv::Vec3i(image.at<cv::Vec3b>(point)), colour, cv::NORM_INF), 6) << point;
  }
}

TEST(Image, EveryTruncationEndsInAnError) {
  const cv::Mat bgr = noise(9, 13, CV_8UC3);
  for (const char* extension : {".png", ".jpg", ".webp", ".bmp", ".tiff", ".ppm"}) {
    const std::string good = encoded(extension, bgr);
    for (std::size_t size = 0; size < good.size(); size += size < 64 ? 1 : 7) {
      ASSERT_NE(error_of(good.substr(0, size)), "no error") << extension << " " << size;
    }
  }
}

// A GIF of four colours whose pixel values are the sums of column and row; colour 3 may be
// transparent.
std::string build_gif(int rows, int cols, bool interlaced, bool transparent) {
  std::string bytes;
  int code = 0;
  GifFileType* gif = EGifOpen(
      &bytes,
      [](GifFileType* file, const GifByteType* data, int count) {
        static_cast<std::string*>(file->UserData)
            ->append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(count));
        return count;
      },
      &code);
  const GifColorType colours[] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {9, 8, 7}};
  ColorMapObject* map = GifMakeMapObject(4, colours);
  EGifPutScreenDesc(gif, cols, rows, 2, 0, map);
  const GifByteType control[] = {static_cast<GifByteType>(transparent ? 1 : 0), 0, 0, 3};
  EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, 4, control);
  EGifPutImageDesc(gif, 0, 0, cols, rows, interlaced, nullptr);
  const std::vector<std::pair<int, int>> passes =
      interlaced ? std::vector<std::pair<int, int>>{{0, 8}, {4, 8}, {2, 4}, {1, 2}}
                 : std::vector<std::pair<int, int>>{{0, 1}};
  for (const auto& [first, step] : passes) {
    for (int y = first; y < rows; y += step) {
      std::vector<GifPixelType> line;
      for (int x = 0; x < cols; ++x) {
        line.push_back(static_cast<GifPixelType>((x + y) % 4));
      }
      EGifPutLine(gif, line.data(), cols);
    }
  }
  GifFreeMapObject(map);
  EGifCloseFile(gif, &code);
  return bytes;
}

TEST(Image, ReadsGif) {
  for (const bool interlaced : {false, true}) {
    const cv::Mat opaque = read_encoded(build_gif(11, 7, interlaced, false));
    const cv::Mat transparent = read_encoded(build_gif(11, 7, interlaced, true));
    ASSERT_EQ(opaque.type(), CV_8UC3);
    ASSERT_EQ(transparent.type(), CV_8UC4);
    const cv::Vec3b colours[] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {9, 8, 7}};
    for (int y = 0; y < 11; ++y) {
      for (int x = 0; x < 7; ++x) {
        EXPECT_EQ(opaque.at<cv::Vec3b>(y, x), colours[(x + y) % 4]);
        EXPECT_EQ(transparent.at<cv::Vec4b>(y, x)[3], (x + y) % 4 == 3 ? 0 : 255);
      }
    }
  }
}

TEST(Image, BrokenGifsAreErrors) {
  const std::string good = build_gif(11, 7, false, true);
  // All sizes that cut off more than the bytes that end the image and the file.
  for (std::size_t size = 0; size + 3 < good.size(); ++size) {
    ASSERT_NE(error_of(good.substr(0, size)), "no error") << size;
  }
  std::mt19937 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = good;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    error_of(bytes);
  }
}

TEST(Image, RefusesWhatIsNotAnImage) {
  EXPECT_THAT(error_of(""), ::testing::HasSubstr("empty"));
  EXPECT_THAT(error_of("hello"), ::testing::HasSubstr("PNG, JPEG"));
  EXPECT_THAT(error_of("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"),
              ::testing::HasSubstr("git lfs pull"));
  EXPECT_THAT(error_of(build_png({.width = 1 << 30, .height = 1 << 30, .rows = "\0"s})),
              ::testing::HasSubstr("claims"));
  EXPECT_NE(error_of(build_png({.width = 0, .height = 0})), "no error");
  std::string damaged = encoded(".png", noise(9, 13, CV_8UC3));
  damaged[damaged.size() / 2] ^= 1;
  EXPECT_THAT(error_of(damaged), ::testing::HasSubstr("checksum"));
  std::string huge = encoded(".jpg", noise(9, 13, CV_8UC3));
  const std::size_t frame = huge.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  huge.replace(frame + 5, 4, "\xff\xff\xff\xff");
  EXPECT_NE(error_of(huge), "no error");
  const ScratchFolder folder;
  EXPECT_THROW(read_image(folder.path()), Error);
  EXPECT_THROW(read_image(folder.path() / "missing.png"), Error);
}

// What is wrong is in the error alone: left to themselves libjpeg, libtiff and OpenCV write about
// some of these files to stderr.
TEST(Image, DamagedBytesDecodeOrEndInAnError) {
  const cv::Mat bgr = noise(9, 13, CV_8UC3);
  std::mt19937 random(1);
  ::testing::internal::CaptureStderr();
  for (const char* extension : {".png", ".jpg", ".webp", ".bmp", ".tiff", ".ppm"}) {
    const std::string good = encoded(extension, bgr);
    for (int i = 0; i < 300; ++i) {
      std::string bytes = good;
      bytes[random() % bytes.size()] = static_cast<char>(random());
      error_of(bytes);  // throws, and so fails the test, for anything but an Error
    }
  }
  // Each byte of a header: what libwebp refuses from the start, others would be asked about.
  for (const int quality : {80, 101}) {
    std::vector<unsigned char> webp;
    cv::imencode(".webp", bgr, webp, {cv::IMWRITE_WEBP_QUALITY, quality});
    for (std::size_t i = 0; i < 32; ++i) {
      for (const unsigned char value : {0x00, 0x01, 0x20, 0xff}) {
        std::string bytes(webp.begin(), webp.end());
        bytes[i] = static_cast<char>(value);
        error_of(bytes);
      }
    }
  }
  std::string other = encoded(".webp", bgr);
  other.replace(12, 4, "EXIF");
  EXPECT_THAT(error_of(other), ::testing::HasSubstr("the WebP image is damaged"));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

TEST(Image, WhatThisProgramSaysItselfIsNotDropped) {
  error_of("no picture");
  ::testing::internal::CaptureStderr();
  std::cerr << "said";
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "said");
}

TEST(Resample, KeepsSizeColourAndTransparency) {
  const cv::Mat image = noise(5, 6, CV_8UC4);
  EXPECT_TRUE(same(resize_image(image, 5, 6, ResampleFilter::kLanczos), image));
  const cv::Mat flat(5, 6, CV_8UC3, cv::Scalar(1, 128, 255));
  for (const auto filter : {ResampleFilter::kBicubic, ResampleFilter::kLanczos}) {
    const cv::Mat expected(17, 2, CV_8UC3, cv::Scalar(1, 128, 255));
    EXPECT_TRUE(same(resize_image(flat, 17, 2, filter), expected));
  }
  // A clear pixel's colour must not bleed into its neighbours.
  cv::Mat half(1, 2, CV_8UC4, cv::Scalar(255, 0, 0, 255));
  half.at<cv::Vec4b>(0, 1) = {0, 255, 0, 0};
  EXPECT_EQ(resize_image(half, 1, 1, ResampleFilter::kBicubic).at<cv::Vec4b>(0, 0)[1], 0);
}

// FNV-1a of what Pillow 13.0 made: Image.fromarray(a).resize((width, height), filter) of the array
// a[y, x, c] = (37 x + 101 y + 59 c + 7 x y) mod 256.
TEST(Resample, EqualsPillow) {
  struct Resized {
    int rows, cols, channels, height, width;
    ResampleFilter filter;
    std::uint64_t hash;
  };
  const Resized made_by_pillow[] = {
      {375, 500, 3, 256, 341, ResampleFilter::kBicubic, 0x0146ba74370e5045},
      {375, 500, 3, 256, 341, ResampleFilter::kLanczos, 0xfa7edeed19127301},
      {5, 7, 3, 3, 4, ResampleFilter::kBicubic, 0x666f903755861965},
      {2, 1, 3, 7, 5, ResampleFilter::kBicubic, 0x8a964fcc3ef90018},
      {40, 15, 1, 20, 15, ResampleFilter::kLanczos, 0x3068cd6aac64e2dd},
      {31, 17, 1, 31, 9, ResampleFilter::kLanczos, 0xf8b3c4622de4bbbd},
      {6, 5, 4, 11, 3, ResampleFilter::kBicubic, 0x8d98d122d47f783f},
      {3, 100, 3, 1, 1, ResampleFilter::kBicubic, 0x386a611ae66adcf5},
  };
  for (const Resized& made : made_by_pillow) {
    cv::Mat image(made.rows, made.cols, CV_8UC(made.channels));
    for (int y = 0; y < made.rows; ++y) {
      for (int i = 0; i < made.cols * made.channels; ++i) {
        const int x = i / made.channels;
        const int value = 37 * x + 101 * y + 59 * (i % made.channels) + 7 * x * y;
        image.ptr(y)[i] = static_cast<std::uint8_t>(value & 255);
      }
    }
    const cv::Mat resized = resize_image(image, made.height, made.width, made.filter);
    std::uint64_t hash = 0xcbf29ce484222325;
    for (int i = 0; i < made.height * made.width * made.channels; ++i) {
      hash = (hash ^ resized.data[i]) * 0x100000001b3;
    }
    EXPECT_EQ(hash, made.hash) << made.rows << " x " << made.cols << " x " << made.channels;
  }
}

TEST(Resample, RefusesWhatItCannotResize) {
  EXPECT_THROW(resize_image({}, 2, 2, ResampleFilter::kBicubic), Error);
  EXPECT_THROW(resize_image(noise(2, 2, CV_16UC3), 2, 2, ResampleFilter::kBicubic), Error);
  EXPECT_THROW(resize_image(noise(2, 2, CV_8UC3), 0, 2, ResampleFilter::kBicubic), Error);
}

TEST(Composite, MixesByAlpha) {
  cv::Mat image(1, 3, CV_8UC4);
  image.at<cv::Vec4b>(0, 0) = {10, 20, 30, 0};
  image.at<cv::Vec4b>(0, 1) = {10, 20, 30, 255};
  image.at<cv::Vec4b>(0, 2) = {0, 100, 200, 128};
  const cv::Mat result = composite_on(image, {255, 255, 255});
  EXPECT_EQ(result.at<cv::Vec3b>(0, 0), cv::Vec3b(255, 255, 255));
  EXPECT_EQ(result.at<cv::Vec3b>(0, 1), cv::Vec3b(10, 20, 30));
  EXPECT_EQ(result.at<cv::Vec3b>(0, 2), cv::Vec3b(127, 177, 227));
  EXPECT_THROW(composite_on(noise(2, 2, CV_8UC1), {}), Error);
}

}  // namespace
}  // namespace parallax
