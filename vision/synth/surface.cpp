// Looks colours up and multiplies them.
#include "vision/synth/surface.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace parallax {
namespace {

// A pixel's index within 0 … size − 1.
int wrapped(int index, int size, ImageWrap wrap) {
  switch (wrap) {
    case ImageWrap::kClamp:
      return std::clamp(index, 0, size - 1);
    case ImageWrap::kMirror: {
      const int within = ((index % (2 * size)) + 2 * size) % (2 * size);
      return within < size ? within : 2 * size - 1 - within;
    }
    default:
      return ((index % size) + size) % size;
  }
}

// A coordinate in pixels. Far ones are brought near first, where floats and ints have room.
float in_pixels(float coordinate, int size, ImageWrap wrap) {
  const float period = wrap == ImageWrap::kMirror ? 2 : 1;
  const float near = wrap == ImageWrap::kClamp
                         ? std::clamp(coordinate, -1.0F, 2.0F)
                         : coordinate - period * std::floor(coordinate / period);
  return near * static_cast<float>(size);
}

const std::array<float, 256>& linear_levels() {
  static const std::array<float, 256> kLevels = [] {
    std::array<float, 256> levels{};
    for (int i = 0; i < 256; ++i) {
      levels[i] = linear_from_displayed(static_cast<float>(i) / 255);
    }
    return levels;
  }();
  return kLevels;
}

// RGBA of one pixel.
cv::Vec4f texel(const cv::Mat& pixels, int row, int column, bool linear) {
  const int channels = pixels.channels();
  const std::uint8_t* p =
      pixels.ptr<std::uint8_t>(row) + static_cast<std::ptrdiff_t>(column) * channels;
  cv::Vec4f color = {0, 0, 0, channels == 4 ? static_cast<float>(p[3]) / 255 : 1};
  for (int c = 0; c < 3; ++c) {
    color[c] = linear ? linear_levels()[p[c]] : static_cast<float>(p[c]) / 255;
  }
  return color;
}

template <class Value>
Value interpolate(const std::vector<Value>& values, const SurfacePoint& point) {
  return values[point.corners[0]] * point.weights[0] + values[point.corners[1]] * point.weights[1] +
         values[point.corners[2]] * point.weights[2];
}

// RGBA, bilinear or of the nearest pixel; v grows upwards.
cv::Vec4f look_up_image(const SurfaceImage& image, const SurfacePoint& point, bool linear) {
  const cv::Mat& pixels = image.pixels;
  const cv::Vec2f uv = interpolate(image.uvs, point);
  // In rows from the top, mirrored and repeated alike: 1 − v.
  float x = in_pixels(uv[0], pixels.cols, image.wrap_u);
  float y = in_pixels(1 - uv[1], pixels.rows, image.wrap_v);
  if (image.nearest) {
    return texel(pixels,
                 wrapped(static_cast<int>(std::floor(y)), pixels.rows, image.wrap_v),
                 wrapped(static_cast<int>(std::floor(x)), pixels.cols, image.wrap_u),
                 linear);
  }
  x -= 0.5F;
  y -= 0.5F;
  const int x0 = static_cast<int>(std::floor(x));
  const int y0 = static_cast<int>(std::floor(y));
  const float fx = x - static_cast<float>(x0);
  const float fy = y - static_cast<float>(y0);
  cv::Vec4f sum;
  for (int dy = 0; dy < 2; ++dy) {
    const int row = wrapped(y0 + dy, pixels.rows, image.wrap_v);
    for (int dx = 0; dx < 2; ++dx) {
      const float weight = (dx == 0 ? 1 - fx : fx) * (dy == 0 ? 1 - fy : fy);
      sum += texel(pixels, row, wrapped(x0 + dx, pixels.cols, image.wrap_u), linear) * weight;
    }
  }
  return sum;
}

bool has_image(const SurfaceImage& image) { return !image.pixels.empty() && !image.uvs.empty(); }

cv::Vec3f rgb(const cv::Vec4f& color) { return {color[0], color[1], color[2]}; }

cv::Vec3f as_displayed(const cv::Vec3f& color) {
  return {displayed_from_linear(color[0]),
          displayed_from_linear(color[1]),
          displayed_from_linear(color[2])};
}

}  // namespace

float displayed_from_linear(float value) {
  return value <= 0.0031308F ? 12.92F * value : 1.055F * std::pow(value, 1 / 2.4F) - 0.055F;
}

float linear_from_displayed(float value) {
  return value <= 0.04045F ? value / 12.92F : std::pow((value + 0.055F) / 1.055F, 2.4F);
}

cv::Vec3f surface_color(const RenderPart& part, const SurfacePoint& point) {
  cv::Vec3f color =
      part.texture.kind == TextureKind::kSolid
          ? part.texture.colors[0]
          : evaluate_texture(part.texture,
                             part.object_from_world * point.world + part.object_offset);
  if (!part.mesh.vertex_colors.empty()) {
    color = color.mul(rgb(interpolate(part.mesh.vertex_colors, point)));
  }
  if (has_image(part.image)) {
    color = color.mul(rgb(look_up_image(part.image, point, part.surface.is_linear)));
  }
  return part.surface.is_linear ? as_displayed(color) : color;
}

cv::Vec3f surface_emission(const RenderPart& part, const SurfacePoint& point) {
  cv::Vec3f light = part.surface.emission;
  if (light == cv::Vec3f()) {
    return light;
  }
  if (has_image(part.surface.emission_image)) {
    light =
        light.mul(rgb(look_up_image(part.surface.emission_image, point, part.surface.is_linear)));
  }
  return part.surface.is_linear ? as_displayed(light) : light;
}

float surface_alpha(const RenderPart& part, const SurfacePoint& point) {
  if (part.surface.alpha_mode == AlphaMode::kOpaque) {
    return 1;
  }
  float alpha = part.surface.alpha;
  if (!part.mesh.vertex_colors.empty()) {
    alpha *= interpolate(part.mesh.vertex_colors, point)[3];
  }
  if (has_image(part.image)) {
    alpha *= look_up_image(part.image, point, false)[3];
  }
  if (part.surface.alpha_mode == AlphaMode::kMask) {
    return alpha >= part.surface.alpha_cutoff ? 1 : 0;
  }
  return std::clamp(alpha, 0.0F, 1.0F);
}

}  // namespace parallax
