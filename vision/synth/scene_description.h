// A procedural scene as plain values: solids, their poses and textures, and the lighting.
#pragma once

#include <cstdint>
#include <opencv2/core/matx.hpp>
#include <vector>

#include "vision/synth/primitives.h"
#include "vision/synth/textures.h"

namespace parallax {

// One solid with its texture and pose.
struct ScenePart {
  Primitive primitive;
  Texture texture;
  cv::Matx33f rotation = cv::Matx33f::eye();  // object axes → scene axes
  cv::Vec3f position;
};

// A distant lamp: a disc in the sky, so that shadows have soft edges.
struct Lamp {
  cv::Vec3f direction = {0, 0, 1};  // unit, from the scene to the lamp
  cv::Vec3f intensity = cv::Vec3f::all(0.5F);
  float angular_radius = 0.15F;  // radians
};

// Light on matte surfaces, in displayed intensities: sky and ground blend with the normal's z.
struct Lighting {
  cv::Vec3f sky = cv::Vec3f::all(0.6F);
  cv::Vec3f ground = cv::Vec3f::all(0.45F);
  std::vector<Lamp> lamps;
  float shadow_strength = 0;  // 0: no shadows; 1: shadows block all of a lamp's light
};

// Everything that determines a procedural scene.
struct SceneDescription {
  std::vector<ScenePart> parts;
  Lighting lighting;
  float radius = 0.85F;  // the finished scene is centred and scaled into a sphere of this radius
};

// A hash over every value in the description.
std::uint64_t fingerprint(const SceneDescription& description);

}  // namespace parallax
