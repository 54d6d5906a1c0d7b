// Decodes with libwebpdemux from memory.
#include "core/image/webp_image.h"

#include <webp/demux.h>

#include <memory>
#include <opencv2/imgproc.hpp>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr std::size_t kFlags = 20;  // of the chunk VP8X, which an animation begins with
constexpr char kAnimation = 2;
constexpr char kAlpha = 16;

bool has_flag(std::string_view file, char flag) {
  return file.size() > kFlags && file.substr(12, 4) == "VP8X" && (file[kFlags] & flag) != 0;
}

struct Delete {
  void operator()(WebPAnimDecoder* decoder) const { WebPAnimDecoderDelete(decoder); }
};

}  // namespace

bool is_animated_webp(std::string_view file) { return has_flag(file, kAnimation); }

cv::Mat decode_animated_webp(std::string_view file, const std::string& where) {
  const WebPData data{reinterpret_cast<const std::uint8_t*>(file.data()), file.size()};
  WebPAnimDecoderOptions options{};
  WebPAnimDecoderOptionsInit(&options);
  const std::unique_ptr<WebPAnimDecoder, Delete> decoder(WebPAnimDecoderNew(&data, &options));
  WebPAnimInfo info{};
  std::uint8_t* pixels = nullptr;
  int end_milliseconds = 0;
  if (!decoder || WebPAnimDecoderGetInfo(decoder.get(), &info) == 0 ||
      WebPAnimDecoderGetNext(decoder.get(), &pixels, &end_milliseconds) == 0) {
    throw Error({.what = "the WebP animation is damaged or cut off", .where = where});
  }
  const cv::Mat canvas(static_cast<int>(info.canvas_height),
                       static_cast<int>(info.canvas_width),
                       CV_8UC4,
                       pixels);  // the decoder's own
  if (has_flag(file, kAlpha)) {
    return canvas.clone();
  }
  cv::Mat rgb;
  cv::cvtColor(canvas, rgb, cv::COLOR_RGBA2RGB);
  return rgb;
}

}  // namespace parallax
