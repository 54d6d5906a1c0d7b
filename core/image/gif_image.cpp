// Decodes with giflib from memory.
#include "core/image/gif_image.h"

#include <gif_lib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <vector>

#include "core/base/error.h"

namespace parallax {
namespace {

constexpr std::int64_t kMostPixels = std::int64_t{1} << 28;

struct Input {
  std::string_view file;
  std::size_t position = 0;
};

int read_bytes(GifFileType* gif, GifByteType* to, int count) {
  auto& input = *static_cast<Input*>(gif->UserData);
  const std::size_t given =
      std::min(static_cast<std::size_t>(count), input.file.size() - input.position);
  std::memcpy(to, input.file.data() + input.position, given);
  input.position += given;
  return static_cast<int>(given);
}

struct Close {
  void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
};

[[noreturn]] void fail(const std::string& where, int code) {
  const char* text = GifErrorString(code);
  throw Error({.what = std::string("the GIF image is damaged or cut off: ") +
                       (text != nullptr ? text : "it holds no picture"),
               .where = where});
}

// The index of the transparent colour, from the control extension that precedes an image; −1: none.
int transparent_index(GifFileType* gif, const std::string& where) {
  int code = 0;
  int transparent = -1;
  GifByteType* block = nullptr;
  if (DGifGetExtension(gif, &code, &block) == GIF_ERROR) {
    fail(where, gif->Error);
  }
  while (block != nullptr) {
    if (code == GRAPHICS_EXT_FUNC_CODE && block[0] >= 4 && (block[1] & 1) != 0) {
      transparent = block[4];
    }
    if (DGifGetExtensionNext(gif, &block) == GIF_ERROR) {
      fail(where, gif->Error);
    }
  }
  return transparent;
}

cv::Mat read_picture(GifFileType* gif, int transparent, const std::string& where) {
  if (DGifGetImageDesc(gif) == GIF_ERROR) {
    fail(where, gif->Error);
  }
  const GifImageDesc& frame = gif->Image;
  const ColorMapObject* colours = frame.ColorMap != nullptr ? frame.ColorMap : gif->SColorMap;
  const std::int64_t pixels = std::int64_t{gif->SWidth} * gif->SHeight;
  if (colours == nullptr || frame.Width < 1 || frame.Height < 1 || pixels < 1 ||
      pixels > kMostPixels || frame.Left < 0 || frame.Top < 0 ||
      frame.Left + frame.Width > gif->SWidth || frame.Top + frame.Height > gif->SHeight) {
    throw Error({.what = "the GIF image's sizes or colours make no sense", .where = where});
  }
  // What is transparent has the transparent index's colour, as in Pillow without the alpha.
  const auto colour_of = [&](int index) {
    const GifColorType colour =
        index < colours->ColorCount ? colours->Colors[index] : GifColorType{};
    const bool is_opaque = index < colours->ColorCount && index != transparent;
    return cv::Vec4b(colour.Red, colour.Green, colour.Blue, is_opaque ? 255 : 0);
  };
  const cv::Vec4b first = colour_of(std::max(transparent, 0));
  cv::Mat canvas(gif->SHeight, gif->SWidth, CV_8UC4, cv::Scalar(first[0], first[1], first[2], 0));
  std::vector<GifPixelType> line(static_cast<std::size_t>(frame.Width));
  constexpr int kFirst[] = {0, 4, 2, 1};  // interlaced images come in four passes
  constexpr int kStep[] = {8, 8, 4, 2};
  for (int pass = 0; pass < (frame.Interlace ? 4 : 1); ++pass) {
    const int step = frame.Interlace ? kStep[pass] : 1;
    for (int y = frame.Interlace ? kFirst[pass] : 0; y < frame.Height; y += step) {
      if (DGifGetLine(gif, line.data(), frame.Width) == GIF_ERROR) {
        fail(where, gif->Error);
      }
      auto* to = canvas.ptr<cv::Vec4b>(frame.Top + y) + frame.Left;
      for (int x = 0; x < frame.Width; ++x) {
        to[x] = colour_of(line[static_cast<std::size_t>(x)]);
      }
    }
  }
  const bool covered = frame.Width == gif->SWidth && frame.Height == gif->SHeight;
  if (covered && transparent < 0) {
    cv::cvtColor(canvas, canvas, cv::COLOR_RGBA2RGB);
  }
  return canvas;
}

}  // namespace

cv::Mat decode_gif(std::string_view file, const std::string& where) {
  Input input{file};
  int code = 0;
  const std::unique_ptr<GifFileType, Close> gif(DGifOpen(&input, read_bytes, &code));
  if (!gif) {
    fail(where, code);
  }
  int transparent = -1;
  while (true) {
    GifRecordType record = UNDEFINED_RECORD_TYPE;
    if (DGifGetRecordType(gif.get(), &record) == GIF_ERROR) {
      fail(where, gif->Error);
    }
    if (record == EXTENSION_RECORD_TYPE) {
      transparent = std::max(transparent, transparent_index(gif.get(), where));
    } else if (record == IMAGE_DESC_RECORD_TYPE) {
      return read_picture(gif.get(), transparent, where);
    } else {
      fail(where, 0);
    }
  }
}

}  // namespace parallax
