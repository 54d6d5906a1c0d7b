// Value noise and Perlin noise on a lattice.
#include "vision/synth/noise.h"

#include <cmath>

namespace parallax {

namespace {

struct LatticePoint {
  int x, y, z;
  float fx, fy, fz;  // position inside the cell, [0, 1)
};

LatticePoint split(const cv::Vec3f& p) {
  const float x = std::floor(p[0]);
  const float y = std::floor(p[1]);
  const float z = std::floor(p[2]);
  return {
      static_cast<int>(x), static_cast<int>(y), static_cast<int>(z), p[0] - x, p[1] - y, p[2] - z};
}

// Perlin's quintic: first and second derivatives vanish at both ends, so that shading is smooth.
float fade(float t) { return t * t * t * (t * (t * 6 - 15) + 10); }

float lerp(float a, float b, float t) { return a + (b - a) * t; }

// Dot product of (x, y, z) with one of twelve edge directions of the cube.
float gradient_dot(std::uint32_t hash, float x, float y, float z) {
  const std::uint32_t h = hash >> 28;
  const float u = h < 8 ? x : y;
  const float v = h < 4 ? y : (h == 12 || h == 14 ? x : z);
  return ((h & 1U) != 0 ? -u : u) + ((h & 2U) != 0 ? -v : v);
}

template <typename Corner>
float blend_corners(const LatticePoint& p, const Corner& corner) {
  const float u = fade(p.fx);
  const float v = fade(p.fy);
  const float w = fade(p.fz);
  const float near_z =
      lerp(lerp(corner(0, 0, 0), corner(1, 0, 0), u), lerp(corner(0, 1, 0), corner(1, 1, 0), u), v);
  const float far_z =
      lerp(lerp(corner(0, 0, 1), corner(1, 0, 1), u), lerp(corner(0, 1, 1), corner(1, 1, 1), u), v);
  return lerp(near_z, far_z, w);
}

}  // namespace

std::uint32_t hash_cell(int x, int y, int z, std::uint32_t seed) {
  std::uint32_t h = seed;
  h ^= static_cast<std::uint32_t>(x) * 0x8DA6B343U;
  h ^= static_cast<std::uint32_t>(y) * 0xD8163841U;
  h ^= static_cast<std::uint32_t>(z) * 0xCB1AB31FU;
  h = (h ^ (h >> 16)) * 0x7FEB352DU;
  h = (h ^ (h >> 15)) * 0x846CA68BU;
  return h ^ (h >> 16);
}

float cell_value(int x, int y, int z, std::uint32_t seed) {
  return static_cast<float>(hash_cell(x, y, z, seed) >> 8) * 0x1.0p-24F;
}

float value_noise(const cv::Vec3f& p, std::uint32_t seed) {
  const LatticePoint cell = split(p);
  return blend_corners(cell, [&](int dx, int dy, int dz) {
    return 2 * cell_value(cell.x + dx, cell.y + dy, cell.z + dz, seed) - 1;
  });
}

float gradient_noise(const cv::Vec3f& p, std::uint32_t seed) {
  const LatticePoint cell = split(p);
  return blend_corners(cell, [&](int dx, int dy, int dz) {
    return gradient_dot(hash_cell(cell.x + dx, cell.y + dy, cell.z + dz, seed),
                        cell.fx - static_cast<float>(dx),
                        cell.fy - static_cast<float>(dy),
                        cell.fz - static_cast<float>(dz));
  });
}

float fractal_noise(const cv::Vec3f& p, int octaves, std::uint32_t seed) {
  float sum = 0;
  float amplitude = 1;
  float frequency = 1;
  for (int i = 0; i < octaves; ++i) {
    sum += amplitude * gradient_noise(p * frequency, seed + static_cast<std::uint32_t>(i));
    amplitude *= 0.5F;
    frequency *= 2;
  }
  return sum;
}

}  // namespace parallax
