// Tickets keep the order: a worker takes the next file together with a ticket number, and the
// consumer waits for the numbers in ascending order.
#include "vision/images/image_loader.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <thread>

#include "core/base/error.h"
#include "core/image/image.h"

namespace parallax {
namespace {

constexpr int kThumbnailQuality = 78;

std::string make_thumbnail(const cv::Mat& rgb, int side) {
  const double scale = std::min(1.0, static_cast<double>(side) / std::max(rgb.rows, rgb.cols));
  const cv::Size size(std::max(1, cvRound(rgb.cols * scale)),
                      std::max(1, cvRound(rgb.rows * scale)));
  cv::Mat small;
  cv::resize(rgb, small, size, 0, 0, cv::INTER_AREA);
  cv::cvtColor(small, small, rgb.channels() == 4 ? cv::COLOR_RGBA2BGR : cv::COLOR_RGB2BGR);
  std::vector<uchar> bytes;
  cv::imencode(".jpg", small, bytes, {cv::IMWRITE_JPEG_QUALITY, kThumbnailQuality});
  return {bytes.begin(), bytes.end()};
}

// An error message without the path at its beginning, which is shown next to it anyway.
std::string without_path(const std::string& text, const std::string& path) {
  const std::string prefix = path + ": ";
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

}  // namespace

LoadedImage load_image(const ImageFile& file, const ImageLoaderOptions& options) {
  LoadedImage loaded{.file = file};
  if (!file.error.empty()) {
    return loaded;
  }
  try {
    const StoredImage stored = file.archive.empty() ? read_stored_image(file.path)
                                                    : read_stored_image(file.archive, file.part);
    const cv::Mat image = options.upright ? upright(stored) : stored.pixels;
    loaded.rows = image.rows;
    loaded.cols = image.cols;
    const cv::Mat crop = crop_for_classifier(image, options.view);
    loaded.pixels =
        options.normalise
            ? normalised_image(crop)
            : torch::from_blob(crop.data, {crop.rows, crop.cols, 3}, torch::kUInt8).clone();
    if (options.thumbnail_side > 0) {
      loaded.thumbnail = make_thumbnail(image, options.thumbnail_side);
    }
  } catch (const Error& error) {
    const std::filesystem::path& read = file.archive.empty() ? file.path : file.archive;
    loaded.file.error = without_path(error.what(), read.string());
  } catch (const std::bad_alloc&) {
    loaded.file.error = "there is not enough memory to decode it";
  } catch (const std::exception&) {  // of a library, which speaks of its own sources
    loaded.file.error = "it cannot be decoded";
  }
  if (!loaded.file.error.empty()) {
    loaded.pixels = Tensor();
    loaded.thumbnail.clear();
  }
  return loaded;
}

struct ImageLoader::State {
  Source source;
  ImageLoaderOptions options;

  std::mutex source_mutex;  // held while calling the source, which may take long
  std::mutex mutex;         // guards everything below
  std::condition_variable_any room;
  std::condition_variable ready;
  std::map<uint64_t, LoadedImage> loaded;  // by ticket
  uint64_t tickets = 0;                    // given out
  uint64_t consumed = 0;
  bool exhausted = false;
  std::exception_ptr failure;

  std::vector<std::jthread> workers;  // last, so that they end before the members they use

  void work(const std::stop_token& stop);
  // The next file and its ticket; empty at the end or when stopped.
  std::optional<std::pair<uint64_t, ImageFile>> take(const std::stop_token& stop);
};

std::optional<std::pair<uint64_t, ImageFile>> ImageLoader::State::take(
    const std::stop_token& stop) {
  const std::lock_guard one_at_a_time(source_mutex);
  {
    std::unique_lock lock(mutex);
    const bool go =
        room.wait(lock, stop, [&] { return exhausted || tickets < consumed + options.ahead; });
    if (!go || exhausted) {
      return std::nullopt;
    }
  }
  std::optional<ImageFile> file;
  std::exception_ptr thrown;
  try {
    file = source();
  } catch (...) {
    thrown = std::current_exception();
  }
  const std::lock_guard lock(mutex);
  if (!file) {
    exhausted = true;
    failure = thrown;
    ready.notify_all();
    room.notify_all();
    return std::nullopt;
  }
  return std::pair{tickets++, std::move(*file)};
}

void ImageLoader::State::work(const std::stop_token& stop) {
  while (auto taken = take(stop)) {
    LoadedImage image = load_image(taken->second, options);
    const std::lock_guard lock(mutex);
    loaded.emplace(taken->first, std::move(image));
    ready.notify_all();
  }
}

ImageLoader::ImageLoader(Source source, const ImageLoaderOptions& options)
    : state_(std::make_unique<State>()) {
  state_->source = std::move(source);
  state_->options = options;
  state_->options.ahead = std::max<size_t>(1, options.ahead);
  for (int i = 0; i < std::max(1, options.workers); ++i) {
    state_->workers.emplace_back(
        [state = state_.get()](const std::stop_token& stop) { state->work(stop); });
  }
}

ImageLoader::~ImageLoader() {
  // Stops all of them before joining any: a worker may be waiting for another one.
  for (std::jthread& worker : state_->workers) {
    worker.request_stop();
  }
}

std::vector<LoadedImage> ImageLoader::next_batch(size_t count) {
  std::vector<LoadedImage> batch;
  State& s = *state_;
  std::unique_lock lock(s.mutex);
  while (batch.size() < count) {
    const auto here = [&] { return !s.loaded.empty() && s.loaded.begin()->first == s.consumed; };
    s.ready.wait(lock, [&] { return here() || (s.exhausted && s.consumed == s.tickets); });
    if (!here()) {
      break;
    }
    batch.push_back(std::move(s.loaded.begin()->second));
    s.loaded.erase(s.loaded.begin());
    ++s.consumed;
    s.room.notify_all();
  }
  if (batch.empty() && s.failure) {
    std::rethrow_exception(std::exchange(s.failure, nullptr));
  }
  return batch;
}

}  // namespace parallax
