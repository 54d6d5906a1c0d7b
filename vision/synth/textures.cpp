// Procedural patterns and their random choice.
#include "vision/synth/textures.h"

#include <algorithm>
#include <cmath>

#include "vision/synth/noise.h"

namespace parallax {

namespace {

constexpr float kMortar = 0.06F;  // width of the joints between bricks, in bricks

float fraction(float x) { return x - std::floor(x); }

int cell(float x) { return static_cast<int>(std::floor(x)); }

cv::Vec3f mix(const cv::Vec3f& a, const cv::Vec3f& b, float t) { return a + (b - a) * t; }

// Three colours along t in [0, 1].
cv::Vec3f ramp(const Texture& texture, float t) {
  t = std::clamp(t, 0.0F, 1.0F) * 2;
  return t < 1 ? mix(texture.colors[0], texture.colors[1], t)
               : mix(texture.colors[1], texture.colors[2], t - 1);
}

cv::Vec3f dots(const Texture& texture, const cv::Vec3f& q) {
  const int x = cell(q[0]);
  const int y = cell(q[1]);
  const int z = cell(q[2]);
  const cv::Vec3f d = {fraction(q[0]) - 0.5F, fraction(q[1]) - 0.5F, fraction(q[2]) - 0.5F};
  const float radius = 0.3F + 0.2F * texture.balance;
  const bool other = cell_value(x, y, z, texture.seed) < 0.3F;
  return d.dot(d) < radius * radius ? texture.colors[other ? 2 : 1] : texture.colors[0];
}

cv::Vec3f bricks(const Texture& texture, const cv::Vec3f& q) {
  const int row = cell(q[2] * 2);
  const float shift = (row & 1) != 0 ? 0.5F : 0.0F;
  const cv::Vec3f p = {q[0] + shift, q[1] + shift, q[2] * 2};
  if (fraction(p[0]) < kMortar || fraction(p[1]) < kMortar || fraction(p[2]) < 2 * kMortar) {
    return texture.colors[1];
  }
  const float shade = cell_value(cell(p[0]), cell(p[1]), row, texture.seed);
  return texture.colors[0] * (0.75F + 0.25F * shade);
}

cv::Vec3f marble(const Texture& texture, const cv::Vec3f& q) {
  const float phase = q[0] * 3 + 3 * fractal_noise(q, 3, texture.seed);
  return ramp(texture, 0.5F + 0.5F * std::sin(phase));
}

cv::Vec3f wood(const Texture& texture, const cv::Vec3f& q) {
  const float wobble = 0.35F * gradient_noise(q, texture.seed);
  const float ring = fraction(2 * std::sqrt(q[0] * q[0] + q[1] * q[1]) + wobble);
  return mix(texture.colors[0], texture.colors[1], ring * ring);
}

cv::Vec3f random_color(Random& random) {
  // Hue, saturation, value. Pale bright colours are excluded: they would vanish on white.
  const double hue = random.uniform(0, 6);
  const bool grey = random.chance(0.12);
  const double saturation = grey ? random.uniform(0, 0.1) : random.uniform(0.25, 0.9);
  const double value = grey ? random.uniform(0.15, 0.75) : random.uniform(0.45, 1.0);
  cv::Vec3f rgb;
  for (int channel = 0; channel < 3; ++channel) {
    double k = 5 - 2 * channel + hue;
    k -= 6 * std::floor(k / 6);
    const double dip = std::clamp(std::min(k, 4 - k), 0.0, 1.0);
    rgb[channel] = static_cast<float>(value * (1 - saturation * dip));
  }
  return rgb;
}

// Axes of the pattern: mostly those of the object, as on man-made things.
cv::Matx33d random_axes(Random& random) {
  if (random.chance(0.4)) {
    return random.rotation();
  }
  const int first = random.integer(0, 2);
  cv::Matx33d axes = cv::Matx33d::zeros();
  for (int i = 0; i < 3; ++i) {
    axes(i, (i + first) % 3) = 1;
  }
  return axes;
}

}  // namespace

cv::Vec3f evaluate_texture(const Texture& texture, const cv::Vec3f& point) {
  if (texture.kind == TextureKind::kSolid) {
    return texture.colors[0];
  }
  const cv::Vec3f q = texture.frame * point + texture.offset;
  switch (texture.kind) {
    case TextureKind::kStripes:
      return texture.colors[fraction(q[0]) < texture.balance ? 0 : 1];
    case TextureKind::kChecker:
      return texture.colors[((cell(q[0]) + cell(q[1]) + cell(q[2])) & 1) != 0 ? 1 : 0];
    case TextureKind::kDots:
      return dots(texture, q);
    case TextureKind::kGradient:
      // Mirrored at both ends, so that it has no jump.
      return ramp(texture, std::abs(2 * fraction(q[0] * 0.25F) - 1));
    case TextureKind::kClouds:
      return ramp(texture,
                  0.5F + 0.5F * (value_noise(q, texture.seed) +
                                 0.5F * value_noise(q * 2.0F, texture.seed + 1)));
    case TextureKind::kBlotches:
      return texture.colors[fractal_noise(q, 2, texture.seed) < texture.balance - 0.5F ? 0 : 1];
    case TextureKind::kMarble:
      return marble(texture, q);
    case TextureKind::kWood:
      return wood(texture, q);
    case TextureKind::kBricks:
      return bricks(texture, q);
    case TextureKind::kSolid:
      break;
  }
  return texture.colors[0];
}

Texture random_texture(Random& random, double detail) {
  Texture texture;
  for (cv::Vec3f& color : texture.colors) {
    color = random_color(random);
  }
  const bool patterned = random.chance(0.08 + 0.82 * detail);
  const int kind = random.integer(1, kNumTextureKinds - 1);
  const double frequency = random.uniform(1.0 + detail, 1.6 + 5.4 * detail);
  const cv::Matx33d axes = random_axes(random) * frequency;
  texture.frame = cv::Matx33f(axes);
  for (int i = 0; i < 3; ++i) {
    texture.offset[i] = static_cast<float>(random.uniform(-8, 8));
  }
  texture.balance = static_cast<float>(random.uniform(0.3, 0.7));
  texture.seed = static_cast<std::uint32_t>(random.next() >> 32);
  if (patterned) {
    texture.kind = static_cast<TextureKind>(kind);
  }
  // Half of the patterns vary a single colour, as on most printed and natural things.
  if (random.chance(0.5)) {
    const float factor = static_cast<float>(random.uniform(0.45, 0.75));
    texture.colors[1] = texture.colors[0] * factor;
    texture.colors[2] = mix(texture.colors[0], cv::Vec3f::all(1), 0.5F);
  }
  return texture;
}

}  // namespace parallax
