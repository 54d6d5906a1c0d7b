// FreeType's glyphs blended into OpenCV's pictures.
#include "apps/report/text.h"

#include <ft2build.h>
#include FT_FREETYPE_H

#include <algorithm>
#include <cmath>
#include <mutex>
#include <opencv2/imgproc.hpp>
#include <optional>
#include <vector>

namespace parallax {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

// Code points of UTF-8; U+FFFD for each byte that is none.
std::vector<char32_t> code_points(const std::string& text) {
  std::vector<char32_t> points;
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const size_t more = first < 0x80 ? 0 : first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    char32_t point = more == 0 ? first : first & (0x3FU >> more);
    bool whole = (first < 0x80 || (first >= 0xC2 && first < 0xF5)) && i + more < text.size();
    for (size_t k = 1; whole && k <= more; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      whole = (next & 0xC0U) == 0x80;
      point = point << 6U | (next & 0x3FU);
    }
    points.push_back(whole ? point : kReplacement);
    i += whole ? more + 1 : 1;
  }
  return points;
}

// The typeface, opened once; null if this machine does not have it.
FT_Face open_face() {
  static const FT_Face kFace = [] {
    FT_Library library = nullptr;
    FT_Face opened = nullptr;
    const bool fine =
        FT_Init_FreeType(&library) == 0 && FT_New_Face(library, kFontFile, 0, &opened) == 0;
    return fine ? opened : nullptr;
  }();
  return kFace;
}

// Blends a glyph's coverage into the picture, where it lies inside.
void blend(cv::Mat& picture, const FT_Bitmap& glyph, cv::Point corner, const cv::Scalar& colour) {
  const cv::Rect inside =
      cv::Rect(corner.x, corner.y, static_cast<int>(glyph.width), static_cast<int>(glyph.rows)) &
      cv::Rect({}, picture.size());
  for (int y = inside.y; y < inside.br().y; ++y) {
    const unsigned char* coverage =
        glyph.buffer + static_cast<ptrdiff_t>(y - corner.y) * glyph.pitch;
    for (int x = inside.x; x < inside.br().x; ++x) {
      const double share = coverage[x - corner.x] / 255.0;
      auto& pixel = picture.at<cv::Vec3b>(y, x);
      for (int c = 0; c < 3; ++c) {
        pixel[c] = cv::saturate_cast<uchar>(std::lround(pixel[c] + share * (colour[c] - pixel[c])));
      }
    }
  }
}

// Calls `draw(glyph, x)` for each glyph with its place from the start; returns the whole width.
// Nothing without the typeface.
template <class Draw>
std::optional<int> for_each_glyph(const std::string& text,
                                  int pixels,
                                  FT_Int32 flags,
                                  const Draw& draw) {
  static std::mutex mutex;  // a face holds the glyph that it loaded last
  const std::lock_guard lock(mutex);
  const FT_Face face = open_face();
  if (face == nullptr || FT_Set_Pixel_Sizes(face, 0, static_cast<FT_UInt>(pixels)) != 0) {
    return std::nullopt;
  }
  FT_Pos x = 0;  // in 64ths of a pixel
  for (const char32_t point : code_points(text)) {
    if (FT_Load_Char(face, point, flags) == 0) {
      draw(*face->glyph, static_cast<int>(x >> 6));
      x += face->glyph->advance.x;
    }
  }
  return static_cast<int>((x + 63) >> 6);
}

std::string ascii_alone(const std::string& text) {
  std::string result;
  for (const char32_t point : code_points(text)) {
    result += point >= 0x20 && point < 0x7F ? static_cast<char>(point) : '?';
  }
  return result;
}

// Of OpenCV's strokes, which are 30 pixels high at scale 1.
double stroke_scale(int pixels) { return pixels / 30.0; }

}  // namespace

void write_text(cv::Mat& picture,
                const std::string& text,
                cv::Point start,
                int pixels,
                const cv::Scalar& colour) {
  CV_Assert(picture.type() == CV_8UC3);
  const auto draw = [&](const FT_GlyphSlotRec& glyph, int x) {
    blend(picture,
          glyph.bitmap,
          {start.x + x + glyph.bitmap_left, start.y - glyph.bitmap_top},
          colour);
  };
  if (!for_each_glyph(text, pixels, FT_LOAD_RENDER, draw)) {
    cv::putText(picture,
                ascii_alone(text),
                start,
                cv::FONT_HERSHEY_SIMPLEX,
                stroke_scale(pixels),
                colour,
                1,
                cv::LINE_AA);
  }
}

int text_width(const std::string& text, int pixels) {
  int baseline = 0;
  const auto width =
      for_each_glyph(text, pixels, FT_LOAD_DEFAULT, [](const FT_GlyphSlotRec&, int) {});
  return width
             ? *width
             : cv::getTextSize(
                   ascii_alone(text), cv::FONT_HERSHEY_SIMPLEX, stroke_scale(pixels), 1, &baseline)
                   .width;
}

}  // namespace parallax
