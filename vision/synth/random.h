// A small random generator whose numbers are the same on every platform and library: a seed must
// give the same procedural scene everywhere, which std::uniform_* do not guarantee.
#pragma once

#include <cstdint>
#include <opencv2/core/matx.hpp>

namespace parallax {

// SplitMix64's finaliser: a bijection that scatters every bit over all others.
std::uint64_t mix_bits(std::uint64_t value);

// SplitMix64. Copying it copies its state. Every derived quantity uses only + − × ÷ and square
// roots, which IEEE 754 rounds alike everywhere (libm's sine does not).
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(mix_bits(seed)) {}

  // An independent generator for one purpose, so that drawing more from one does not shift the
  // others.
  Random fork(std::uint64_t stream) const;

  std::uint64_t next();
  double uniform();                         // [0, 1)
  double uniform(double low, double high);  // [low, high)
  int integer(int low, int high);           // low ≤ x ≤ high, without bias
  bool chance(double probability);
  cv::Vec3d direction();            // uniform on the unit sphere
  cv::Matx33d rotation();           // uniform over all rotations
  cv::Matx33d vertical_rotation();  // about z

 private:
  std::uint64_t state_;
};

}  // namespace parallax
