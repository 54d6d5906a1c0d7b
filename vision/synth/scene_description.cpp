// Fingerprints of descriptions.
#include "vision/synth/scene_description.h"

#include <bit>

namespace parallax {

namespace {

class Hasher {
 public:
  void add(std::uint64_t value) { state_ = mix_bits(state_ ^ value) + 0x9E3779B97F4A7C15ULL; }
  void add(float value) { add(std::uint64_t{std::bit_cast<std::uint32_t>(value)}); }
  template <int M, int N>
  void add(const cv::Matx<float, M, N>& values) {
    for (const float value : values.val) {
      add(value);
    }
  }
  std::uint64_t state() const { return state_; }

 private:
  std::uint64_t state_ = 0;
};

void add_primitive(Hasher* hasher, const Primitive& primitive) {
  hasher->add(static_cast<std::uint64_t>(primitive.kind));
  hasher->add(primitive.half_size);
  hasher->add(primitive.roundness);
  hasher->add(primitive.taper);
  hasher->add(primitive.tube);
  hasher->add(static_cast<std::uint64_t>(primitive.sides));
  hasher->add(primitive.displacement);
  hasher->add(primitive.displacement_frequency);
  hasher->add(std::uint64_t{primitive.displacement_seed});
  for (const Cut& cut : primitive.cuts) {
    hasher->add(static_cast<std::uint64_t>(cut.kind));
    hasher->add(cut.vector);
    hasher->add(cut.scalar);
  }
}

void add_texture(Hasher* hasher, const Texture& texture) {
  hasher->add(static_cast<std::uint64_t>(texture.kind));
  for (const cv::Vec3f& color : texture.colors) {
    hasher->add(color);
  }
  hasher->add(texture.frame);
  hasher->add(texture.offset);
  hasher->add(texture.balance);
  hasher->add(std::uint64_t{texture.seed});
}

}  // namespace

std::uint64_t fingerprint(const SceneDescription& description) {
  Hasher hasher;
  for (const ScenePart& part : description.parts) {
    add_primitive(&hasher, part.primitive);
    add_texture(&hasher, part.texture);
    hasher.add(part.rotation);
    hasher.add(part.position);
  }
  const Lighting& lighting = description.lighting;
  hasher.add(lighting.sky);
  hasher.add(lighting.ground);
  for (const Lamp& lamp : lighting.lamps) {
    hasher.add(lamp.direction);
    hasher.add(lamp.intensity);
    hasher.add(lamp.angular_radius);
  }
  hasher.add(lighting.shadow_strength);
  hasher.add(description.radius);
  return hasher.state();
}

}  // namespace parallax
