// MP4 through OpenCV (FFmpeg), GIF through giflib.
#include "apps/report/video.h"

#include <gif_lib.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include "core/base/error.h"

namespace parallax {
namespace {

namespace logging = cv::utils::logging;

constexpr int kPaletteSize = 256;
constexpr int kPaletteSamples = 20000;  // pixels used to fit the palette
constexpr int kCubeBits = 5;            // colours are looked up in a 32³ cube

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

bool write_mp4(const std::filesystem::path& path,
               const std::vector<cv::Mat>& frames,
               double frames_per_second) {
  // H.264 plays in browsers; a build without x264, such as the packages', offers MPEG-4 part 2.
  // Encoders write to stderr unless silenced, and OpenCV reports one that is missing.
  setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);
  const QuietOpenCv quiet;
  const cv::Size size = with_even_sides(frames.front()).size();
  for (const char* codec : {"avc1", "mp4v"}) {
    try {
      cv::VideoWriter writer(path.string(),
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
      std::error_code ignored;
      if (std::filesystem::file_size(path, ignored) > 0 && !ignored) {
        return true;
      }
    } catch (const cv::Exception&) {
      continue;  // this encoder does not work here: try the next, or write a GIF
    }
  }
  return false;
}

// 256 colours fitted to the frames by k-means: [256, 3] float.
cv::Mat fit_palette(const std::vector<cv::Mat>& frames) {
  const int64_t pixels = static_cast<int64_t>(frames.size()) * frames.front().total();
  const int64_t stride = std::max<int64_t>(1, pixels / kPaletteSamples);
  std::vector<cv::Vec3f> samples;
  for (int64_t i = 0; i < pixels; i += stride) {
    const auto frame = static_cast<size_t>(i / frames.front().total());
    const auto pixel = static_cast<int>(i % frames.front().total());
    samples.emplace_back(
        frames[frame].at<cv::Vec3b>(pixel / frames[frame].cols, pixel % frames[frame].cols));
  }
  while (samples.size() < kPaletteSize) {
    samples.push_back(samples.back());
  }
  cv::setRNGSeed(1);  // the same frames give the same file
  cv::Mat labels;
  cv::Mat centres;
  const cv::Mat points(static_cast<int>(samples.size()), 3, CV_32F, samples.data());
  cv::kmeans(points,
             kPaletteSize,
             labels,
             cv::TermCriteria(cv::TermCriteria::EPS + cv::TermCriteria::COUNT, 10, 1.0),
             1,
             cv::KMEANS_PP_CENTERS,
             centres);
  return centres;
}

// The palette's nearest colour for each cell of a 32³ cube.
std::vector<uchar> nearest_colours(const cv::Mat& palette) {
  constexpr int kSide = 1 << kCubeBits;
  std::vector<uchar> cube(static_cast<size_t>(kSide) * kSide * kSide);
  for (size_t cell = 0; cell < cube.size(); ++cell) {
    const cv::Vec3f colour(static_cast<float>((cell >> (2 * kCubeBits)) * 8 + 4),
                           static_cast<float>((cell >> kCubeBits) % kSide * 8 + 4),
                           static_cast<float>(cell % kSide * 8 + 4));
    double best = 1e30;
    for (int i = 0; i < kPaletteSize; ++i) {
      const double distance = cv::norm(colour - palette.at<cv::Vec3f>(i), cv::NORM_L2SQR);
      if (distance < best) {
        best = distance;
        cube[cell] = static_cast<uchar>(i);
      }
    }
  }
  return cube;
}

size_t cube_cell(const cv::Vec3b& colour) {
  return (static_cast<size_t>(colour[0] >> 3) << (2 * kCubeBits)) |
         (static_cast<size_t>(colour[1] >> 3) << kCubeBits) | static_cast<size_t>(colour[2] >> 3);
}

void require_gif(int result, const std::filesystem::path& path) {
  if (result == GIF_ERROR) {
    throw Error(ErrorParts{.what = "the animation could not be written", .where = path.string()});
  }
}

void write_gif_frame(GifFileType* gif,
                     const cv::Mat& frame,
                     const std::vector<uchar>& cube,
                     int centiseconds,
                     const std::filesystem::path& path) {
  GraphicsControlBlock control{DISPOSE_DO_NOT, false, centiseconds, NO_TRANSPARENT_COLOR};
  GifByteType bytes[4];
  EGifGCBToExtension(&control, bytes);
  require_gif(EGifPutExtension(gif, GRAPHICS_EXT_FUNC_CODE, 4, bytes), path);
  require_gif(EGifPutImageDesc(gif, 0, 0, frame.cols, frame.rows, false, nullptr), path);
  std::vector<GifPixelType> line(frame.cols);
  for (int y = 0; y < frame.rows; ++y) {
    for (int x = 0; x < frame.cols; ++x) {
      line[x] = cube[cube_cell(frame.at<cv::Vec3b>(y, x))];
    }
    require_gif(EGifPutLine(gif, line.data(), frame.cols), path);
  }
}

}  // namespace

void write_gif(const std::filesystem::path& path,
               const std::vector<cv::Mat>& frames,
               double frames_per_second) {
  const cv::Mat palette = fit_palette(frames);
  const std::vector<uchar> cube = nearest_colours(palette);
  const std::unique_ptr<ColorMapObject, decltype(&GifFreeMapObject)> map(
      GifMakeMapObject(kPaletteSize, nullptr), &GifFreeMapObject);
  for (int i = 0; i < kPaletteSize; ++i) {
    const cv::Vec3f colour = palette.at<cv::Vec3f>(i);
    map->Colors[i] = {cv::saturate_cast<uchar>(colour[0]),
                      cv::saturate_cast<uchar>(colour[1]),
                      cv::saturate_cast<uchar>(colour[2])};
  }
  int error = 0;
  const auto close = [](GifFileType* file) { EGifCloseFile(file, nullptr); };
  const std::unique_ptr<GifFileType, decltype(close)> gif(
      EGifOpenFileName(path.c_str(), false, &error), close);
  if (!gif) {
    throw Error(ErrorParts{.what = "the animation could not be written", .where = path.string()});
  }
  EGifSetGifVersion(gif.get(), true);
  const cv::Mat& first = frames.front();
  require_gif(EGifPutScreenDesc(gif.get(), first.cols, first.rows, 8, 0, map.get()), path);
  const GifByteType repeat[] = {1, 0, 0};  // the NETSCAPE2.0 extension: repeat for ever
  require_gif(EGifPutExtensionLeader(gif.get(), APPLICATION_EXT_FUNC_CODE), path);
  require_gif(EGifPutExtensionBlock(gif.get(), 11, "NETSCAPE2.0"), path);
  require_gif(EGifPutExtensionBlock(gif.get(), 3, repeat), path);
  require_gif(EGifPutExtensionTrailer(gif.get()), path);
  const int centiseconds = std::max(2, static_cast<int>(std::lround(100 / frames_per_second)));
  for (const cv::Mat& frame : frames) {
    write_gif_frame(gif.get(), frame, cube, centiseconds, path);
  }
}

std::filesystem::path write_video(const std::filesystem::path& stem,
                                  const std::vector<cv::Mat>& frames,
                                  double frames_per_second) {
  if (frames.empty()) {
    throw Error(ErrorParts{.what = "there are no frames to write", .where = stem.string()});
  }
  std::filesystem::path path = stem;
  path += ".mp4";
  if (write_mp4(path, frames, frames_per_second)) {
    return path;
  }
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  path = stem;
  path += ".gif";
  write_gif(path, frames, frames_per_second);
  return path;
}

}  // namespace parallax
