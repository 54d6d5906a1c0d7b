// Smooth pseudo-random functions of space, for textures and displaced surfaces.
#pragma once

#include <cstdint>
#include <opencv2/core/matx.hpp>

namespace parallax {

// A well-scattered number for one cell of the integer lattice.
std::uint32_t hash_cell(int x, int y, int z, std::uint32_t seed);

// The same as a number in [0, 1).
float cell_value(int x, int y, int z, std::uint32_t seed);

// Interpolated lattice values, in [-1, 1]; cells have edge 1.
float value_noise(const cv::Vec3f& p, std::uint32_t seed);

// Perlin's gradient noise ("Improving Noise", 2002), about [-1, 1], zero on the lattice.
float gradient_noise(const cv::Vec3f& p, std::uint32_t seed);

// Octaves of gradient noise, each at twice the frequency and half the amplitude, about [-1, 1].
float fractal_noise(const cv::Vec3f& p, int octaves, std::uint32_t seed);

}  // namespace parallax
