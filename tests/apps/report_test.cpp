// Tables, pages and videos: what was written can be read back.
#include <gif_lib.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <opencv2/videoio.hpp>

#include "apps/report/html.h"
#include "apps/report/mp4_colours.h"
#include "apps/report/pictures.h"
#include "apps/report/results.h"
#include "apps/report/video.h"
#include "tests/support/browser.h"
#include "tests/support/scene_fixture.h"
#include "tests/support/scratch_folder.h"

namespace parallax::testing {
namespace {

// Frames of one colour each, with a moving white square.
std::vector<cv::Mat> moving_frames(int rows, int cols) {
  std::vector<cv::Mat> frames;
  for (int i = 0; i < 5; ++i) {
    frames.emplace_back(rows, cols, CV_8UC3, cv::Scalar(40 * i, 200 - 30 * i, 90));
    frames.back()(cv::Rect(4 + 8 * i, 6, 8, 8)) = cv::Scalar::all(255);
  }
  return frames;
}

TEST(Video, GifHoldsEveryFrameInItsColours) {
  const ScratchFolder scratch;
  const auto path = scratch.path() / "turn.gif";
  const auto frames = moving_frames(40, 57);
  write_gif(path, frames, 20);

  int error = 0;
  GifFileType* gif = DGifOpenFileName(path.c_str(), &error);
  ASSERT_NE(gif, nullptr);
  ASSERT_EQ(DGifSlurp(gif), GIF_OK);
  EXPECT_EQ(gif->SWidth, 57);
  EXPECT_EQ(gif->SHeight, 40);
  ASSERT_EQ(gif->ImageCount, 5);
  for (int i = 0; i < 5; ++i) {
    for (const cv::Point pixel : {cv::Point(0, 0), cv::Point(6 + 8 * i, 8), cv::Point(50, 39)}) {
      const auto index = gif->SavedImages[i].RasterBits[pixel.y * 57 + pixel.x];
      const GifColorType& colour = gif->SColorMap->Colors[index];
      const cv::Vec3b expected = frames[i].at<cv::Vec3b>(pixel);
      // A colour is looked up in cells 8 levels wide.
      EXPECT_NEAR(colour.Red, expected[0], 8);
      EXPECT_NEAR(colour.Green, expected[1], 8);
      EXPECT_NEAR(colour.Blue, expected[2], 8);
    }
  }
  DGifCloseFile(gif, &error);
}

TEST(Video, OddSidesAreWrittenAndReadBack) {
  const ScratchFolder scratch;
  const auto path = write_video(scratch.path() / "turn", moving_frames(65, 67), 20);
  ASSERT_TRUE(std::filesystem::exists(path));
  if (path.extension() != ".mp4") {
    GTEST_SKIP() << "no MP4 encoder here; a GIF was written";
  }
  cv::VideoCapture video(path.string());
  cv::Mat frame;
  int count = 0;
  while (video.read(frame)) {
    ++count;
    EXPECT_EQ(frame.size(), cv::Size(68, 66));
  }
  EXPECT_EQ(count, 5);
}

// As tall as HD, where players assume another matrix unless they are told.
TEST(Video, ABrowserShowsItsColours) {
  if (find_browser().empty()) {
    GTEST_SKIP() << "there is no Chromium on this machine";
  }
  const ScratchFolder scratch;
  const cv::Vec3b colours[] = {{210, 30, 20}, {20, 190, 40}, {30, 60, 220}, {200, 200, 30}};
  cv::Mat frame(720, 1280, CV_8UC3);
  for (int i = 0; i < 4; ++i) {
    frame.colRange(320 * i, 320 * (i + 1)) = cv::Scalar(colours[i]);
  }
  const auto path = write_video(scratch.path() / "turn", {5, frame}, 20);
  if (path.extension() != ".mp4") {
    GTEST_SKIP() << "no MP4 encoder here; a GIF was written";
  }
  const nlohmann::json seen =
      ask_page("<html><body><video muted preload=auto src='data:video/mp4;base64," +
                   html::base64(read_bytes(path)) + "'></video></body></html>",
               R"(
    addEventListener("load", () => {
      const video = document.querySelector("video"), canvas = document.createElement("canvas");
      canvas.width = video.videoWidth, canvas.height = video.videoHeight;
      const pen = canvas.getContext("2d");
      pen.drawImage(video, 0, 0);
      answer({width: canvas.width, colours: [0, 1, 2, 3].map(i => [...pen.getImageData(320 * i + 160, 360, 1, 1).data])});
    }))",
               scratch.path());
  ASSERT_FALSE(seen.is_null());
  if (seen.at("width") == 0) {
    GTEST_SKIP() << "this browser does not play " << path.extension();
  }
  for (int i = 0; i < 4; ++i) {
    for (int channel = 0; channel < 3; ++channel) {
      // 8 bits of luma and chroma hold a colour to 3 levels.
      EXPECT_NEAR(seen.at("colours")[i][channel].get<int>(), colours[i][channel], 4)
          << i << " " << channel;
    }
  }
}

TEST(Video, AFileOfAnotherStructureStaysAsItIs) {
  const ScratchFolder scratch;
  const auto path = write_video(scratch.path() / "turn", moving_frames(64, 64), 20);
  if (path.extension() != ".mp4") {
    GTEST_SKIP() << "no MP4 encoder here; a GIF was written";
  }
  const std::string whole = read_bytes(path);
  EXPECT_NE(whole.find("colrnclx"), std::string::npos);
  // Cut off anywhere, no length is believed beyond the file's end.
  for (size_t size = 0; size < whole.size(); size += 1 + whole.size() / 500) {
    EXPECT_LE(with_colours_told(whole.substr(0, size)).size(), size + 19);
  }
  // The index first: positions of the pictures in it would be wrong.
  const size_t index = whole.rfind("moov") - 4;
  const size_t pictures = whole.find("mdat") - 4;
  const std::string moved =
      whole.substr(0, pictures) + whole.substr(index) + whole.substr(pictures, index - pictures);
  EXPECT_EQ(with_colours_told(moved), moved);
}

TEST(Video, NothingToWriteIsAnError) {
  EXPECT_THROW(write_video("/tmp/none", {}, 20), Error);
  EXPECT_THROW(write_gif("/nonexistent/turn.gif", moving_frames(16, 48), 20), Error);
}

TEST(Tables, ColumnsFitAndCsvIsQuoted) {
  EXPECT_EQ(format_table({{"a", "number"}, {"longer", "7"}}), "a       number\nlonger       7\n");
  EXPECT_EQ(format_csv({{"plain", "with, comma"}, {"a \"word\"", ""}}),
            "plain,\"with, comma\"\n\"a \"\"word\"\"\",\n");
  EXPECT_EQ(format_metric(std::numeric_limits<double>::quiet_NaN(), 2), "-");
  EXPECT_EQ(format_metric(std::numeric_limits<double>::infinity(), 2), "inf");
  EXPECT_EQ(format_metric(24.618, 2), "24.62");
}

TEST(Pages, TextIsEscapedAndPicturesAreInside) {
  const std::string page = html::page("a < b", html::table({{"<script>"}, {"\"&'"}}));
  EXPECT_EQ(page.find("<script>"), std::string::npos);
  EXPECT_NE(page.find("&quot;&amp;&#39;"), std::string::npos);
  const std::string picture = html::image(moving_frames(16, 48).front(), "a \"view\"", 100);
  EXPECT_NE(picture.find("data:image/png;base64,iVBORw0KGgo"), std::string::npos);
  EXPECT_NE(picture.find("alt=\"a &quot;view&quot;\""), std::string::npos);
}

TEST(Pages, PlotsSurviveOddNumbers) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const auto& points : std::vector<std::vector<std::pair<double, double>>>{
           {}, {{1, 2}}, {{1, infinity}, {2, 3}}, {{0, 5}, {0, 5}}}) {
    const std::string chart = html::line_chart("t", {{"s", points}}, "x", "y");
    EXPECT_EQ(chart.find("nan"), std::string::npos);
    EXPECT_EQ(chart.find("inf"), std::string::npos);
  }
}

TEST(Pictures, ValuesAreRoundedAndClamped) {
  const Tensor image = torch::tensor({-1.0F, 0.5F, 2.0F}).view({3, 1, 1});
  const cv::Vec3b pixel = to_picture(image).at<cv::Vec3b>(0, 0);
  EXPECT_EQ(pixel, cv::Vec3b(0, 128, 255));
  EXPECT_EQ(enlarge(cv::Mat(10, 20, CV_8UC3), 64).size(), cv::Size(140, 70));
  EXPECT_EQ(enlarge(cv::Mat(100, 200, CV_8UC3), 64).size(), cv::Size(200, 100));
}

}  // namespace
}  // namespace parallax::testing
