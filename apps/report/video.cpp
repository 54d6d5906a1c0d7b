// MP4 through a library of our own, loaded here; GIF through giflib.
#include "apps/report/video.h"

#include <dlfcn.h>
#include <gif_lib.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <opencv2/core.hpp>
#include <optional>
#include <string>

#include "apps/report/mp4_colours.h"
#include "apps/report/video_encoder.h"
#include "core/base/error.h"
#include "core/base/paths.h"
#include "core/io/atomic_file.h"
#include "core/io/input_file.h"

namespace parallax {
namespace {

constexpr int kPaletteSize = 256;
constexpr int kPaletteSamples = 20000;  // pixels used to fit the palette
constexpr int kCubeBits = 5;            // colours are looked up in a 32³ cube

// A folder for one file, removed with it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::error_code error;
    path_ = (std::filesystem::temp_directory_path(error) / "parallax-video-XXXXXX").string();
    if (error || ::mkdtemp(path_.data()) == nullptr) {
      path_.clear();
    }
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty()) {
      std::filesystem::remove_all(path_, ignored);
    }
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }  // empty: there is none

 private:
  std::string path_;
};

// The file's bytes; nothing if no encoder works here, or the library with them cannot be loaded.
// OpenCV reports no failed write, so that the encoder's file is made elsewhere, and put in place
// once it is whole.
std::optional<std::string> encode_mp4(const std::vector<cv::Mat>& frames,
                                      double frames_per_second) {
  const std::filesystem::path library = program_folder() / "libparallax_video.so";
  void* loaded = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (loaded == nullptr) {
    return std::nullopt;
  }
  const auto write =
      reinterpret_cast<decltype(&parallax_write_mp4)>(dlsym(loaded, "parallax_write_mp4"));
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/video.mp4";
  if (write == nullptr || folder.path().empty() || !write(path, frames, frames_per_second)) {
    return std::nullopt;
  }
  const InputFile file(path);
  return file.read(0, static_cast<size_t>(file.size()));
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
  std::string bytes;
  const auto close = [](GifFileType* file) { EGifCloseFile(file, nullptr); };
  const auto append = [](GifFileType* file, const GifByteType* data, int count) {
    static_cast<std::string*>(file->UserData)->append(reinterpret_cast<const char*>(data), count);
    return count;
  };
  std::unique_ptr<GifFileType, decltype(close)> gif(EGifOpen(&bytes, append, &error), close);
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
  gif.reset();  // writes the end
  write_file_atomically(path, bytes);
}

std::filesystem::path write_video(const std::filesystem::path& stem,
                                  const std::vector<cv::Mat>& frames,
                                  double frames_per_second) {
  if (frames.empty()) {
    throw Error(ErrorParts{.what = "there are no frames to write", .where = stem.string()});
  }
  std::filesystem::path path = stem;
  path += ".mp4";
  if (const auto bytes = encode_mp4(frames, frames_per_second)) {
    write_file_atomically(path, with_colours_told(*bytes));
    return path;
  }
  path = stem;
  path += ".gif";
  write_gif(path, frames, frames_per_second);
  return path;
}

}  // namespace parallax
