// SplitMix64 and the distributions that procedural scenes need.
#include "vision/synth/random.h"

#include <cmath>

#include "vision/scene/camera.h"

namespace parallax {

namespace {

constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15ULL;

// A point of the open unit disc other than its centre, and its squared radius.
cv::Vec2d disc_point(Random& random, double* squared_radius) {
  for (;;) {
    const double x = random.uniform(-1, 1);
    const double y = random.uniform(-1, 1);
    *squared_radius = x * x + y * y;
    if (*squared_radius > 1e-12 && *squared_radius < 1) {
      return {x, y};
    }
  }
}

}  // namespace

std::uint64_t mix_bits(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31);
}

Random Random::fork(std::uint64_t stream) const {
  return Random(state_ ^ mix_bits((stream + 1) * kGolden));
}

std::uint64_t Random::next() {
  state_ += kGolden;
  return mix_bits(state_);
}

double Random::uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

double Random::uniform(double low, double high) { return low + (high - low) * uniform(); }

int Random::integer(int low, int high) {
  const std::uint64_t count = static_cast<std::uint64_t>(high - low) + 1;
  // Values in the last, incomplete run of `count` would favour small results.
  const std::uint64_t limit = ~std::uint64_t{0} - ~std::uint64_t{0} % count;
  std::uint64_t value = next();
  while (value >= limit) {
    value = next();
  }
  return low + static_cast<int>(value % count);
}

bool Random::chance(double probability) { return uniform() < probability; }

cv::Vec3d Random::direction() {
  // Marsaglia (1972), "Choosing a point from the surface of a sphere".
  double s = 0;
  const cv::Vec2d p = disc_point(*this, &s);
  const double factor = 2 * std::sqrt(1 - s);
  return {p[0] * factor, p[1] * factor, 1 - 2 * s};
}

cv::Matx33d Random::rotation() {
  // A uniform unit quaternion from two disc points (Marsaglia 1972).
  double s = 0;
  double t = 0;
  const cv::Vec2d p = disc_point(*this, &s);
  const cv::Vec2d r = disc_point(*this, &t);
  const double factor = std::sqrt((1 - s) / t);
  return rotation_from_unit_quaternion(p[0], p[1], r[0] * factor, r[1] * factor);
}

cv::Matx33d Random::vertical_rotation() {
  // Doubling the angle of a disc point gives its cosine and sine without calling either function.
  double s = 0;
  const cv::Vec2d p = disc_point(*this, &s);
  const double cosine = (p[0] * p[0] - p[1] * p[1]) / s;
  const double sine = 2 * p[0] * p[1] / s;
  return {cosine, -sine, 0, sine, cosine, 0, 0, 0, 1};
}

}  // namespace parallax
