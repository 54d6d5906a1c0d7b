// Text on pictures, beside FreeType's own measure of it.
#include "apps/report/text.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace parallax {
namespace {

const cv::Scalar kBlack(0, 0, 0);

class TextOnPictures : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kFontFile)) {
      GTEST_SKIP() << "needs the package fonts-dejavu-core";
    }
  }

  // The rectangle that text written at (10, 30) has darkened.
  static cv::Rect ink(const std::string& text, int pixels = 16) {
    cv::Mat picture(40, 300, CV_8UC3, cv::Scalar::all(255));
    write_text(picture, text, {10, 30}, pixels, kBlack);
    cv::Mat grey;
    cv::extractChannel(picture, grey, 0);
    cv::Mat dark = grey < 128;
    std::vector<cv::Point> points;
    cv::findNonZero(dark, points);
    int left = 300, right = -1, top = 40, bottom = -1;
    for (const cv::Point& point : points) {
      left = std::min(left, point.x);
      right = std::max(right, point.x);
      top = std::min(top, point.y);
      bottom = std::max(bottom, point.y);
    }
    return {left, top, right - left + 1, bottom - top + 1};
  }
};

TEST_F(TextOnPictures, StandsOnItsBaselineAndIsAsWideAsSaid) {
  const cv::Rect box = ink("HHHH");
  EXPECT_EQ(box.br().y, 30);
  // A capital of DejaVu Sans is 1493 of 2048 units high.
  EXPECT_NEAR(box.height, 16 * 1493.0 / 2048, 1);
  // And its H takes 1540 units.
  EXPECT_NEAR(text_width("HHHH", 16), 4 * 16 * 1540.0 / 2048, 4);
  EXPECT_NEAR(box.width, text_width("HHHH", 16), 4);
}

TEST_F(TextOnPictures, HasLettersBeyondAscii) {
  for (const char* text : {"φ(x)", "größe", "→", "Ω²"}) {
    EXPECT_GT(ink(text).width, 4) << text;
  }
  EXPECT_EQ(text_width("ö", 16), text_width("o", 16));
  // A byte that is no UTF-8 is one sign, and the letters after it are there.
  EXPECT_EQ(ink("\xFFH"), ink("\uFFFDH"));
  EXPECT_EQ(ink("\xC3"), ink("\uFFFD"));
}

TEST_F(TextOnPictures, EndsWhereThePictureDoes) {
  cv::Mat picture(10, 10, CV_8UC3, cv::Scalar::all(255));
  for (const cv::Point start :
       {cv::Point(-5, 5), cv::Point(8, 12), cv::Point(50, 50), cv::Point(0, -20)}) {
    write_text(picture, "HHHH", start, 16, kBlack);
  }
  EXPECT_EQ(picture.size(), cv::Size(10, 10));
}

}  // namespace
}  // namespace parallax
