// A library of one function, which write_video loads when there is a video to write.
#include "apps/report/video_encoder.h"

#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include <cstdlib>

namespace parallax {
namespace {

namespace logging = cv::utils::logging;

// FFmpeg's encoders require even sides.
cv::Mat with_even_sides(const cv::Mat& frame) {
  cv::Mat even;
  cv::copyMakeBorder(
      frame, even, 0, frame.rows % 2, 0, frame.cols % 2, cv::BORDER_CONSTANT, cv::Scalar::all(255));
  return even;
}

// OpenCV's own remarks are switched off while it lives.
class QuietOpenCv {
 public:
  QuietOpenCv() : before_(logging::setLogLevel(logging::LOG_LEVEL_SILENT)) {}
  ~QuietOpenCv() { logging::setLogLevel(before_); }
  QuietOpenCv(const QuietOpenCv&) = delete;
  QuietOpenCv& operator=(const QuietOpenCv&) = delete;

 private:
  logging::LogLevel before_;
};

}  // namespace
}  // namespace parallax

bool parallax_write_mp4(const std::string& path,
                        const std::vector<cv::Mat>& frames,
                        double frames_per_second) {
  using namespace parallax;
  // H.264 plays in browsers; a build without x264, such as the packages', offers MPEG-4 part 2.
  // Encoders write to stderr unless silenced, and OpenCV reports one that is missing.
  setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);
  const QuietOpenCv quiet;
  const cv::Size size = with_even_sides(frames.front()).size();
  for (const char* codec : {"avc1", "mp4v"}) {
    try {
      cv::VideoWriter writer(path,
                             cv::CAP_FFMPEG,
                             cv::VideoWriter::fourcc(codec[0], codec[1], codec[2], codec[3]),
                             frames_per_second,
                             size);
      if (!writer.isOpened()) {
        continue;
      }
      for (const cv::Mat& frame : frames) {
        cv::Mat bgr;
        cv::cvtColor(with_even_sides(frame), bgr, cv::COLOR_RGB2BGR);
        writer.write(bgr);
      }
      writer.release();
      // A write that failed is not reported.
      cv::VideoCapture written(path, cv::CAP_FFMPEG);
      if (written.isOpened() &&
          written.get(cv::CAP_PROP_FRAME_COUNT) == static_cast<double>(frames.size())) {
        return true;
      }
    } catch (const cv::Exception&) {
      continue;  // this encoder does not work here: try the next, or write a GIF
    }
  }
  return false;
}
