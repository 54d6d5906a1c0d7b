// Draws scenes from families.
#include "vision/synth/scene_generator.h"

#include <algorithm>
#include <cmath>

#include "vision/synth/random.h"

namespace parallax {

namespace {

constexpr int kPlacementTries = 3;

enum Stream : std::uint64_t { kShapes, kMatter, kLight };

float draw(Random& random, double low, double high) {
  return static_cast<float>(random.uniform(low, high));
}

PrimitiveKind draw_kind(Random& random, const SceneFamily& family) {
  double total = 0;
  for (const double weight : family.kind_weights) {
    total += weight;
  }
  double left = random.uniform(0, total);
  for (int i = 0; i < kNumPrimitiveKinds; ++i) {
    left -= family.kind_weights[i];
    if (left < 0) {
      return static_cast<PrimitiveKind>(i);
    }
  }
  return PrimitiveKind::kBox;
}

cv::Vec3f draw_half_size(Random& random, PrimitiveKind kind, float size, float tube) {
  const float a = draw(random, 0, 1);
  const float b = draw(random, 0, 1);
  const float c = draw(random, 0, 1);
  const auto between = [size](float t, float low, float high) {
    return size * (low + (high - low) * t);
  };
  switch (kind) {
    case PrimitiveKind::kEllipsoid:
      return {between(a, 0.55F, 1), between(b, 0.55F, 1), between(c, 0.55F, 1)};
    case PrimitiveKind::kBox:
      return {between(a, 0.45F, 1), between(b, 0.45F, 1), between(c, 0.4F, 0.9F)};
    case PrimitiveKind::kPlate:
      return {between(a, 0.7F, 1.2F), between(b, 0.5F, 1.1F), between(c, 0.06F, 0.14F)};
    case PrimitiveKind::kCylinder: {
      const float r = between(a, 0.4F, 0.8F);
      return {r, r, between(b, 0.4F, 1.1F)};
    }
    case PrimitiveKind::kCone: {
      const float r = between(a, 0.55F, 0.9F);
      return {r, r, between(b, 0.5F, 1)};
    }
    case PrimitiveKind::kTorus: {
      const float r = between(a, 0.7F, 1.1F);
      return {r, r, r * tube * (0.8F + 0.5F * b)};
    }
    case PrimitiveKind::kCapsule: {
      const float r = between(a, 0.25F, 0.5F);
      return {r, r, r + between(b, 0.3F, 0.7F)};
    }
  }
  return cv::Vec3f::all(size);
}

// Approximately how far the solid reaches in a direction given in its own axes.
float extent(const Primitive& primitive, const cv::Vec3f& direction) {
  const cv::Vec3f scaled = primitive.half_size.mul(direction);
  return std::sqrt(scaled.dot(scaled));
}

Cut draw_cut(Random& random, const Primitive& primitive) {
  const cv::Vec3f direction = cv::Vec3f(random.direction());
  Cut cut;
  const bool plane = random.chance(0.5);
  const float depth = draw(random, 0, 1);
  const float size = draw(random, 0.45, 0.85);
  if (plane) {
    cut.vector = direction;
    cut.scalar = extent(primitive, direction) * (0.25F + 0.5F * depth);
    return cut;
  }
  cut.kind = Cut::Kind::kSphere;
  cut.vector = primitive.half_size.mul(direction) * (0.9F + 0.25F * depth);
  cut.scalar = size * std::sqrt(cut.vector.dot(cut.vector));
  return cut;
}

Primitive draw_primitive(Random& random, const SceneFamily& family, double size) {
  Primitive primitive;
  primitive.kind = draw_kind(random, family);
  primitive.tube = draw(random, 0.18, 0.4);
  primitive.half_size =
      draw_half_size(random, primitive.kind, static_cast<float>(size), primitive.tube);
  const float roundness = draw(random, 0.15, 0.7);
  const int sides = random.integer(3, 6);
  const float taper = draw(random, 0.2, 0.7);
  if (random.chance(family.rounding_probability)) {
    if (primitive.kind == PrimitiveKind::kCone) {
      primitive.taper = taper;
    } else if (primitive.kind == PrimitiveKind::kCylinder && random.chance(0.5)) {
      primitive.sides = sides;
    } else {
      primitive.roundness = roundness;
    }
    if (primitive.kind == PrimitiveKind::kCone && random.chance(0.3)) {
      primitive.sides = sides;
    }
  }
  if (random.chance(family.displacement_probability)) {
    const cv::Vec3f& half = primitive.half_size;
    primitive.displacement = std::min({half[0], half[1], half[2]}) * draw(random, 0.08, 0.3);
    primitive.displacement_frequency = draw(random, 1.5, 5);
    primitive.displacement_seed = static_cast<std::uint32_t>(random.next() >> 32);
  }
  if (primitive.kind != PrimitiveKind::kTorus && random.chance(family.cut_probability)) {
    for (int i = random.integer(1, 2); i > 0; --i) {
      primitive.cuts.push_back(draw_cut(random, primitive));
    }
  }
  return primitive;
}

// Places a part against an existing one so that the two touch or overlap. Takes the most central of
// a few tries: scenes should be clusters, not chains, which would look small in the image.
cv::Vec3f place(Random& random, const std::vector<ScenePart>& parts, const ScenePart& part) {
  cv::Vec3f best;
  if (parts.empty()) {
    return best;
  }
  for (int i = 0; i < kPlacementTries; ++i) {
    const ScenePart& other = parts[random.integer(0, static_cast<int>(parts.size()) - 1)];
    const cv::Vec3f direction = cv::Vec3f(random.direction());
    const float reach = extent(other.primitive, other.rotation.t() * direction) +
                        extent(part.primitive, part.rotation.t() * direction);
    const cv::Vec3f position = other.position + direction * (reach * draw(random, 0.5, 0.95));
    if (i == 0 || position.dot(position) < best.dot(best)) {
      best = position;
    }
  }
  return best;
}

Lighting draw_lighting(Random& random, const SceneFamily& family) {
  Lighting lighting;
  const float ambient = draw(random, 0.6, 0.72);
  lighting.sky = cv::Vec3f::all(ambient * 1.06F);
  lighting.ground = cv::Vec3f::all(ambient * 0.92F);
  lighting.shadow_strength = static_cast<float>(family.shadow_strength);
  Lamp key;
  key.direction = cv::Vec3f(random.direction());
  if (key.direction[2] < -0.1F) {
    key.direction = -key.direction;
  }
  key.intensity = cv::Vec3f::all(draw(random, 0.42, 0.54));
  key.angular_radius = draw(random, 0.05, 0.25);
  lighting.lamps.push_back(key);
  if (random.chance(0.4 * family.texture_detail)) {
    Lamp fill;
    fill.direction = cv::Vec3f(random.direction());
    fill.intensity = cv::Vec3f::all(draw(random, 0.08, 0.2));
    fill.angular_radius = 0.3F;
    lighting.lamps.push_back(fill);
  }
  return lighting;
}

}  // namespace

SceneDescription describe_scene(const SceneFamily& family, std::uint64_t seed) {
  const Random root(seed);
  Random shapes = root.fork(kShapes);
  Random matter = root.fork(kMatter);
  Random light = root.fork(kLight);
  SceneDescription scene;
  scene.radius = draw(shapes, family.object_radius.low, family.object_radius.high);
  const int num_parts = shapes.integer(family.min_parts, family.max_parts);
  for (int i = 0; i < num_parts; ++i) {
    ScenePart part;
    const double size = shapes.uniform(0.3, 0.6) / (1 + 0.07 * i);
    part.primitive = draw_primitive(shapes, family, size);
    const bool tilted = shapes.chance(family.tilt_probability);
    part.rotation = cv::Matx33f(tilted ? shapes.rotation() : shapes.vertical_rotation());
    part.position = place(shapes, scene.parts, part);
    part.texture = random_texture(matter, family.texture_detail);
    scene.parts.push_back(std::move(part));
  }
  scene.lighting = draw_lighting(light, family);
  return scene;
}

}  // namespace parallax
