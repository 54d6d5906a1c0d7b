// Procedural solid textures: evaluated at points of object space, so that surfaces need no texture
// coordinates.
#pragma once

#include <array>
#include <cstdint>
#include <opencv2/core/matx.hpp>

#include "vision/synth/random.h"

namespace parallax {

// The patterns that a texture can have.
enum class TextureKind {
  kSolid,
  kStripes,
  kChecker,
  kDots,
  kGradient,
  kClouds,    // value noise between three colours
  kBlotches,  // thresholded Perlin noise
  kMarble,
  kWood,
  kBricks,
};
inline constexpr int kNumTextureKinds = 10;

// A pattern with its colours and its placement in object space.
struct Texture {
  TextureKind kind = TextureKind::kSolid;
  std::array<cv::Vec3f, 3> colors{};       // RGB in [0, 1], as displayed
  cv::Matx33f frame = cv::Matx33f::eye();  // object axes → texture axes, cells of edge 1
  cv::Vec3f offset;                        // in cells
  float balance = 0.5F;                    // share of the first colour if there are two
  std::uint32_t seed = 0;
};

// Colour at a point of object space; RGB in [0, 1].
cv::Vec3f evaluate_texture(const Texture& texture, const cv::Vec3f& point);

// A random texture. `detail` in [0, 1] raises both the chance of a pattern and its spatial
// frequency; at 0 nearly everything has a single colour.
Texture random_texture(Random& random, double detail);

}  // namespace parallax
